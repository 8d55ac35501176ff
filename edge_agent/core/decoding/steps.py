"""The steps of a signal's `transform`, each a function of the number so far and of what stands beside it.

A second number that a step takes from the payload is read as the signal's own is. Where that has its unit behind it,
the second one may have one too, as long as both are of one quantity; it comes in the unit that the steps work in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from edge_agent.core.decoding.measured import in_unit
from edge_agent.core.decoding.numbers import UntoldError, as_number, digits, refused
from edge_agent.core.decoding.payload import Found, Tree
from edge_agent.core.decoding.places import Places
from edge_agent.core.messages import QuarantineReason
from edge_agent.core.profile import (
    Calibrate,
    Clamp,
    DivideBy,
    Invert,
    Lookup,
    Minus,
    Offset,
    Scale,
    Signal,
    Times,
    Transform,
    UnitRule,
)
from edge_agent.core.quantity import converter, same_quantity
from edge_agent.errors import DecodeError

Values = list[Found]  # what stands at each place of the profile
Step = Callable[[float, Values], float]
_OfText = Callable[[Tree], float]


def steps_of(signal: Signal, *, places: Places, aliases: Mapping[str, str]) -> list[Step]:
    """What is done to the signal's number, the change to its canonical unit last.

    The steps raise UntoldError where a second number is not there, and DecodeError WRONG_UNIT.
    """
    bare = digits if signal.parse in {"digits", "measured"} else refused
    alike = in_unit(signal.unit, aliases) if signal.parse == "measured" and signal.unit is not None else bare
    plain = Times if signal.unit is not None and signal.unit.measured is not None else (Times, DivideBy)
    steps = []
    for each in signal.transform:
        steps.append(_step(each, places, bare if isinstance(each, plain) else alike))
        if isinstance(each, (Scale, Times, DivideBy)):
            alike = bare  # what comes out need not be in the unit that went in
    last = None if signal.unit is None else _to_canonical(signal.unit, places=places, aliases=aliases)
    return [each for each in (*steps, last) if each is not None]


def _step(step: Transform, places: Places, of_text: _OfText) -> Step | None:  # noqa: PLR0911 - one for each of them
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
            return lambda number, values: number * _second(values[place], of_text)
        case Minus():
            place = places.at(step.place)
            return lambda number, values: number - _second(values[place], of_text)
        case DivideBy():
            place = places.at(step.place)
            return lambda number, values: number / _second(values[place], of_text, never=0.0)
        case Lookup() | Calibrate():
            return None  # a lookup comes before numbers; a calibration is the binding's, after this file
        case _:
            assert_never(step)


def _second(found: Found, of_text: _OfText, *, never: float | None = None) -> float:
    number = as_number(found)
    if number is None and isinstance(found, str):
        try:
            number = of_text(found)
        except DecodeError:
            raise UntoldError from None
    if number is None or number == never:
        raise UntoldError
    return number


def _to_canonical(rule: UnitRule, *, places: Places, aliases: Mapping[str, str]) -> Step | None:
    """From the unit that a number comes in to the canonical one; None where they are the same."""
    canonical, source = rule.canonical, rule.source or rule.canonical
    if rule.path is None:
        fixed = converter(source, target=canonical)
        return None if source == canonical else lambda number, _: fixed(number)
    place, path = places.number(rule.steps), rule.path
    known = {word: unit for word, unit in aliases.items() if same_quantity(unit, canonical)} | {canonical: canonical}
    factors = {word: converter(aliases.get(word, unit), target=canonical) for word, unit in known.items()}

    def convert(number: float, values: Values) -> float:
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
