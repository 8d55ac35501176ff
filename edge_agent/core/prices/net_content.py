"""What a title says is in the pack: `6 x 330 ml`, `1,5 L`, `750g`. Two different amounts, or none, say nothing.

Only masses and volumes: a number before any other word may be anything. A point or a comma with three digits behind it
says nothing either, since half the world reads it as thousands and the other half as a fraction.
"""

from __future__ import annotations

import re
from fractions import Fraction

from edge_agent.core.prices.measure import Content, exact
from edge_agent.core.units import UNITS

_UNITS = {"mg": "mg", "g": "g", "kg": "kg", "ml": "mL", "cl": "cL", "dl": "dL", "l": "L"}
_AMOUNT = re.compile(
    r"(?<![\w.,])(?:(?P<packs>[1-9][0-9]?)\s?[x×]\s?)?(?P<number>[0-9]{1,5}(?:[.,][0-9]{1,2})?)\s?"  # noqa: RUF001
    r"(?P<unit>mg|kg|g|ml|cl|dl|l)(?![\w])",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[\s,;()/-]+")


def net_content(title: str) -> Content | None:
    """How much a title says there is."""
    found = {_read(match) for match in _AMOUNT.finditer(title)}
    [told] = found if len(found) == 1 else [None]
    return told if told is not None and told.amount > 0 else None


def without_content(title: str) -> str:
    """A title by which two sizes of one product are the same: no amounts, no case, single spaces."""
    return _SPACES.sub(" ", _AMOUNT.sub(" ", title)).strip().casefold()


def _read(match: re.Match[str]) -> Content:
    unit = UNITS[_UNITS[match["unit"].lower()]]
    number = Fraction(match["number"].replace(",", ".")) * int(match["packs"] or 1)
    return Content(unit.dimension, number * exact(unit.factor))
