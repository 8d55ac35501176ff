"""What a pack costs for what is in it: a price per kilogram, per litre or per piece.

Money stays in whole minor units and comparisons are exact fractions; only what is shown is rounded, half up, and it is
never agreed to or signed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

from edge_agent.core.messages import Pack, Price
from edge_agent.core.units import unit_of

_LARGER = {"g": ("kg", 1_000), "mL": ("L", 1_000), "mm": ("m", 1_000)}
_HUNDRED = 100
_MINOR_MIN = 10  # below it rounding to the minor unit hides what is compared


@dataclass(frozen=True, slots=True)
class Measure:
    """What prices are told for: `number` of `unit` (`1 kg`, `100 pad`), which is `amount` in the pack's own unit."""

    unit: str
    number: int
    amount: int

    def price_minor(self, pack_minor: int, *, pack_amount: float) -> int:
        """What so much costs, at a price for a pack."""
        return half_up(Fraction(pack_minor) * self.amount / exact(pack_amount))


def measure_of(pack_minor: int, *, pack_amount: float, unit: str) -> Measure | None:
    """The measure to tell a price for: a kilogram, a litre, a piece; a hundred pieces where one is too cheap.

    None where a pack holds one piece, or nothing.
    """
    if pack_amount <= 0:
        return None
    word, amount = _LARGER.get(unit, (unit.strip("{}"), 1))
    one = Measure(word, 1, amount)
    if amount == 1 and pack_amount == 1:
        return None
    if amount == 1 and one.price_minor(pack_minor, pack_amount=pack_amount) < _MINOR_MIN:
        return Measure(word, _HUNDRED, _HUNDRED)
    return one


@dataclass(frozen=True, slots=True)
class Content:
    """How much there is, exactly, in its dimension's own unit: g, L, m, s, or one of what is counted."""

    dimension: str
    amount: Fraction

    def price(self, pack_minor: int) -> Fraction:
        """Minor units for one of that unit: what packs of any size are compared by."""
        return pack_minor / self.amount


def content(amount: float, unit: str) -> Content | None:
    """What a pack holds; None where its unit is not one that goods are counted in, or it holds nothing."""
    known = unit_of(unit)
    if known is None or amount <= 0:
        return None
    return Content(known.dimension, exact(amount) * exact(known.factor))


def content_of(pack: Pack | None) -> Content | None:
    """The same of a pack whose price was told; None where it was not kept."""
    return None if pack is None else content(pack.amount, pack.unit)


def for_pack(price: Price, size: Content) -> Price:
    """A price as it would be for a pack that holds `size`; one whose pack is not known, or is the same, stays."""
    held = content_of(price.pack)
    if not price.charges or held is None or held == size or held.dimension != size.dimension:
        return price
    return replace(price, unit_price_minor=half_up(held.price(price.pack_minor) * size.amount))


def exact(number: float) -> Fraction:
    """A number as it is written, and not as a computer keeps it: 0.1 is a tenth."""
    return Fraction(repr(number))


def half_up(number: Fraction) -> int:
    """The nearest whole number; a half goes up."""
    return floor(number + Fraction(1, 2))


def percent(part: Fraction, *, of: Fraction) -> int:
    """How many hundredths of `of`, to the nearest one."""
    return half_up(100 * part / of)
