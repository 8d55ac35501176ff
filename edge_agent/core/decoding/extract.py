"""One payload tree and one profile in, readings out: select, guard, parse, transform, unit, range.

Nothing here guesses. What cannot be trusted is `unknown`, which is not zero. What contradicts the profile is a fault:
of one signal, which is then unknown, where a foreign device tells of many parts; of the whole message, where a native
device breaks the protocol that it says it speaks.

A profile is made ready once (`reader`): every place that it names is found in one walk over the tree, and each signal
is a function of what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, assert_never

from edge_agent.core.decoding.conditions import tester
from edge_agent.core.decoding.measured import measured
from edge_agent.core.decoding.payload import MISSING, Found, Tree
from edge_agent.core.decoding.places import Places
from edge_agent.core.decoding.times import age_s
from edge_agent.core.messages import Presence, QuarantineReason, Reading
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
from edge_agent.core.quantity import converter, same_quantity
from edge_agent.errors import DecodeError

_DIGITS_MAX = 40
_CODE_MAX = 10**12
_WORD_MAX = 120
_INFINITE = float("inf")

_Values = list[Found]  # what stands at each place of the profile
_Step = Callable[[float, _Values], float]
_ValueOf = Callable[[Tree, _Values], float | str | None]


class Fault(NamedTuple):
    """What contradicts the profile in one signal; `error` names it too."""

    signal: str
    error: DecodeError


class Readings(NamedTuple):
    """What a message told: every signal of its profile, in their order, and what was wrong with some of them."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...]


Reader = Callable[[Tree, datetime], Readings]


class _UntoldError(Exception):
    """A second number that a step needs is not there, or a text is a sentinel in digits."""


def reader(profile: Profile) -> Reader:
    """A function from (tree, the hub's time) to readings.

    Raises, when called, for a native device only: DecodeError MALFORMED, WRONG_UNIT or OUT_OF_RANGE, naming the signal.
    """
    places = Places()
    cells = [_cell(name, each, places=places, aliases=profile.units) for name, each in profile.signals.items()]
    nothing = tuple(Reading(name, Presence.UNKNOWN, None, each.canonical) for name, each in profile.signals.items())
    is_native, fresh = profile.match.native is not None, profile.freshness
    find = places.finder()

    def read(tree: Tree, now: datetime) -> Readings:
        if fresh is not None and age_s(tree, fresh, now=now) > fresh.max_age_s:
            return Readings(nothing, ())
        values = find(tree)
        readings: list[Reading] = []
        faults: list[Fault] = []
        for place, missing, cell in cells:
            raw = values[place]
            if raw is MISSING:
                readings.append(missing)
                continue
            try:
                readings.append(cell(raw, values))  # type: ignore[arg-type]
            except _UntoldError:
                readings.append(nothing[len(readings)])
            except DecodeError as exc:
                unread = nothing[len(readings)]
                fault = DecodeError(exc.reason, f"{unread.signal}: {exc.detail}")
                if is_native:
                    raise fault from exc
                faults.append(Fault(unread.signal, fault))
                readings.append(unread)
        return Readings(tuple(readings), tuple(faults))

    return read


def _cell(
    name: str, signal: Signal, *, places: Places, aliases: Mapping[str, str]
) -> tuple[int, Reading, Callable[[Tree, _Values], Reading]]:
    """Where it stands, what it says where nothing stands there, and what it says of what does."""
    place = places.first([signal.jsonpath or signal.select or "", *signal.instead])
    unit = signal.canonical
    checks = [
        (places.number(each.steps), tester(each), each.optional, Reading(name, Presence(each.otherwise), None, unit))
        for each in signal.guard
    ]
    unknown = Reading(name, Presence.UNKNOWN, None, unit)
    flags = frozenset(each for each in signal.sentinels if type(each) is bool)
    sentinels = frozenset(each for each in signal.sentinels if type(each) is not bool)
    value_of = _value(signal, places=places, aliases=aliases)
    value, new, low, high = Presence.VALUE, tuple.__new__, *_direct(signal)
    said = {word: new(Reading, (name, value, told, unit)) for word, told in _words(signal, value_of).items()}

    def read(raw: Tree, values: _Values) -> Reading:
        for there, test, is_optional, otherwise in checks:
            found = values[there]
            if not test(found) and not (is_optional and found is MISSING):
                return otherwise
        kind = type(raw)
        if kind is str and raw in said:
            return said[raw]
        if raw is None or (kind in _PLAIN and raw in (flags if kind is bool else sentinels)):
            return unknown
        if (kind is float or kind is int) and low <= raw <= high:  # type: ignore[operator]
            return new(Reading, (name, value, float(raw), unit))  # type: ignore[arg-type]
        told = value_of(raw, values)
        return unknown if told is None else new(Reading, (name, value, told, unit))  # as its class does, in one call

    return place, Reading(name, Presence(signal.missing), None, unit), read


def _direct(signal: Signal) -> tuple[float, float]:
    """The range of a signal whose numbers go out as they come in; of any other, one that holds nothing."""
    is_changed = signal.transform or (
        signal.unit and (signal.unit.path or signal.unit.source or signal.canonical) != signal.canonical
    )
    numbers = None if is_changed or not signal.is_numeric else signal.range
    return numbers or (_INFINITE, -_INFINITE)


def _words(signal: Signal, value_of: _ValueOf) -> dict[str, float | str]:
    """What the words that the profile lists mean, worked out once; without sentinels, and words that say nothing."""
    lookup = next((step for step in signal.transform if isinstance(step, Lookup)), None)
    listed = list(lookup.lookup) if lookup is not None and not lookup.to_numbers and signal.parse == "text" else []
    if signal.parse == "flag" and signal.flags is not None:
        listed = [*signal.flags.true, *signal.flags.false]
    meant = {word: _told(value_of, word) for word in listed if word not in signal.sentinels}
    return {word: told for word, told in meant.items() if told is not None}


def _told(value_of: _ValueOf, word: str) -> float | str | None:
    """None too where the word is refused each time that it comes."""
    try:
        return value_of(word, [])
    except DecodeError:
        return None


def _value(signal: Signal, *, places: Places, aliases: Mapping[str, str]) -> _ValueOf:
    lookup = next((step for step in signal.transform if isinstance(step, Lookup)), None)
    if signal.parse == "measured":
        amount = measured(signal, aliases)
        return lambda raw, _values: amount(raw)
    if lookup is None and signal.is_numeric:
        return _number(signal, _digits_reader(signal), places=places, aliases=aliases)
    word_of = _word_reader(signal)
    if lookup is None:
        return lambda raw, _values: _short(word_of(raw))
    table = lookup.lookup
    if not lookup.to_numbers:
        return lambda raw, _values: _looked_up(word_of(raw), table)
    finish = _number(signal, _digits, places=places, aliases=aliases)

    def coded(raw: Tree, values: _Values) -> float | str | None:
        number = _looked_up(word_of(raw), table)
        return None if number is None else finish(float(number), values)

    return coded


def _number(
    signal: Signal, first: Callable[[Tree], float], *, places: Places, aliases: Mapping[str, str]
) -> Callable[[Tree, _Values], float]:
    steps = [_step(step, places) for step in signal.transform if not isinstance(step, Lookup)]
    if signal.unit is not None and (to_canonical := _unit(signal.unit, places=places, aliases=aliases)):
        steps.append(to_canonical)
    low, high = signal.range or (-_INFINITE, _INFINITE)
    canonical = signal.canonical

    def finish(raw: Tree, values: _Values) -> float:
        number = raw if type(raw) is float else float(raw) if type(raw) is int else first(raw)
        for step in steps:
            number = step(number, values)
        if low <= number <= high:
            return number
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{number:g} {canonical} is outside {low:g} to {high:g}")

    return finish


def _step(step: Transform, places: Places) -> _Step:  # noqa: PLR0911 - one for each step of the language
    match step:
        case Scale(scale=factor):
            return lambda number, _: number * factor
        case Offset(offset=constant):
            return lambda number, _: number + constant
        case Invert(invert=whole):
            return lambda number, _: whole - number
        case Clamp(clamp=(low, high)):
            return lambda number, _: min(max(number, low), high)
        case Times():
            place = places.at(step.place)
            return lambda number, values: number * _second(values[place])
        case Minus():
            place = places.at(step.place)
            return lambda number, values: number - _second(values[place])
        case DivideBy():
            place = places.at(step.place)
            return lambda number, values: number / _second(values[place], refused=0.0)
        case Lookup() | Calibrate():
            return lambda number, _: number  # a lookup comes first; a calibration is the binding's, after this file
        case _:
            assert_never(step)


def _second(found: Found, *, refused: float | None = None) -> float:
    number = as_number(found)
    if number is None or number == refused:
        raise _UntoldError
    return number


def _unit(rule: UnitRule, *, places: Places, aliases: Mapping[str, str]) -> _Step | None:
    """From the unit that a number comes in to the canonical one; None where they are the same."""
    canonical, source = rule.canonical, rule.source or rule.canonical
    if rule.path is None:
        fixed = converter(source, target=canonical)
        return None if source == canonical else lambda number, _: fixed(number)
    place, path = places.number(rule.steps), rule.path
    known = {word: unit for word, unit in aliases.items() if same_quantity(unit, canonical)} | {canonical: canonical}
    factors = {word: converter(aliases.get(word, unit), target=canonical) for word, unit in known.items()}

    def convert(number: float, values: _Values) -> float:
        said = values[place]
        word = said if type(said) is str else str(said) if type(said) is int else None
        if word is None:
            raise DecodeError(QuarantineReason.WRONG_UNIT, f"no unit at {path}")
        factor = factors.get(word)
        if factor is None:
            raise _wrong_unit(word, aliases, canonical)
        return factor(number)

    return convert


def _wrong_unit(word: str, aliases: Mapping[str, str], canonical: str) -> DecodeError:
    known = f"cannot be read as {canonical!r}" if word in aliases else "is not a unit that this profile knows"
    return DecodeError(QuarantineReason.WRONG_UNIT, f"{word[:40]!r} {known}")


def as_number(found: Found) -> float | None:
    """The number, and None for everything else: `true` and "1" are none."""
    return float(found) if type(found) in {int, float} else None  # type: ignore[arg-type]


def _refused(raw: Tree) -> float:
    raise DecodeError(QuarantineReason.MALFORMED, f"a number is needed, this is {kind_of(raw)}")


def _digits_reader(signal: Signal) -> Callable[[Tree], float]:
    """What reads a number that is not one yet. A sentinel that is a number is one in digits too."""
    if signal.parse == "number":
        return _refused
    sentinels = frozenset(each for each in signal.sentinels if type(each) in {int, float})

    def read(raw: Tree) -> float:
        number = _digits(raw)
        if number in sentinels:
            raise _UntoldError
        return number

    return read if sentinels else _digits


def _digits(raw: Tree) -> float:
    """A decimal number in a text: no exponent, no blanks inside, no words for infinity."""
    text = raw.strip() if isinstance(raw, str) else ""
    sign, number = (text[0], text[1:]) if text[:1] in {"-", "+"} else ("", text)
    whole, point, part = number.partition(".")
    if len(text) > _DIGITS_MAX or not text.isascii() or not whole.isdigit() or (point and not part.isdigit()):
        raise DecodeError(QuarantineReason.MALFORMED, f"a text of digits is needed, this is {kind_of(raw)}")
    return -float(number) if sign == "-" else float(number)


def _word_reader(signal: Signal) -> Callable[[Tree], str]:
    if signal.parse == "flag":
        words = {} if signal.flags is None else dict.fromkeys(signal.flags.true, "true")
        words |= {} if signal.flags is None else dict.fromkeys(signal.flags.false, "false")
        return lambda raw: _flag(raw, words)
    return _word


def _flag(raw: Tree, words: Mapping[str, str]) -> str:
    word = str(raw).lower() if isinstance(raw, bool) else str(raw) if type(raw) in {str, int} else ""
    if word in words and type(raw) in _PLAIN:
        return words[word]
    if isinstance(raw, bool) and not words:
        return word
    if type(raw) in {str, int} and words:
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{word[:40]!r} is not a word that this profile knows")
    raise DecodeError(QuarantineReason.MALFORMED, f"a flag is needed, this is {kind_of(raw)}")


def _word(raw: Tree) -> str:
    """A text, or a whole number as its digits: devices send codes as either."""
    if isinstance(raw, str):
        return raw
    if type(raw) is int and abs(raw) < _CODE_MAX:
        return str(raw)
    raise DecodeError(QuarantineReason.MALFORMED, f"a text is needed, this is {kind_of(raw)}")


def _short(word: str) -> str:
    """A text that is passed on as it stands, for a page and a line of a table."""
    if len(word) > _WORD_MAX or not word.isprintable():
        raise DecodeError(QuarantineReason.MALFORMED, f"a text of at most {_WORD_MAX} printable characters is needed")
    return word


def _looked_up(word: str, table: Mapping[str, float | str | None]) -> float | str | None:
    if word not in table:
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{word[:40]!r} is not a word that this profile knows")
    return table[word]


_PLAIN = frozenset({bool, int, str, float})
_KINDS = MappingProxyType({bool: "a flag", int: "a number", float: "a number", str: "a text", list: "a list"})


def kind_of(raw: Tree) -> str:
    """What a value is, for a message to a person; never the value itself."""
    return _KINDS.get(type(raw), "an object")
