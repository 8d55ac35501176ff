"""What a pack costs for what is in it: a price per kilogram, per litre or per piece, and how it compares with before.

Money stays in minor units; a price per measure is rounded to the minor unit, half up, and is never agreed to or signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import Price
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.said import Said, say

_EARLIER_PRICES = 3
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
        exact = Decimal(pack_minor) * self.amount / Decimal(repr(pack_amount))
        return int(exact.to_integral_value(ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The prices before an offer, newest first, and how the offer compares. Amounts in minor units of its currency.

    `measure` None: a pack is what there is to count by.
    """

    before_minor: tuple[int, ...]
    verdict: Said
    measure: Measure | None
    measured_minor: int
    measured_before_minor: tuple[int, ...]


def compared(prompt: PromptRecord, prices: Sequence[Price]) -> Comparison:
    """The offer of a prompt beside the last prices of the same product before the one that it was made from."""
    offer, before = prompt.offer, _before(prompt, prices)
    measure = measure_of(offer)

    def measured(pack_minor: int) -> int:
        return measure.price_minor(pack_minor, pack_amount=offer.pack_amount) if measure is not None else pack_minor

    return Comparison(
        before_minor=before,
        verdict=_verdict(offer.unit_price_minor, before),
        measure=measure,
        measured_minor=measured(offer.unit_price_minor),
        measured_before_minor=tuple(measured(price_minor) for price_minor in before),
    )


def measure_of(offer: Offer) -> Measure | None:
    """The measure to tell an offer's price for: a kilogram, a litre, a piece; a hundred pieces where one is too cheap.

    None where a pack holds one piece, or nothing.
    """
    if offer.pack_amount <= 0:
        return None
    unit, amount = _LARGER.get(offer.unit, (offer.unit.strip("{}"), 1))
    one = Measure(unit, 1, amount)
    if amount == 1 and offer.pack_amount == 1:
        return None
    if amount == 1 and one.price_minor(offer.unit_price_minor, pack_amount=offer.pack_amount) < _MINOR_MIN:
        return Measure(unit, _HUNDRED, _HUNDRED)
    return one


def _before(prompt: PromptRecord, prices: Sequence[Price]) -> tuple[int, ...]:
    offer = prompt.offer
    before = [
        price.unit_price_minor
        for price in prices
        if price.available
        and price.unit_price_minor is not None
        and (price.merchant, price.sku) == (offer.merchant, offer.sku)
        and price.currency == offer.currency
        and price.fetched_at <= prompt.created_at
    ]
    if before and before[0] == offer.unit_price_minor:
        before = before[1:]
    return tuple(before[:_EARLIER_PRICES])


def _verdict(price_minor: int, before_minor: Sequence[int]) -> Said:
    if not before_minor:
        return say("no earlier prices are known")
    usual = sum(before_minor) / len(before_minor)
    off = round(100 * (price_minor - usual) / usual) if usual else 0
    if off == 0:
        return say("the same as lately")
    if off > 0:
        return say("{percent} % more than lately", percent=off)
    return say("{percent} % less than lately", percent=-off)
