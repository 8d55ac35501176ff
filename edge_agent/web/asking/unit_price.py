"""A question's price beside the last ones: for a pack, and for what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import Price
from edge_agent.core.prices.measure import Measure
from edge_agent.core.prices.measure import measure_of as core_measure_of
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.said import Said, say

_EARLIER_PRICES = 3


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
    """The measure to tell an offer's price for."""
    return core_measure_of(offer.unit_price_minor, pack_amount=offer.pack_amount, unit=offer.unit)


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
