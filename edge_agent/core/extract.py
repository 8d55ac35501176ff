"""One payload tree and one profile in, readings out: select, guard, parse, transform, unit, range.

Nothing here guesses. What cannot be trusted is `unknown`, which is not zero. What contradicts the profile is a fault: of
one signal, which is then unknown, where a foreign device tells of many parts; of the whole message, where a native device
breaks the protocol that it says it speaks. A profile is made ready once (`reader`), so that a message costs a few calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import assert_never

import jsonpath

from edge_agent.core.conditions import checker
from edge_agent.core.messages import Presence, QuarantineReason, Reading
from edge_agent.core.payload import MISSING, Found, Tree, selector
from edge_agent.core.profile import (
    Calibrate,
    Clamp,
    DivideBy,
    Invert,
    Lookup,
    Minus,
    Offset,
    Profile,
    Scale,
    Signal,
    Times,
    Transform,
    UnitRule,
)
from edge_agent.core.quantity import converter
from edge_agent.core.times import age_s
from edge_agent.errors import DecodeError

_DIGITS_MAX = 40
_SMALL = 12

Find = Callable[[Tree], Found]
Step = Callable[[float, Tree], float]


@dataclass(frozen=True, slots=True)
class Readings:
    """What a message told: every signal of its profile, in the profile's order, and what was wrong with some of them."""

    readings: tuple[Reading, ...]
    faults: tuple[DecodeError, ...]


Reader = Callable[[Tree, datetime], Readings]


class _Untold(Exception):
    """A second number that a step needs is not there."""


def reader(profile: Profile) -> Reader:
    """A function from (tree, the hub's time) to readings.

    Raises, when called, for a native device only: DecodeError MALFORMED, WRONG_UNIT or OUT_OF_RANGE, naming the signal.
    """
    signals = [_signal(name, signal, aliases=profile.units) for name, signal in profile.signals.items()]
    nothing = tuple(Reading(name, Presence.UNKNOWN, None, each.canonical) for name, each in profile.signals.items())
    is_native = profile.match.native is not None
    fresh = profile.freshness

    def read(tree: Tree, now: datetime) -> Readings:
        if fresh is not None and age_s(tree, fresh, now=now) > fresh.max_age_s:
            return Readings(nothing, ())
        readings, faults = [], []
        for each in signals:
            try:
                readings.append(each(tree))
            except DecodeError as exc:
                if is_native:
                    raise
                faults.append(exc)
                readings.append(nothing[len(readings)])
        return Readings(tuple(readings), tuple(faults))

    return read


def _signal(name: str, signal: Signal, *, aliases: Mapping[str, str]) -> Callable[[Tree], Reading]:
    find = _finder(signal)
    guards = [(checker(guard), Reading(name, Presence(guard.otherwise), None, signal.canonical)) for guard in signal.guard]
    missing = Reading(name, Presence(signal.missing), None, signal.canonical)
    unknown = Reading(name, Presence.UNKNOWN, None, signal.canonical)
    sentinels = frozenset((type(each) is bool, each) for each in signal.sentinels)
    value_of = _value(signal, aliases=aliases)
    unit = signal.canonical

    def read(tree: Tree) -> Reading:
        raw = find(tree)
        if raw is MISSING:
            return missing
        for holds, otherwise in guards:
            if not holds(tree):
                return otherwise
        if raw is None or (sentinels and not isinstance(raw, (dict, list)) and (type(raw) is bool, raw) in sentinels):
            return unknown
        try:
            value = value_of(raw, tree)
        except _Untold:
            return unknown
        except DecodeError as exc:
            raise DecodeError(exc.reason, f"{name}: {exc.detail}") from exc
        return unknown if value is None else Reading(name, Presence.VALUE, value, unit)

    return read


def _finder(signal: Signal) -> Find:
    if signal.jsonpath is None:
        return selector(signal.steps)
    query = jsonpath.compile(signal.jsonpath)

    def find(tree: Tree) -> Found:
        found = query.findall(tree) if isinstance(tree, (dict, list)) else []
        return found[0] if len(found) == 1 else MISSING  # of two that fit, neither is known to be the one

    return find


def _value(signal: Signal, *, aliases: Mapping[str, str]) -> Callable[[Tree, Tree], float | str | None]:
    lookup = next((step for step in signal.transform if isinstance(step, Lookup)), None)
    word_of = _word_reader(signal)
    if lookup is not None and not lookup.to_numbers:
        table = lookup.lookup
        return lambda raw, _tree: _looked_up(word_of(raw), table)  # type: ignore[return-value]
    if lookup is None and signal.parse in {"text", "flag"}:
        return lambda raw, _tree: word_of(raw)
    finish = _number(signal, aliases=aliases)
    if lookup is None:
        first = _digits if signal.parse == "digits" else _plain
        return lambda raw, tree: finish(first(raw), tree)
    table = lookup.lookup

    def coded(raw: Tree, tree: Tree) -> float | None:
        number = _looked_up(word_of(raw), table)
        return None if number is None else finish(float(number), tree)

    return coded


def _number(signal: Signal, *, aliases: Mapping[str, str]) -> Callable[[float, Tree], float]:
    steps = [_step(step) for step in signal.transform if not isinstance(step, Lookup)]
    to_canonical = _unit(signal.unit, aliases=aliases)
    low, high = signal.range or (float("-inf"), float("inf"))
    canonical = signal.canonical

    def finish(value: float, tree: Tree) -> float:
        for step in steps:
            value = step(value, tree)
        if to_canonical is not None:
            value = to_canonical(value, tree)
        if not low <= value <= high:
            raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{value:g} {canonical} is outside {low:g} to {high:g}")
        return value

    return finish


def _step(step: Transform) -> Step:
    match step:
        case Scale(scale=factor):
            return lambda value, _: value * factor
        case Offset(offset=constant):
            return lambda value, _: value + constant
        case Invert(invert=whole):
            return lambda value, _: whole - value
        case Clamp(clamp=(low, high)):
            return lambda value, _: min(max(value, low), high)
        case Times():
            find = selector(step.steps)
            return lambda value, tree: value * _second(find, tree)
        case Minus():
            find = selector(step.steps)
            return lambda value, tree: value - _second(find, tree)
        case DivideBy():
            find = selector(step.steps)
            return lambda value, tree: value / _second(find, tree, refused=0.0)
        case Lookup() | Calibrate():
            return lambda value, _: value  # a lookup comes first; a calibration is the binding's, after this file
        case _:
            assert_never(step)


def _second(find: Find, tree: Tree, *, refused: float | None = None) -> float:
    number = as_number(find(tree))
    if number is None or number == refused:
        raise _Untold
    return number


def _unit(rule: UnitRule | None, *, aliases: Mapping[str, str]) -> Callable[[float, Tree], float] | None:
    """From the unit that a number comes in to the canonical one; None where they are the same."""
    if rule is None or (rule.path is None and rule.source in {None, rule.canonical}):
        return None
    if rule.path is None:
        fixed = converter(rule.source or rule.canonical, target=rule.canonical)
        return lambda value, _: fixed(value)
    find, canonical, path = selector(rule.steps), rule.canonical, rule.path

    def convert(value: float, tree: Tree) -> float:
        said = find(tree)
        word = str(said) if type(said) in {str, int} else None
        if word is None:
            raise DecodeError(QuarantineReason.WRONG_UNIT, f"no unit at {path}")
        if word != canonical and word not in aliases:
            raise DecodeError(QuarantineReason.WRONG_UNIT, f"{word[:40]!r} is not a unit that this profile knows")
        return converter(aliases.get(word, word), target=canonical)(value)

    return convert


def as_number(found: Found) -> float | None:
    """The number, and None for everything else: `true` and "1" are none."""
    return float(found) if type(found) in {int, float} else None  # type: ignore[arg-type]


def _plain(raw: Tree) -> float:
    if type(raw) is float or type(raw) is int:
        return float(raw)
    raise DecodeError(QuarantineReason.MALFORMED, f"a number is needed, this is {kind_of(raw)}")


def _digits(raw: Tree) -> float:
    """A decimal number in a text: no exponent, no blanks inside, no words for infinity."""
    text = raw.strip() if isinstance(raw, str) else ""
    sign, number = (text[0], text[1:]) if text[:1] in {"-", "+"} else ("", text)
    whole, _, part = number.partition(".")
    if len(text) > _DIGITS_MAX or not text.isascii() or not whole.isdigit() or (part and not part.isdigit()):
        raise DecodeError(QuarantineReason.MALFORMED, f"a text of digits is needed, this is {kind_of(raw)}")
    return -float(number) if sign == "-" else float(number)


def _word_reader(signal: Signal) -> Callable[[Tree], str]:
    if signal.parse == "flag":
        words = {} if signal.flags is None else dict.fromkeys(signal.flags.true, "true")
        words |= {} if signal.flags is None else dict.fromkeys(signal.flags.false, "false")
        return lambda raw: _flag(raw, words)
    return _word


def _flag(raw: Tree, words: Mapping[str, str]) -> str:
    if isinstance(raw, bool) and not words:
        return "true" if raw else "false"
    if isinstance(raw, str) and raw in words:
        return words[raw]
    if isinstance(raw, str) and words:
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{raw[:40]!r} is not a word that this profile knows")
    raise DecodeError(QuarantineReason.MALFORMED, f"a flag is needed, this is {kind_of(raw)}")


def _word(raw: Tree) -> str:
    """A text, or a whole number as its digits: devices send codes as either."""
    if isinstance(raw, str):
        return raw
    if type(raw) is int and abs(raw) < 10**_SMALL:
        return str(raw)
    raise DecodeError(QuarantineReason.MALFORMED, f"a text is needed, this is {kind_of(raw)}")


def _looked_up(word: str, table: Mapping[str, float | str | None]) -> float | str | None:
    if word not in table:
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{word[:40]!r} is not a word that this profile knows")
    return table[word]


_KINDS = MappingProxyType({bool: "a flag", int: "a number", float: "a number", str: "a text", list: "a list"})


def kind_of(raw: Tree) -> str:
    """What a value is, for a message to a person; never the value itself."""
    return _KINDS.get(type(raw), "an object")
