"""Entities of Home Assistant's discovery to devices with channels and controls.

Taken over: `sensor`, `binary_sensor`, `number`, `select` and `switch` as what they tell, and what can be sent to a
`button` or one of the last three by `ha_controls`. What a template computes, what is only an event, and what a profile
cannot address is refused with the reason.

Source: Home Assistant, MQTT sensor, binary sensor, number, select, switch and button (options and their defaults).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.availability import availability_of, guard_of
from edge_agent.core.importing.device import (
    CHANNELS_MAX,
    DEVICES_MAX,
    Announcement,
    Availability,
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
    word,
)
from edge_agent.core.importing.ha_controls import control_of, number_control, text_of
from edge_agent.core.importing.ha_discovery import PREFIX, Entity, Options, announced
from edge_agent.core.importing.templates import Place, place_of
from edge_agent.core.importing.units import suggested, unit_code
from edge_agent.core.topics import device_id

_TELLS = frozenset({"sensor", "binary_sensor", "number", "select", "switch"})
_TAKES = frozenset({"button", "number", "select", "switch"})
_NO_VALUE = ("None", "null", "nan", "NaN", "unknown", "unavailable")
_NOT_A_NUMBER = frozenset({"date", "enum", "timestamp"})
_OPTIONS_MAX = 64


def import_ha(messages: Iterable[Announcement], *, prefix: str = PREFIX) -> Imported:
    """Every device that the announcements tell of. Never raises: what is not taken over is refused with the reason."""
    refusals = Refusals()
    found = announced(messages, refusals, prefix=prefix)
    groups: dict[str, list[Entity]] = {}
    home: dict[str, str] = {}  # each name of a device -> its group
    unique: set[tuple[str, str]] = set()
    for entity in (each for entities in found.entities.values() for each in entities):
        mark = (entity.platform, str(entity.options.get("unique_id")))
        if "unique_id" in entity.options and mark in unique:
            refusals.add(_name(entity), "its unique_id was announced before; the first one stands")
            continue
        unique.add(mark)
        names = _names(entity)
        group = next((home[name] for name in names if name in home), names[0])
        home.update(dict.fromkeys(names, group))
        groups.setdefault(group, []).append(entity)
    devices: list[ImportedDevice] = []
    taken: set[str] = set()
    for group, entities in groups.items():
        if len(devices) >= DEVICES_MAX:
            refusals.add(group, f"more than {DEVICES_MAX} devices")
            break
        device = _device(entities, taken=taken, refusals=refusals)
        if device is not None:
            taken.add(device.id)
            devices.append(device)
    return Imported(tuple(devices), tuple(refusals.kept), tuple(found.removed))


def _name(entity: Entity) -> str:
    return f"{entity.topic}: {entity.platform}.{entity.key}"


def _names(entity: Entity) -> list[str]:
    """By what its device is known: its identifiers and connections, and without any the node of its topic."""
    listed = entity.device.get("identifiers")
    names = [word(each) for each in (listed if isinstance(listed, list) else [listed])]
    connections = entity.device.get("connections")
    pairs = connections if isinstance(connections, list) else []
    names += [" ".join(word(each) for each in pair) for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    return [name for name in names if name.strip()][:16] or [entity.node]


def _device(entities: list[Entity], *, taken: set[str], refusals: Refusals) -> ImportedDevice | None:
    channels: dict[str, Channel] = {}
    controls: dict[str, Control] = {}
    presence: dict[Availability, None] = {}
    for entity in entities:
        if len(channels) + len(controls) >= CHANNELS_MAX:
            refusals.add(_name(entity), f"more than {CHANNELS_MAX} entities of one device")
            break
        try:
            _take(entity, channels, controls, presence)
        except NotReadableError as exc:
            refusals.add(_name(entity), str(exc))
    _refuse_two_formats(channels, refusals)
    if not channels and not controls:
        return None
    about, names = _about(entities), _names(entities[0])
    title = word(about.get("name")) or names[0]
    chosen = device_id(title)
    return ImportedDevice(
        source="ha",
        id=chosen if chosen not in taken else device_id(f"{title} {names[0]}"),
        title=title,
        names=(title, *names),
        model=word(about.get("model")),
        manufacturer=word(about.get("manufacturer")),
        channels=tuple(channels.values()),
        controls=tuple(controls.values()),
        availability=tuple(presence),
    )


def _about(entities: list[Entity]) -> Options:
    """What is said of the device, by the first that says it."""
    about: Options = {}
    for entity in entities:
        about = entity.device | about
    return about


def _refuse_two_formats(channels: dict[str, Channel], refusals: Refusals) -> None:
    """A topic is read in one way: as JSON, where anything is taken out of it."""
    in_json = {each.topics for each in channels.values() if each.format == "json"}
    for key in [key for key, each in channels.items() if each.format == "text" and each.topics in in_json]:
        refusals.add(channels[key].topics[0], f"{key}: the same topic is JSON for other entities")
        del channels[key]


def _take(
    entity: Entity, channels: dict[str, Channel], controls: dict[str, Control], presence: dict[Availability, None]
) -> None:
    if entity.platform not in _TELLS | _TAKES:
        raise NotReadableError(f"a {word(entity.platform, 40)} tells nothing that is used up")
    key = entity.key if entity.key not in channels.keys() | controls.keys() else f"{entity.platform}.{entity.key}"
    if key in channels.keys() | controls.keys():
        raise NotReadableError("another entity of the device has its name")
    availability = availability_of(entity.options)
    blind = entity.platform in _TAKES and "state_topic" not in entity.options
    channel = _channel(entity, key, availability) if entity.platform in _TELLS and not blind else None
    reasons: list[str] = []
    if entity.platform in _TAKES and "command_topic" in entity.options:
        try:
            channel, controls[key] = _both(entity, key, channel)
        except NotReadableError as exc:
            if channel is None:
                raise
            reasons.append(str(exc))
    if channel is None and key not in controls:
        raise NotReadableError("it has neither a state_topic nor a command_topic")
    if channel is not None:
        rounds = _place(entity.options).rounds
        channels[key] = replace(channel, notes=_notes(entity.options, reasons, rounds=rounds))
    if availability is not None:
        presence[availability] = None


def _both(entity: Entity, key: str, channel: Channel | None) -> tuple[Channel | None, Control]:
    if entity.platform == "number" and channel is not None:
        control, read = number_control(entity.options, channel)
        return read, control
    words = _words(entity.options) if entity.platform == "select" else ()
    return channel, control_of(entity.platform, entity.options, key, words=words)


def _notes(options: Options, reasons: list[str], *, rounds: bool) -> tuple[str, ...]:
    notes = [f"cannot be sent to: {each}" for each in reasons]
    if rounds:
        notes.append("its template rounds; the hub keeps the device's own digits")
    if "expire_after" in options:
        notes.append("expire_after is not taken over: how old a reading may be is the hub's own rule")
    if "json_attributes_topic" in options:
        notes.append("its attributes (json_attributes_topic) are not read")
    return tuple(notes)


def _channel(entity: Entity, key: str, availability: Availability | None) -> Channel:
    options = entity.options
    topic = options.get("state_topic")
    if not isinstance(topic, str):
        raise NotReadableError("it has no state_topic")
    problem = topic_problem(topic, any_level=True)
    if problem:
        raise NotReadableError(problem)
    if str(options.get("encoding", "utf-8")).lower() not in {"utf-8", "utf8"}:
        raise NotReadableError("its payload is not UTF-8")
    place = _place(options)
    guard = guard_of(availability, topic) if place.steps is not None else ()
    lists: tuple[dict[str, Tree], ...] = tuple({"path": pointer(each), "type": "array"} for each in place.lists)
    blank = Channel(
        key=key,
        title=word(options.get("name")) or key,
        topics=(topic,),
        format="text" if place.steps is None else "json",
        select="/text" if place.steps is None else pointer(place.steps),
        parse="text",
        guard=(*guard, *lists),
    )
    match entity.platform:
        case "binary_sensor" | "switch":
            return _flag(blank, options, place=place, platform=entity.platform)
        case "select":
            return replace(blank, words=_words(options), suggests=("state",))
        case "number":
            return _numeric(blank, options, bounds=(options.get("min", 1), options.get("max", 100)))
    return _sensor(blank, options, place=place)


def _place(options: Options) -> Place:
    template = options.get("value_template")
    if template is None:
        return Place(None)
    if not isinstance(template, str):
        raise NotReadableError("its template is no text")
    return place_of(template)


def _sensor(blank: Channel, options: Options, *, place: Place) -> Channel:
    kind = word(options.get("device_class"))
    if kind in {"date", "timestamp"}:
        raise NotReadableError(f"a {kind} is no level, counter or state")
    if options.get("options") is not None:
        if place.is_number:
            raise NotReadableError("its template makes a number of one of its words")
        return replace(blank, words=_words(options), suggests=("state",))
    counted = options.get("unit_of_measurement") or options.get("state_class") or place.is_number
    if not counted and (not kind or kind in _NOT_A_NUMBER):
        return replace(blank, suggests=("state",), sentinels=_NO_VALUE)
    return _numeric(blank, options, bounds=None)


def _numeric(blank: Channel, options: Options, *, bounds: tuple[Tree, Tree] | None) -> Channel:
    kind, said = word(options.get("device_class")), word(options.get("unit_of_measurement"), 40)
    unit = unit_code(said, device_class=kind)
    low, high = (None, None) if bounds is None else (number(bounds[0]), number(bounds[1]))
    is_battery = kind == "battery" and unit == "%"
    return replace(
        blank,
        parse="digits",
        unit=unit,
        unit_said=said,
        bounds=(low, high) if low is not None and high is not None and low < high else (0, 100) if is_battery else None,
        sentinels=_NO_VALUE,
        suggests=suggested(unit, device_class=kind, state_class=word(options.get("state_class"))),
        known=Known("battery", "setting") if is_battery else None,
    )


def _flag(blank: Channel, options: Options, *, place: Place, platform: str) -> Channel:
    if options.get("off_delay") is not None:
        raise NotReadableError("off_delay: it goes back by itself, so it is an event and no state")
    if place.is_number:
        raise NotReadableError("its template makes a number of one of its words")
    on, off = options.get("payload_on", "ON"), options.get("payload_off", "OFF")
    if platform == "switch":
        on, off = options.get("state_on", on), options.get("state_off", off)
    is_low = platform == "binary_sensor" and options.get("device_class") == "battery"
    told_on, told_off = _flag_words(on), _flag_words(off)
    if set(told_on) & set(told_off):
        raise NotReadableError("on and off are told by the same word")
    return replace(
        blank,
        parse="flag",
        on=told_on,
        off=told_off,
        sentinels=() if "None" in {*told_on, *told_off} else ("None",),
        suggests=("state", "warning"),
        known=Known("battery.state", "flag", states=(("false", "ok"), ("true", "low"))) if is_low else None,
    )


def _flag_words(said: Tree) -> tuple[str, ...]:
    """A word, as it stands in a payload. JSON's true is `True` for a template, and `true` for a profile."""
    text = text_of(said)
    return (text, text.lower()) if text in {"True", "False"} else (text,)


def _words(options: Options) -> tuple[str, ...]:
    listed = options.get("options")
    if not isinstance(listed, list) or not 1 <= len(listed) <= _OPTIONS_MAX:
        raise NotReadableError(f"options must be a list of 1 to {_OPTIONS_MAX} words")
    return tuple(dict.fromkeys(text_of(each) for each in listed))
