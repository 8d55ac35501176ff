"""A number with its unit in one text, such as `12.6 V`: which forms it may have, and what it is in the canonical unit.

One form and nothing around it: a sign, digits, a point with digits, one blank or none, and the unit. A unit is taken
only where the profile names it; without one, the number is in the unit that the profile states.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from edge_agent.core.decoding.payload import Tree
from edge_agent.core.messages import QuarantineReason
from edge_agent.core.profile.signal import Signal
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


def measured(signal: Signal, aliases: Mapping[str, str]) -> Callable[[Tree], float | None]:
    """From what stands in the payload to a value in the signal's canonical unit; None for a sentinel.

    Raises, when called: DecodeError MALFORMED, WRONG_UNIT or OUT_OF_RANGE.
    """
    if signal.unit is None or signal.range is None:
        raise ValueError("a number needs a unit and a range")
    canonical, stated = signal.canonical, signal.unit.source or signal.canonical
    own = {each: each for each in (canonical, stated) if each not in aliases}
    units = own | {word: unit for word, unit in aliases.items() if same_quantity(unit, canonical)}
    known = {word: converter(unit, target=canonical) for word, unit in units.items()}
    known[""] = converter(stated, target=canonical)
    sentinels = frozenset(each for each in signal.sentinels if type(each) in {int, float})
    low, high = signal.range

    def read(raw: Tree) -> float | None:
        number, word = _number(raw)
        if number in sentinels:
            return None
        if word not in known:
            raise DecodeError(QuarantineReason.WRONG_UNIT, f"{word[:40]!r} is not a unit that this profile knows here")
        value = known[word](number)
        if low <= value <= high:
            return value
        raise DecodeError(QuarantineReason.OUT_OF_RANGE, f"{value:g} {canonical} is outside {low:g} to {high:g}")

    return read


def _number(raw: Tree) -> tuple[float, str]:
    if type(raw) is float or type(raw) is int:
        return float(raw), ""
    told = parts_of(raw) if isinstance(raw, str) else None
    if told is None:
        raise DecodeError(QuarantineReason.MALFORMED, "a number is needed, with its unit behind it or alone")
    return float(told[0]), told[1]
