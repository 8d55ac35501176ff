"""Messages to a device, and a reading turned back into the device's own terms.

A step is undone in the opposite order, and what comes out is read again by the same rules: a value that would not be
read back as what was meant is never sent. Not here: whether a person must be asked first, which is `confirm`, and
sending.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import orjson

from edge_agent.core.decoding.conditions import holds
from edge_agent.core.decoding.payload import Tree, pointer_steps, select
from edge_agent.core.profile import Command, Invert, Offset, Profile, Scale, Signal
from edge_agent.core.quantity import convert
from edge_agent.errors import ProfileError, RefusedError

_NO_LEVEL = re.compile(r"[/+#\0]|^$")
_WHOLE_MAX = 2.0**53
_DECIMALS = 12  # of a number that is told in digits


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to a device, ready to be sent, and where its answer comes, if it gives one."""

    topic: str
    payload: bytes
    ack_topic: str | None
    confirm: bool


def outgoing(profile: Profile, name: str, *, named: Sequence[str], value: float | str | None = None) -> Outgoing:
    """The profile's command of that name, for the device that these levels of its own topics name.

    `value` is in the canonical unit of the command's signal. A payload that is a text is sent as it stands, and any
    other as JSON.
    Raises: ProfileError for a name that is no command; RefusedError for a value that is missing, not wanted, out of
    range or not to be told in the device's terms, and for levels that are none.
    """
    command = profile.commands.get(name)
    if command is None:
        raise ProfileError(f"{profile.profile}: {name!r} is not a command of this profile")
    topic, ack = command.topic, command.ack.topic if command.ack else None
    return Outgoing(
        topic=_addressed(topic, profile, named),
        payload=_written(_filled(command, profile, value)),
        ack_topic=None if ack is None else _addressed(ack, profile, named),
        confirm=command.confirm,
    )


def acknowledges(command: Command, tree: Tree) -> bool:
    """Whether a payload from the acknowledgement's topic says that the command was done."""
    return command.ack is not None and all(holds(condition, tree) for condition in command.ack.require)


def in_device_terms(signal: Signal, value: float | str) -> Tree:
    """What a device would have to say for this signal to read `value`.

    Raises: RefusedError where there is no such thing.
    """
    if isinstance(value, str) or signal.parse in {"text", "flag"}:
        if signal.parse != "text" or signal.transform or not isinstance(value, str):
            raise RefusedError(f"{value!r} cannot be told to this device")
        return value
    low, high = signal.range or (-math.inf, math.inf)
    if not low <= value <= high:
        raise RefusedError(f"{value:g} {signal.canonical} is outside {low:g} to {high:g}")
    exact = _undone(signal, value)
    near = (exact, round(exact, 9), math.nextafter(exact, math.inf), math.nextafter(exact, -math.inf))
    for each in near:  # the bounds of a range may be missed by the last digit
        number = round(each, _DECIMALS) if signal.parse == "digits" else each
        if low <= (again := _done(signal, number)) <= high and math.isclose(again, value, rel_tol=1e-9, abs_tol=1e-9):
            return _digits(number) if signal.parse == "digits" else _number(number)
    raise RefusedError(f"{value:g} {signal.canonical} cannot be told to this device")


def _undone(signal: Signal, value: float) -> float:
    number = value
    if signal.unit is not None and signal.unit.source is not None:
        number = convert(number, signal.canonical, target=signal.unit.source)
    for step in reversed(signal.transform):
        number = _inverse(step)(number)
    return number


def _done(signal: Signal, number: float) -> float:
    for step in signal.transform:
        number = _forward(step)(number)
    if signal.unit is not None and signal.unit.source is not None:
        return convert(number, signal.unit.source, target=signal.canonical)
    return number


def _forward(step: object) -> Callable[[float], float]:
    match step:
        case Scale(scale=factor):
            return lambda number: number * factor
        case Offset(offset=constant):
            return lambda number: number + constant
        case Invert(invert=whole):
            return lambda number: whole - number
    raise RefusedError(f"{type(step).__name__.lower()} cannot be turned back")


def _inverse(step: object) -> Callable[[float], float]:
    match step:
        case Scale(scale=factor):
            return lambda number: number / factor
        case Offset(offset=constant):
            return lambda number: number - constant
        case Invert(invert=whole):
            return lambda number: whole - number
    raise RefusedError(f"{type(step).__name__.lower()} cannot be turned back")


def _number(number: float) -> float | int:
    """Whole numbers are written as such: many devices take no `5.0`."""
    return int(number) if number.is_integer() and abs(number) < _WHOLE_MAX else number


def _digits(number: float) -> str:
    return format(Decimal(repr(_number(number))), f".{_DECIMALS}f").rstrip("0").rstrip(".")


def _filled(command: Command, profile: Profile, value: float | str | None) -> Tree:
    if (command.value is None) != (value is None):
        raise RefusedError("this command needs a value" if value is None else "this command takes no value")
    payload: Tree = copy.deepcopy(command.payload)
    if command.value is None or value is None:
        return payload
    *way, last = pointer_steps(command.value.at)
    place, told = select(payload, way), in_device_terms(profile.signals[command.value.signal], value)
    if isinstance(place, dict):
        place[last] = told
    elif isinstance(place, list):
        place[int(last)] = told
    return payload


def _written(tree: Tree) -> bytes:
    return tree.encode() if isinstance(tree, str) else orjson.dumps(tree)


def _addressed(topic: str, profile: Profile, named: Sequence[str]) -> str:
    if "{device}" not in topic:
        return topic
    levels = tuple(named) or ((profile.match.device,) if profile.match.device else ())
    if not levels or any(_NO_LEVEL.search(level) for level in levels):
        raise RefusedError("a device is named by the levels of its own topic")
    return topic.replace("{device}", "/".join(levels))
