"""One payload tree and one profile in, readings out: select, guard, parse, transform, unit, range.

Nothing here guesses. What cannot be trusted is `unknown`, which is not zero. What contradicts the profile is a fault:
of one signal, which is then unknown, where a foreign device tells of many parts; of the whole message, where a native
device breaks the protocol that it says it speaks.

A profile is made ready once (`reader`): every place that it names is found in one walk over the tree, and each signal
is a function of what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from edge_agent.core.decoding.conditions import tester
from edge_agent.core.decoding.measured import in_unit
from edge_agent.core.decoding.numbers import UntoldError, digits, kind_of, refused
from edge_agent.core.decoding.payload import MISSING, Tree
from edge_agent.core.decoding.places import Places
from edge_agent.core.decoding.steps import Values, steps_of
from edge_agent.core.decoding.times import age_s
from edge_agent.core.messages import Presence, QuarantineReason, Reading
from edge_agent.core.profile import Guard, Lookup, Profile, Scalar, Signal
from edge_agent.errors import DecodeError

_CODE_MAX = 10**12
_WORD_MAX = 120
_INFINITE = float("inf")

_ValueOf = Callable[[Tree, Values], float | str | None]


class Fault(NamedTuple):
    """What contradicts the profile in one signal; `error` names it too."""

    signal: str
    error: DecodeError


class Readings(NamedTuple):
    """What a message told: every signal of its profile, in their order, and what was wrong with some of them."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...]


Reader = Callable[[Tree, datetime], Readings]


def reader(profile: Profile) -> Reader:
    """A function from (tree, the hub's time) to readings.

    Raises, when called, for a native device only: DecodeError MALFORMED, WRONG_UNIT or OUT_OF_RANGE, naming the signal.
    """
    places = Places()
    cells = [_cell(name, each, places=places, aliases=profile.units) for name, each in profile.signals.items()]
    nothing = tuple(Reading(name, Presence.UNKNOWN, None, each.canonical) for name, each in profile.signals.items())
    is_native, fresh, unseen = profile.match.native is not None, profile.freshness, profile.in_passing
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
            except UntoldError:
                readings.append(nothing[len(readings)])
            except DecodeError as exc:
                unread = nothing[len(readings)]
                why = "its value is never shown" if unread.signal in unseen else exc.detail
                fault = DecodeError(exc.reason, f"{unread.signal}: {why}")
                if is_native:
                    raise fault from exc
                faults.append(Fault(unread.signal, fault))
                readings.append(unread)
        return Readings(tuple(readings), tuple(faults))

    return read


def _cell(
    name: str, signal: Signal, *, places: Places, aliases: Mapping[str, str]
) -> tuple[int, Reading, Callable[[Tree, Values], Reading]]:
    """Where it stands, what it says where nothing stands there, and what it says of what does."""
    place = places.first([signal.jsonpath or signal.select or "", *signal.instead])
    unit = signal.canonical
    checks = [
        (places.number(each.steps), tester(each), each.optional, _otherwise(name, each, unit)) for each in signal.guard
    ]
    unknown = Reading(name, Presence.UNKNOWN, None, unit)
    flags = frozenset(each for each in signal.sentinels if type(each) is bool)
    sentinels = frozenset(each for each in signal.sentinels if type(each) is not bool)
    value_of = _value(signal, places=places, aliases=aliases)
    value, new, low, high = Presence.VALUE, tuple.__new__, *_direct(signal)
    said = {word: new(Reading, (name, value, told, unit)) for word, told in _words(signal, value_of).items()}

    def read(raw: Tree, values: Values) -> Reading:
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


def _otherwise(name: str, guard: Guard, unit: str) -> Reading:
    if guard.tells_state:
        return Reading(name, Presence.VALUE, guard.otherwise, unit)
    return Reading(name, Presence(guard.otherwise), None, unit)


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
    if lookup is None and signal.is_numeric:
        return _number(signal, _first_reader(signal, aliases), places=places, aliases=aliases)
    word_of = _word_reader(signal)
    if lookup is None:
        return lambda raw, _values: _short(word_of(raw))
    table = lookup.lookup
    if not lookup.to_numbers:
        return lambda raw, _values: _looked_up(word_of(raw), table)
    finish = _number(signal, digits, places=places, aliases=aliases)

    def coded(raw: Tree, values: Values) -> float | str | None:
        number = _looked_up(word_of(raw), table)
        return None if number is None else finish(float(number), values)

    return coded


def _number(
    signal: Signal, first: Callable[[Tree], float], *, places: Places, aliases: Mapping[str, str]
) -> Callable[[Tree, Values], float]:
    steps = steps_of(signal, places=places, aliases=aliases)
    low, high = signal.range or (-_INFINITE, _INFINITE)
    canonical = signal.canonical

    def finish(raw: Tree, values: Values) -> float:
        number = raw if type(raw) is float else float(raw) if type(raw) is int else first(raw)
        for step in steps:
            number = step(number, values)
        if low <= number <= high:
            return number
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{number:g} {canonical} is outside {low:g} to {high:g}")

    return finish


def _first_reader(signal: Signal, aliases: Mapping[str, str]) -> Callable[[Tree], float]:
    """What reads a number that is not one yet. A sentinel that is a number is one in digits too, and in every unit."""
    if signal.parse == "measured" and signal.unit is not None:
        return in_unit(signal.unit, aliases, sentinels=_numbers(signal.sentinels))
    sentinels = _numbers(signal.sentinels)
    if signal.parse == "number":
        return refused

    def read(raw: Tree) -> float:
        number = digits(raw)
        if number in sentinels:
            raise UntoldError
        return number

    return read if sentinels else digits


def _numbers(sentinels: Iterable[Scalar]) -> frozenset[float]:
    return frozenset(each for each in sentinels if isinstance(each, int | float) and not isinstance(each, bool))


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
