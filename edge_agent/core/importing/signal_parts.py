"""One channel of a device and one entry of an overlay to one signal of a profile, as its file has it."""

from __future__ import annotations

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.importing.device import Channel
from edge_agent.core.importing.overlay import OverlaySignal
from edge_agent.core.importing.units import class_of
from edge_agent.core.quantity import converter, same_quantity, unit_of
from edge_agent.core.signals import quantity_of
from edge_agent.errors import ProfileError

Part = dict[str, Tree]
_NO_DIRECTION = frozenset({"flag", "setting"})


def signal_part(name: str, channel: Channel, said: OverlaySignal) -> Part:
    """The signal.

    Raises: ProfileError for what neither the device nor the overlay says, and for what they say against each other.
    """
    is_number = channel.parse in {"number", "digits"} or (said.unit is not None and not channel.words)
    if channel.parse == "flag":
        is_number = False
    part: Part = {"select": channel.select}
    if said.missing is not None:
        part["missing"] = said.missing
    guard = [*channel.guard, *said.guard]
    if guard:
        part["guard"] = list(guard)
    sentinels = dict.fromkeys((*channel.sentinels, *said.sentinels))
    if sentinels:
        part["sentinels"] = list(sentinels)
    part |= _number(channel, said) if is_number and said.states is None else _word(channel, said, name=name)
    part |= _bound(name, said)
    return part | ({"event": True} if said.event else {})


def known_part(channel: Channel) -> OverlaySignal:
    """What an overlay would say of a channel whose meaning its own standard gives."""
    known = channel.known
    if known is None:
        raise ValueError("the channel is not known")
    said: dict[str, object] = {"from": channel.key, "class": known.signal_class, "direction": known.direction}
    if known.states:
        said["states"] = dict(known.states)
    return OverlaySignal.model_validate(said, strict=False)


def _bound(name: str, said: OverlaySignal) -> Part:
    """Class and direction: as the overlay says, or as the name implies."""
    quantity = quantity_of(name)
    if quantity is None:
        raise ProfileError(f"signals.{name}: not a name of the closed list <subject>[_<part>].<quantity>")
    signal_class = said.signal_class or class_of(name.rpartition(".")[2])
    if not signal_class:
        raise ProfileError(f"signals.{name}: its name does not say its class: add class (level, counter, setting, ...)")
    direction = said.direction or ("none" if signal_class in _NO_DIRECTION else quantity.direction)
    if not direction or (direction == "none") != (signal_class in _NO_DIRECTION):
        raise ProfileError(f"signals.{name}: add direction: down or up, where it goes as stock is used")
    return {"class": str(signal_class), "direction": str(direction)}


def _number(channel: Channel, said: OverlaySignal) -> Part:
    key = channel.key
    unit = said.unit or channel.unit
    if not unit:
        names = f" ({channel.unit_said!r} is no unit that is certain)" if channel.unit_said else ""
        raise ProfileError(f"{key}: the device does not say in which unit it is{names}: add unit")
    if unit_of(unit) is None:
        raise ProfileError(f"{key}: {unit!r} is not a UCUM unit that this hub knows")
    if channel.unit and not same_quantity(channel.unit, unit):
        raise ProfileError(f"{key}: the device tells it in {channel.unit!r}, which is no {unit!r}")
    scaled: list[Tree] = [] if channel.scale == 1 else [{"scale": channel.scale}]
    steps = [*scaled, *said.transform]
    rule: Part = {"canonical": unit}
    if channel.unit and channel.unit != unit:
        rule["source"] = channel.unit
    part: Part = {"parse": "digits" if channel.parse == "text" else channel.parse}
    part |= {"transform": list(steps)} if steps else {}
    return part | {"unit": rule, "range": list(_range(channel, said, unit=unit))}


def _range(channel: Channel, said: OverlaySignal, *, unit: str) -> tuple[float, float]:
    if said.range is not None:
        return said.range
    if said.transform or (channel.bounds is None and unit != "%"):
        raise ProfileError(f"{channel.key}: the device does not say what a sound value is: add range: [low, high]")
    if channel.bounds is None:
        return (0.0, 100.0)
    to = converter(channel.unit or unit, target=unit)
    low, high = sorted((to(channel.bounds[0]), to(channel.bounds[1])))
    return (low, high)


def _word(channel: Channel, said: OverlaySignal, *, name: str) -> Part:
    if channel.parse in {"number", "digits"}:
        raise ProfileError(f"signals.{name}: {channel.key} is a number, and states are for words and flags")
    if said.states is None and channel.parse == "text" and said.signal_class == "setting":
        return {"parse": "text"}
    if said.states is None:
        words = " and ".join((*channel.on, *channel.off)) or ", ".join(channel.words) or "the device's words"
        raise ProfileError(f"signals.{name}: add states: what each word of {channel.key} means ({words})")
    numbers = any(isinstance(each, float) for each in said.states.values())
    part = _flag(channel, said, name=name) if channel.parse == "flag" else _text(channel, said, name=name)
    if not numbers:
        return part
    if said.unit is None or said.range is None:
        raise ProfileError(f"signals.{name}: states that are numbers need unit and range")
    return part | {"unit": {"canonical": said.unit}, "range": list(said.range)}


def _text(channel: Channel, said: OverlaySignal, *, name: str) -> Part:
    states = said.states or {}
    missing = [each for each in channel.words if each not in states]
    foreign = [each for each in states if channel.words and each not in channel.words]
    if missing or foreign:
        wrong = f"{missing[0]!r} is left out" if missing else f"{foreign[0]!r} is none of the device's words"
        raise ProfileError(f"signals.{name}: states: {wrong}")
    return {"parse": "text", "transform": [{"lookup": dict(states)}]}


def _flag(channel: Channel, said: OverlaySignal, *, name: str) -> Part:
    """The device's two words, `true` and `false`, or `on` and `off`, for the two sides of a flag."""
    sides: Part = {}
    for word, state in (said.states or {}).items():
        if word in {*channel.on, "true", "on"}:
            sides["true"] = state
        elif word in {*channel.off, "false", "off"}:
            sides["false"] = state
        else:
            raise ProfileError(f"signals.{name}: states: {word!r} is none of the device's words")
    if len(sides) != 2 or len(said.states or {}) != 2:
        raise ProfileError(f"signals.{name}: states: one for on and one for off is needed")
    part: Part = {"parse": "flag"}
    if channel.on:
        part["flags"] = {"true": list(channel.on), "false": list(channel.off)}
    return part | {"transform": [{"lookup": sides}]}
