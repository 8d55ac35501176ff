"""Conversion of units inside one dimension; the table of them is `core.units`.

What is unknown, or measures something else, is an error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from edge_agent.core.messages import QuarantineReason
from edge_agent.core.units import UNITS, Unit, countable, same_quantity, unit_of
from edge_agent.errors import DecodeError

__all__ = ["UNITS", "Unit", "convert", "converter", "countable", "same_quantity", "unit_of"]


def convert(value: float, source: str, *, target: str) -> float:
    """`value` in `source` as a value in `target`.

    Raises: DecodeError WRONG_UNIT when either is unknown, or when they measure different things.
    """
    return converter(source, target=target)(value)


@functools.lru_cache(maxsize=512)
def converter(source: str, *, target: str) -> Callable[[float], float]:
    """From values in `source` to values in `target`.

    Raises: DecodeError WRONG_UNIT when either is unknown, or when they measure different things.
    """
    first, second = unit_of(source), unit_of(target)
    if first is None or second is None or first.dimension != second.dimension:
        raise DecodeError(QuarantineReason.WRONG_UNIT, f"{source!r} cannot be read as {target!r}")
    if source == target:
        return lambda value: value
    return lambda value: (value * first.factor + first.offset - second.offset) / second.factor
