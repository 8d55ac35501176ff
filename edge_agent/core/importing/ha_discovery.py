"""Home Assistant's MQTT discovery: announcements to the entities that stand at the end of them all.

One topic announces one entity, or a device with all its components. Names of options may be short, `~` stands for a
base topic at the start or end of a topic, options of a device hold for its components, an empty payload takes back what
was announced, and a component with nothing but its platform is one that was removed. What an entity means is
`ha_entities`' part.

Source: Home Assistant, MQTT integration (discovery topic, single component and device discovery payloads, removal).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.abbreviations import DEVICE, full_name
from edge_agent.core.importing.device import Announcement, NotReadableError, Refusals, tree_of

PREFIX = "homeassistant"
_ID = r"[a-zA-Z0-9_-]{1,128}"
_TOPIC = re.compile(rf"(?P<component>[a-z0-9_]{{1,40}})/(?:(?P<node>{_ID})/)?(?P<object>{_ID})/config")
_SHARED = (
    *("availability", "availability_mode", "availability_template", "availability_topic", "payload_available"),
    *("payload_not_available", "command_topic", "state_topic", "qos", "encoding"),
)
_COMPONENTS_MAX = 500
_ANNOUNCEMENTS_MAX = 5_000
_OPTIONS_MAX = 200

Options = dict[str, Tree]


@dataclass(frozen=True, slots=True)
class Entity:
    """One announced entity: its platform, its name in the device, and its options by their full names.

    `node` is what its topic said beside it, `topic` where it was announced.
    """

    topic: str
    platform: str
    key: str
    node: str
    options: Options
    device: Options


@dataclass(slots=True)
class Announced:
    """What stands after the last announcement of each topic. `states` are the other messages, in their order."""

    entities: dict[str, tuple[Entity, ...]] = field(default_factory=dict)
    removed: dict[str, None] = field(default_factory=dict)
    states: list[Announcement] = field(default_factory=list)


def announced(messages: Iterable[Announcement], refusals: Refusals, *, prefix: str = PREFIX) -> Announced:
    """Every entity that stands at the end; what cannot be read is refused by its topic."""
    found = Announced()
    for message in messages:
        if not message.topic.startswith(prefix + "/") or not message.topic.endswith("/config"):
            found.states.append(message)
            continue
        try:
            _take(found, message, prefix=prefix, refusals=refusals)
        except NotReadableError as exc:
            found.entities.pop(message.topic, None)  # what it replaces does not stand any more either
            refusals.add(message.topic, str(exc))
    return found


def _take(found: Announced, message: Announcement, *, prefix: str, refusals: Refusals) -> None:
    match = _TOPIC.fullmatch(message.topic[len(prefix) + 1 :])
    if match is None:
        raise NotReadableError("not <prefix>/<component>/[<node>/]<object>/config with letters, digits, _ and -")
    found.removed.pop(message.topic, None)
    if not message.payload.strip():
        found.entities.pop(message.topic, None)
        found.removed[message.topic] = None
        return
    if message.topic not in found.entities and len(found.entities) >= _ANNOUNCEMENTS_MAX:
        raise NotReadableError(f"more than {_ANNOUNCEMENTS_MAX} announcements")
    options = _options(tree_of(message.payload))
    if options.get("migrate_discovery") is True:  # it is about to be announced in the other way
        found.entities.pop(message.topic, None)
        return
    component, node, name = match["component"], match["node"] or "", match["object"]
    if component == "device":
        found.entities[message.topic] = tuple(_components(options, message.topic, name=name, refusals=refusals))
        return
    device = _device(options, needed=False)
    found.entities[message.topic] = (
        Entity(message.topic, component, name, node or name, _with_topics(options, options), device),
    )


def _components(options: Options, topic: str, *, name: str, refusals: Refusals) -> Iterable[Entity]:
    device = _device(options, needed=True)
    if not isinstance(options.get("origin"), dict):
        raise NotReadableError("a device's announcement must name its origin (o)")
    components = options.get("components")
    if not isinstance(components, dict) or len(components) > _COMPONENTS_MAX:
        raise NotReadableError(f"components (cmps) must be an object of at most {_COMPONENTS_MAX}")
    shared = {key: options[key] for key in _SHARED if key in options}
    for key, found in components.items():
        try:
            own = _options(found)
            if own.keys() <= {"platform"}:
                continue  # it was removed
            whole = _with_topics(shared | own, options | own)
            yield Entity(topic, _platform(key, own), key, name, whole, device)
        except NotReadableError as exc:
            refusals.add(f"{topic}: {key}", str(exc))


def _platform(key: str, own: Options) -> str:
    platform = own.get("platform")
    if not isinstance(platform, str) or not 0 < len(key) <= 128:
        raise NotReadableError("a component must have a short name and a platform (p)")
    return platform


def _options(tree: Tree) -> Options:
    """Options by their full names, in the entries of `availability` too."""
    if not isinstance(tree, dict):
        raise NotReadableError("an object of options is needed")
    options = _full(tree)
    listed = options.get("availability")
    if isinstance(listed, dict):
        options["availability"] = _full(listed)
    elif isinstance(listed, list):
        options["availability"] = [_full(each) if isinstance(each, dict) else each for each in listed[:_OPTIONS_MAX]]
    return options


def _full(tree: Mapping[str, Tree]) -> Options:
    if len(tree) > _OPTIONS_MAX:
        raise NotReadableError(f"more than {_OPTIONS_MAX} options")
    options: Options = {}
    for key, value in tree.items():
        name = full_name(key)
        if name in options and options[name] != value:
            raise NotReadableError(f"{name} is given twice, in full and short")
        options[name] = value
    return options


def _device(options: Options, *, needed: bool) -> Options:
    found = options.get("device")
    if found is None and not needed:
        return {}
    if not isinstance(found, dict) or len(found) > _OPTIONS_MAX:
        raise NotReadableError("device (dev) must be an object")
    return {DEVICE.get(key, key): value for key, value in found.items()}


def _with_topics(options: Options, around: Options) -> Options:
    """The options with the base topic put in, where a topic begins or ends with `~`."""
    base = around.get("~")
    if base is None:
        return options
    if not isinstance(base, str) or len(base) > 400:
        raise NotReadableError("the base topic ~ is no short text")
    whole = {key: _based(value, base) if key.endswith("topic") else value for key, value in options.items()}
    listed = whole.get("availability")
    entries = listed if isinstance(listed, list) else [listed]
    if listed is not None:
        whole["availability"] = [
            each | {"topic": _based(each.get("topic"), base)} if isinstance(each, dict) else each for each in entries
        ]
    return whole


def _based(topic: Tree, base: str) -> Tree:
    if not isinstance(topic, str):
        return topic
    begun = base + topic[1:] if topic.startswith("~") else topic
    return begun[:-1] + base if topic.endswith("~") and len(topic) > 1 else begun
