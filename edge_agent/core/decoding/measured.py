"""A number with its unit in one text, such as `12.6 V`: which forms it may have, and what it is in a unit of ours.

One form and nothing around it: a sign, digits, a point with digits, one blank or none, and the unit. A unit is taken
only where the profile names it; without one, the number is in the unit that the profile states.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from edge_agent.core.decoding.numbers import UntoldError
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.messages import QuarantineReason
from edge_agent.core.profile.signal import UnitRule
from edge_agent.core.quantity import converter, same_quantity
from edge_agent.errors import DecodeError

_LENGTH_MAX = 64
# What follows the number is no part of one: no digit, point, comma or sign.
_MEASURED = re.compile(r"([+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?)(?: ?([^\s0-9.,+-][^\s]*(?: [^\s]+)*))?")


def parts_of(text: str) -> tuple[str, str] | None:
    """The number and the unit as they stand in a text, the unit empty where there is none; None for any other text."""
    bare = text.strip()
    found = _MEASURED.fullmatch(bare) if len(bare) <= _LENGTH_MAX else None
    return None if found is None else (found[1], found[2] or "")


def unit_of_last(parts: list[str]) -> list[str]:
    """Texts of one list, with the unit of the last one behind every bare number before it.

    `["206.8", "216.4", "175.7kPa"]` are three pressures: without this, the first two would be taken for another unit.
    """
    last = parts_of(parts[-1]) if parts else None
    if last is None or not last[1]:
        return parts
    split = [parts_of(each) for each in parts]
    return [
        f"{text} {last[1]}" if told is not None and not told[1] else text
        for text, told in zip(parts, split, strict=True)
    ]


def in_unit(
    rule: UnitRule, aliases: Mapping[str, str], *, sentinels: frozenset[float] = frozenset()
) -> Callable[[Tree], float]:
    """From a text in the payload to a number in the unit that the signal's steps work in (`rule.working`).

    Raises, when called: DecodeError MALFORMED or WRONG_UNIT; UntoldError for a sentinel, whatever its unit.
    """
    own = {each: each for each in (rule.canonical, rule.working) if each not in aliases}
    units = {word: unit for word, unit in (own | dict(aliases)).items() if same_quantity(unit, rule.working)}
    known = {word: converter(unit, target=rule.working) for word, unit in units.items()}
    known[""] = converter(rule.working, target=rule.working)

    def read(raw: Tree) -> float:
        told = parts_of(raw) if isinstance(raw, str) else None
        if told is None:
            raise DecodeError(QuarantineReason.MALFORMED, "a number is needed, with its unit behind it or alone")
        number, word = float(told[0]), told[1]
        if number in sentinels:
            raise UntoldError
        if word not in known:
            raise DecodeError(QuarantineReason.WRONG_UNIT, f"{word[:40]!r} is not a unit that this profile knows here")
        return known[word](number)

    return read
