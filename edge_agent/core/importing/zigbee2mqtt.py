"""Zigbee2MQTT's list of devices (`bridge/devices`) to devices with channels and controls.

Every device carries a definition of what it exposes: type, property, unit, range, and by access bits whether it is in
the published state (1) or can be set (2). The state of a device is one JSON object on `<base>/<friendly name>`.

Source: Zigbee2MQTT, Exposes; MQTT topics and messages (bridge/devices, FRIENDLY_NAME, FRIENDLY_NAME/set, availability).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.device import (
    CHANNELS_MAX,
    DEVICES_MAX,
    Announcement,
    Availability,
    AvailabilityTopic,
    Channel,
    Control,
    Imported,
    ImportedDevice,
    Known,
    NotReadableError,
    Refusals,
    number,
    pointer,
    topic_problem,
    tree_of,
    word,
)
from edge_agent.core.importing.units import suggested, unit_code
from edge_agent.core.topics import device_id

BASE = "zigbee2mqtt"
_DEVICES = "/bridge/devices"
_PUBLISHED, _SETTABLE = 1, 2
_DEPTH_MAX = 6
_WORDS_MAX = 64
_GROUPS = frozenset({"climate", "cover", "fan", "light", "lock", "switch"})  # specific types: features, no property
_LINK = frozenset({"linkquality", "action", "last_seen", "update", "identify", "effect"})
_LOW = Known("battery.state", "flag", states=(("false", "ok"), ("true", "low")))


@dataclass(frozen=True, slots=True)
class _Found:
    """One exposed value: where it stands in the state, and what is said of it."""

    steps: tuple[str, ...]
    expose: Mapping[str, Tree]


def import_z2m(messages: Iterable[Announcement]) -> Imported:
    """Every device of the last list of each bridge. Never raises: what is not taken over is refused with the reason."""
    refusals = Refusals()
    lists = {each.topic: each.payload for each in messages if each.topic.endswith(_DEVICES)}
    devices: list[ImportedDevice] = []
    for topic, payload in lists.items():
        for entry in _entries(topic, payload, refusals):
            if len(devices) >= DEVICES_MAX:
                refusals.add(topic, f"more than {DEVICES_MAX} devices")
                break
            _add(entry, topic[: -len(_DEVICES)], devices=devices, refusals=refusals)
    removed = tuple(topic for topic, payload in lists.items() if not payload.strip())
    return Imported(tuple(devices), tuple(refusals.kept), removed)


def _entries(topic: str, payload: bytes, refusals: Refusals) -> list[Tree]:
    if not payload.strip():
        return []
    try:
        tree = tree_of(payload)
    except NotReadableError as exc:
        refusals.add(topic, str(exc))
        return []
    if not isinstance(tree, list):
        refusals.add(topic, "a list of devices is needed")
        return []
    return tree


def _add(entry: Tree, base: str, *, devices: list[ImportedDevice], refusals: Refusals) -> None:
    name = word(entry.get("friendly_name"), 400) if isinstance(entry, dict) else ""
    try:
        device = _device(entry, base, refusals=refusals)
    except NotReadableError as exc:
        refusals.add(name or f"{base}{_DEVICES}", str(exc))
        return
    if device is not None:
        taken = {each.id for each in devices}  # another bridge may have a device of the same name
        devices.append(device if device.id not in taken else replace(device, id=device_id(f"{base}/{device.title}")))


def _device(entry: Tree, base: str, *, refusals: Refusals) -> ImportedDevice | None:
    """The device, or None for a coordinator, and for one that tells nothing."""
    if isinstance(entry, dict) and entry.get("type") == "Coordinator":
        return None
    name, definition, address = _described(entry)
    topic = f"{base}/{name}"
    problem = topic_problem(topic) or topic_problem(f"{topic}/availability")
    if problem:
        raise NotReadableError(problem)
    channels: dict[str, Channel] = {}
    controls: dict[str, Control] = {}
    for found in _exposed(definition["exposes"], (), name=name, refusals=refusals):
        if len(channels) + len(controls) >= CHANNELS_MAX:
            refusals.add(name, f"more than {CHANNELS_MAX} values")
            break
        _take(found, topic, channels=channels, controls=controls, refusals=refusals)
    if not channels:
        return None
    told = (f"{base}/bridge/state", f"{topic}/availability")
    return ImportedDevice(
        source="z2m",
        id=device_id(name),
        title=name,
        names=tuple(each for each in (name, address) if each),
        model=word(definition.get("model")),
        manufacturer=word(definition.get("vendor")),
        channels=tuple(channels.values()),
        controls=tuple(controls.values()),
        availability=(Availability(tuple(AvailabilityTopic(each, steps=("state",)) for each in told), "all"),),
    )


def _described(entry: Tree) -> tuple[str, dict[str, Tree], str]:
    """Name, definition and address of a device that Zigbee2MQTT knows."""
    if not isinstance(entry, dict):
        raise NotReadableError("an entry of the list is no object")
    name, definition = entry.get("friendly_name"), entry.get("definition")
    if not isinstance(name, str) or not name:
        raise NotReadableError("it has no friendly_name")
    if entry.get("disabled") is True:
        raise NotReadableError("it is disabled")
    if not isinstance(definition, dict) or not isinstance(definition.get("exposes"), list):
        raise NotReadableError("Zigbee2MQTT has no definition of it (it is not supported, or not yet interviewed)")
    return name, definition, word(entry.get("ieee_address"))


def _exposed(
    exposes: Tree, above: tuple[str, ...], *, name: str, refusals: Refusals, depth: int = 0
) -> Iterator[_Found]:
    """Every generic value, with those inside of groups and composites."""
    if not isinstance(exposes, list) or depth > _DEPTH_MAX:
        refusals.add(name, "its exposes are nested too deep, or are no list")
        return
    for expose in exposes:
        if not isinstance(expose, dict):
            refusals.add(name, "one of its exposes is no object")
            continue
        kind, prop = expose.get("type"), expose.get("property")
        if kind in _GROUPS:
            yield from _exposed(expose.get("features"), above, name=name, refusals=refusals, depth=depth + 1)
        elif not isinstance(prop, str) or not prop:
            refusals.add(f"{name}: {word(expose.get('name'))}", "it has no property")
        elif kind == "composite":
            inside = (*above, prop)
            yield from _exposed(expose.get("features"), inside, name=name, refusals=refusals, depth=depth + 1)
        elif (*above, prop)[0] not in _LINK:
            yield _Found((*above, prop), expose)


def _take(
    found: _Found, topic: str, *, channels: dict[str, Channel], controls: dict[str, Control], refusals: Refusals
) -> None:
    key = ".".join(found.steps)
    access = found.expose.get("access")
    bits = access if isinstance(access, int) and not isinstance(access, bool) else 0
    try:
        if key in channels or key in controls:
            raise NotReadableError("the same property stands twice; the first one stands")  # noqa: TRY301 - as below
        channel = _channel(found, key, topic)
        if bits & _PUBLISHED:
            channels[key] = channel
        if bits & _SETTABLE:
            controls[key] = _control(found, key, topic)
        if not bits & (_PUBLISHED | _SETTABLE):
            refusals.add(f"{topic}: {key}", "its access bits say that it is neither published nor set")
    except NotReadableError as exc:
        refusals.add(f"{topic}: {key}", str(exc))


def _channel(found: _Found, key: str, topic: str) -> Channel:
    expose = found.expose
    title = word(expose.get("label")) or word(expose.get("name")) or key
    select, topics = pointer(found.steps), (topic,)
    match expose.get("type"):
        case "numeric":
            return _numeric(expose, Channel(key, title, topics, "json", select, "number"))
        case "binary":
            on, off = _word(expose.get("value_on")), _word(expose.get("value_off"))
            if on == off:
                raise NotReadableError("on and off are told by the same word")
            blank = Channel(key, title, topics, "json", select, "flag")
            if (expose.get("value_on"), expose.get("value_off")) != (True, False):
                blank = replace(blank, on=(on,), off=(off,))
            return replace(blank, suggests=("state", "warning"), known=_LOW if key == "battery_low" else None)
        case "enum":
            words = tuple(_word(each) for each in _values(expose))
            return Channel(key, title, topics, "json", select, "text", words=words, suggests=("state",))
        case "text":
            return Channel(key, title, topics, "json", select, "text", suggests=("state",))
    raise NotReadableError(f"a {word(expose.get('type'), 40) or 'value without a type'} is no single value")


def _numeric(expose: Mapping[str, Tree], blank: Channel) -> Channel:
    said = word(expose.get("unit"), 40)
    unit = unit_code(said)
    low, high = number(expose.get("value_min")), number(expose.get("value_max"))
    is_battery = blank.key == "battery" and unit == "%"
    bounds = (low, high) if low is not None and high is not None and low < high else (0, 100) if is_battery else None
    presets = expose.get("presets")
    special = (
        [number(each.get("value")) for each in presets if isinstance(each, dict)] if isinstance(presets, list) else []
    )
    return replace(
        blank,
        unit=unit,
        unit_said=said,
        bounds=bounds,
        sentinels=tuple(_whole(each) for each in special if each is not None)[:16],
        suggests=suggested(unit, device_class="battery" if is_battery else ""),
        known=Known("battery", "setting") if is_battery else None,
    )


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _values(expose: Mapping[str, Tree]) -> list[Tree]:
    values = expose.get("values")
    if not isinstance(values, list) or not 1 <= len(values) <= _WORDS_MAX:
        raise NotReadableError(f"values must be a list of 1 to {_WORDS_MAX} words")
    return values


def _word(said: Tree) -> str:
    """As a profile reads it: a flag as `true` or `false`, a whole number as its digits."""
    if isinstance(said, bool):
        return str(said).lower()
    if not isinstance(said, (str, int)) or len(str(said)) > 120:
        raise NotReadableError("one of its words is no short text")
    return str(said)


def _control(found: _Found, key: str, topic: str) -> Control:
    """What can be set, on `<topic>/set`: the properties on the way to it, with the value in the innermost."""
    expose, where = found.expose, f"{topic}/set"
    title = word(expose.get("label")) or word(expose.get("name")) or key
    match expose.get("type"):
        case "numeric":
            around: Tree = {}
            for step in reversed(found.steps[:-1]):
                around = {step: around}
            return Control(key, title, where, payload=around, at=pointer(found.steps))
        case "binary":
            said = [expose.get("value_on"), expose.get("value_off")]
        case "enum":
            said = _values(expose)
        case _:
            raise NotReadableError("only numbers and fixed words can be set")
    return Control(key, title, where, words=tuple((_word(each), _inside(found.steps, each)) for each in said))


def _inside(steps: tuple[str, ...], value: Tree) -> Tree:
    tree = value
    for step in reversed(steps):
        tree = {step: tree}
    return tree
