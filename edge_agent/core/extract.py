"""One payload tree and one profile in, readings out: select, guard, parse, transform, unit, range.

Nothing here guesses. What cannot be trusted is `unknown`, which is not zero; what contradicts the profile is an error
for the whole message, since a device that is wrong in one signal is not believed in another.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from edge_agent.core.messages import Presence, QuarantineReason, Reading
from edge_agent.core.payload import MISSING, Missing, Tree, select
from edge_agent.core.profile import Condition, Invert, Lookup, Offset, Profile, Scalar, Scale, Signal
from edge_agent.core.quantity import convert
from edge_agent.errors import DecodeError

_ORDER = MappingProxyType({"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le})


def read_signals(profile: Profile, tree: Tree) -> tuple[Reading, ...]:
    """Every signal of the profile, in its order and its canonical unit.

    Raises: DecodeError MALFORMED, WRONG_UNIT or OUT_OF_RANGE, naming the signal.
    """
    return tuple(_read(name, signal, tree=tree, aliases=profile.units) for name, signal in profile.signals.items())


def holds(condition: Condition, tree: Tree) -> bool:
    """Whether the condition is met. A place that is missing meets only `present: false`."""
    found = select(tree, condition.steps)
    if condition.test == "present":
        return isinstance(found, Missing) != condition.present
    if isinstance(found, Missing):
        return False
    match condition.test:
        case "eq" | "one_of":
            return any(_same(found, allowed) for allowed in _only_values(condition) or ())
        case "ne":
            return not _same(found, condition.ne)
        case "not_in":
            return not any(_same(found, refused) for refused in condition.not_in)
        case bound:
            number = _as_number(found)
            return number is not None and _ORDER[bound](number, getattr(condition, bound))


def contradict(one: Condition, other: Condition) -> bool:
    """Whether no payload can meet both, as far as that can be told from the conditions alone."""
    if one.path != other.path:
        return False
    if one.test == other.test == "present":
        return one.present != other.present
    if "present" in {one.test, other.test}:
        absent = one if one.test == "present" else other
        return not absent.present
    first, second = _only_values(one), _only_values(other)
    if first is None or second is None:
        return False
    return not any(_same(a, b) for a in first for b in second)


def _only_values(condition: Condition) -> tuple[Scalar, ...] | None:
    if condition.test == "eq":
        return (condition.eq,)
    return condition.one_of if condition.test == "one_of" else None


def _same(found: Tree, wanted: Scalar) -> bool:
    """Equal, and no flag is a number: `true` is not 1."""
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted


def _as_number(found: Tree) -> float | None:
    """The number, and None for everything else: `true` and "1" are none."""
    return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else None


def _read(name: str, signal: Signal, *, tree: Tree, aliases: Mapping[str, str]) -> Reading:
    raw = select(tree, signal.steps)
    for guard in signal.guard:
        if not holds(guard, tree):
            return Reading(name, Presence(guard.otherwise), None, signal.canonical)
    if isinstance(raw, Missing):
        return Reading(name, Presence(signal.missing), None, signal.canonical)
    if raw is None or any(_same(raw, sentinel) for sentinel in signal.sentinels):
        return Reading(name, Presence.UNKNOWN, None, signal.canonical)
    try:
        if signal.parse == "number":
            value: float | str = _number(signal, raw, unit=_unit(signal, tree, aliases=aliases))
        else:
            value = _state(signal, raw)
    except DecodeError as exc:
        raise DecodeError(exc.reason, f"{name}: {exc.detail}") from exc
    return Reading(name, Presence.VALUE, value, signal.canonical)


def _unit(signal: Signal, tree: Tree, *, aliases: Mapping[str, str]) -> str:
    """The UCUM unit that the number comes in: what the payload says, if the profile knows that word."""
    if signal.unit is None or signal.unit.path is None:
        return (signal.unit and signal.unit.source) or signal.canonical
    said = select(tree, signal.unit.steps)
    if said is MISSING or not isinstance(said, str):
        raise DecodeError(QuarantineReason.WRONG_UNIT, f"no unit at {signal.unit.path}")
    if said != signal.canonical and said not in aliases:
        raise DecodeError(QuarantineReason.WRONG_UNIT, f"{said[:40]!r} is not a unit that this profile knows")
    return aliases.get(said, said)


def _number(signal: Signal, raw: Tree, *, unit: str) -> float:
    value = _as_number(raw)
    if value is None:
        raise DecodeError(QuarantineReason.MALFORMED, f"a number is needed, this is {_kind(raw)}")
    for step in signal.transform:
        match step:
            case Scale(scale=factor):
                value *= factor
            case Offset(offset=constant):
                value += constant
            case Invert(invert=whole):
                value = whole - value
            case Lookup():
                continue  # excluded by the profile's own rules
            case _:
                assert_never(step)
    value = convert(value, unit, target=signal.canonical)
    low, high = signal.range or (value, value)
    if not low <= value <= high:
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{value:g} {signal.canonical} is outside {low:g} to {high:g}")
    return value


def _state(signal: Signal, raw: Tree) -> str:
    if signal.parse == "flag" and isinstance(raw, bool):
        word = "true" if raw else "false"
    elif signal.parse == "text" and isinstance(raw, str):
        word = raw
    else:
        raise DecodeError(QuarantineReason.MALFORMED, f"a {signal.parse} is needed, this is {_kind(raw)}")
    for step in signal.transform:
        if isinstance(step, Lookup) and word in step.lookup:
            return step.lookup[word]
    raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{word[:40]!r} is not a word that this profile knows")


def _kind(raw: Tree) -> str:
    match raw:
        case bool():
            return "a flag"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
