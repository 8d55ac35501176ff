"""Which of several offers a need is bought by: what is here in time, then what costs least with its delivery.

- In time is what comes by the day it is needed four times in five. Where nothing does, the soonest goes first, by days.
- Goods count by what as much as is needed costs: what is beyond it is stock, and not lost. A delivery counts whole.
- Both count as this home's orders were charged there: who asks more in the end than was agreed to competes at that.
- Of equal sums: no parcel of its own, less carbon where it is known of all, sooner, and what the household lists first.

Nothing here looks at who may be bought from (`core.choosing.accepting`) but two things: a pinned merchant is the only
one, and an order below a merchant's minimum is none. Money is compared as exact fractions of minor units.

A lower price never makes an offer lose, unless the order falls below a minimum or the sum for a free delivery by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from statistics import NormalDist

from edge_agent.core.catalogue import Product
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.situation import LEAD_SURELY
from edge_agent.core.messages import Reason
from edge_agent.core.prices.measure import exact, half_up
from edge_agent.core.said import Said, Sum, say, say_many

CHOSEN = "chosen_offer"
AS_AGREED = Fraction(1)
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Way:
    """How an order comes: its price in minor units, how long it takes, and from which sum of goods it is free.

    `option` is the merchant's id of it, None for the one that it chooses by itself, and `title` its words for it.
    """

    price_minor: int
    lead: LeadTime
    option: str | None = None
    free_from_minor: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Bid:
    """One accepted product, brought one way, as an order for the need. `place` is where the household lists it.

    `joined_minor` is what goods that come in the same parcel cost, None where it is a parcel of its own. `share_whole`
    is the share of this merchant's orders that came whole, `charged` what it asked in the end, as a share of what was
    agreed to. `co2e_g` is what a parcel emits, as the household typed it. Amounts are in minor units of `currency`.
    """

    product: Product
    packs: int
    unit_price_minor: int
    currency: str
    way: Way
    place: int
    joined_minor: int | None = None
    minimum_minor: int = 0
    share_whole: float = 1.0
    co2e_g: int | None = None
    charged: Fraction = AS_AGREED

    @property
    def goods_minor(self) -> int:
        """The packs."""
        return self.packs * self.unit_price_minor

    @property
    def order_minor(self) -> int:
        """All goods of the parcel: what minimum and free delivery go by."""
        return self.goods_minor + (self.joined_minor or 0)

    @property
    def delivery_minor(self) -> int:
        """What bringing it costs: nothing where another order brings it, or where the sum for that is reached."""
        free_from = self.way.free_from_minor
        is_free = self.joined_minor is not None or (free_from is not None and self.order_minor >= free_from)
        return 0 if is_free else self.way.price_minor

    @property
    def total_minor(self) -> int:
        """Goods and delivery."""
        return self.goods_minor + self.delivery_minor

    @property
    def amount(self) -> Fraction:
        """What it brings, in the item's unit."""
        return self.packs * exact(self.product.pack_amount)

    def chance(self, by_d: float) -> float:
        """The probability that it is here, and whole, within so many days."""
        lead = self.way.lead
        if lead.spread_d <= 0:
            return self.share_whole if lead.mean_d <= by_d else 0.0
        return self.share_whole * NormalDist(lead.mean_d, lead.spread_d).cdf(by_d)

    def cost(self, amount: Fraction) -> Fraction:
        """What the need of this amount costs by it, as this merchant charges."""
        return self.charged * (self.goods_minor * amount / self.amount + self.delivery_minor)


@dataclass(frozen=True, slots=True)
class Choice:
    """The bid to buy by, all others in order, and why: beside a cheaper one that was passed over, else the next best.

    `beside` is that other one; None, as `reason` is, where there is only one.
    """

    chosen: Bid
    others: tuple[Bid, ...]
    beside: Bid | None
    reason: Reason | None


def choose(
    bids: Iterable[Bid], *, amount: float, by_d: float, currency: str, pinned: str | None = None
) -> Choice | None:
    """The best bid for an `amount` in the item's unit that is needed within `by_d` days; None where there is none.

    Only bids in `currency` are compared. `pinned` is the merchant that the need stays with.
    """
    needed = exact(amount)
    open_ones = [bid for bid in bids if _is_open(bid, currency=currency, pinned=pinned)]
    if not open_ones or needed <= 0:
        return None
    with_carbon = all(bid.co2e_g is not None for bid in open_ones)
    best, *others = sorted(open_ones, key=lambda bid: _key(bid, needed, by_d=by_d, with_carbon=with_carbon))
    cheaper = [bid for bid in others if bid.cost(needed) < best.cost(needed)]
    beside = next(iter(cheaper or others), None)
    return Choice(
        chosen=best,
        others=tuple(others),
        beside=beside,
        reason=None if beside is None else Reason(CHOSEN, _why(best, beside, needed=needed, by_d=by_d)),
    )


def _is_open(bid: Bid, *, currency: str, pinned: str | None) -> bool:
    may_be = pinned is None or bid.product.merchant == pinned
    return may_be and bid.packs > 0 and bid.currency == currency and bid.order_minor >= bid.minimum_minor


def _is_late(bid: Bid, *, by_d: float) -> bool:
    return bid.chance(by_d) < LEAD_SURELY


def _key(bid: Bid, needed: Fraction, *, by_d: float, with_carbon: bool) -> tuple[object, ...]:
    is_late = _is_late(bid, by_d=by_d)
    return (
        is_late,
        ceil(bid.way.lead.within(LEAD_SURELY)) if is_late else 0,
        bid.cost(needed),
        bid.joined_minor is None,
        (bid.co2e_g if with_carbon else 0),
        bid.way.lead.mean_d,
        bid.place,
        bid.product.merchant,
        bid.product.sku,
        bid.way.option or "",
        -bid.share_whole,
        repr(bid),  # whatever else differs: some order that is always the same
    )


def _why(best: Bid, beside: Bid, *, needed: Fraction, by_d: float) -> Said:
    """One sentence: what it costs, when it comes, and how the other one differs."""
    return say(
        "{sum} at {merchant}, {days}; {other}.",
        sum=Sum(best.total_minor, best.currency),
        merchant=_name(best, beside),
        days=_surely(best, by_d=by_d),
        other=_beside(best, beside, needed=needed, by_d=by_d),
    )


def _beside(best: Bid, beside: Bid, *, needed: Fraction, by_d: float) -> Said:
    more = beside.cost(needed) - best.cost(needed)
    merchant, days = _name(beside, best), _days(beside)
    if more == 0:
        return say("{other} costs the same, {days}, {why}", other=merchant, days=days, why=_tie(best, beside))
    if more > 0:
        dearer = Sum(max(1, half_up(more)), best.currency)
        if (best.charged, beside.charged) != (AS_AGREED, AS_AGREED):
            return say("at {other} as much costs {sum} more, by what was charged so far, {days}", other=merchant,
                       sum=dearer, days=days)  # fmt: skip
        return say("at {other} as much costs {sum} more, {days}", other=merchant, sum=dearer, days=days)
    why = _why_passed_over(best, beside, by_d=by_d)
    if beside.amount == best.amount:
        total = Sum(beside.total_minor, beside.currency)
        return say("{sum} at {other}, but {days}: {why}", sum=total, other=merchant, days=days, why=why)
    less = Sum(max(1, half_up(-more)), best.currency)
    return say("at {other} as much costs {sum} less, but {days}: {why}", other=merchant, sum=less, days=days, why=why)


def _why_passed_over(best: Bid, beside: Bid, *, by_d: float) -> Said:
    """Why a cheaper one is not the one: the time it takes, or else how few of its orders come whole."""
    if _is_late(best, by_d=by_d):
        return say("later still")
    if _is_late(replace(beside, share_whole=1.0), by_d=by_d):
        return say("too late")
    percent = half_up(_HUNDRED * exact(beside.share_whole))
    return say("only about {percent} % of its orders come as agreed", percent=percent)


def _name(bid: Bid, other: Bid) -> str:
    """The merchant, and by which of its ways where the other one is another way of the same."""
    merchant, way = bid.product.merchant, bid.way.title or bid.way.option
    is_told_apart = merchant != other.product.merchant or bid.way.option == other.way.option or way is None
    return merchant if is_told_apart else f"{merchant} ({way})"


def _tie(best: Bid, beside: Bid) -> Said:
    if best.joined_minor is not None and beside.joined_minor is None:
        return say("but is a parcel more")
    if best.co2e_g is not None and beside.co2e_g is not None and best.co2e_g < beside.co2e_g:
        return say("but emits more")
    if best.way.lead.mean_d < beside.way.lead.mean_d:
        return say("but takes longer")
    return say("and stands later in your list")


def _surely(bid: Bid, *, by_d: float) -> Said:
    """When it comes, and how likely in time where orders of this home tell that."""
    if bid.way.lead.orders == 0:
        return _days(bid)
    percent = half_up(_HUNDRED * exact(bid.chance(by_d)))
    return say("{days} ({percent} % in time)", days=_days(bid), percent=percent)


def _days(bid: Bid) -> Said:
    return say_many("about {number} day", "about {number} days", max(0, half_up(exact(bid.way.lead.mean_d))))
