"""What shadow would have done: the orders that an item in `shadow` would have led to, followed against what happened.

A shadow order is made when the item is due, and counts as on its way until the household refilled the stock by itself,
which is the same need met, or until it is long over. Three things come of it, each counted where the sensor shows it:

- `avoided`: days on which the stock was empty although the shadow order would have been there.
- `double`: the household had bought before the shadow order would have come; both would have been at home.
- neither: it would have come in time, and nobody lacked anything.

It is a comparison with what the household did without the hub, and claims no more than the sensor saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import ItemId, Price, Propose, StockEstimate

REPORT_DAYS = 60
_OVER_AFTER = timedelta(days=45)
_EMPTY_SHARE = 0.02  # of a pack
_REFILL_SHARE = 0.3  # of the shadow order: a refill that meets the same need


@dataclass(frozen=True, slots=True)
class ShadowOrder:
    """An order that would have been made at `at` and here at `due_at`.

    Units: `amount` in the item's unit; `total_minor` in minor units of `currency`. `empty_on` are the days on which it
    would have been missed less. `over_at` is None while it counts as on its way.
    """

    item: ItemId
    at: datetime
    due_at: datetime
    packs: int
    amount: float
    total_minor: int
    currency: str
    empty_on: tuple[date, ...] = ()
    is_double: bool = False
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What the shadow orders of an item since a day come to."""

    since: date
    orders: int
    packs: int
    total_minor: int
    currency: str
    avoided_days: int
    doubles: int


def would_order(item: Item, decision: Propose, price: Price, *, lead_d: float, now: datetime) -> ShadowOrder:
    """The order that the decision would have led to."""
    product = decision.product or item.product
    return ShadowOrder(
        item=ItemId(item.id),
        at=now,
        due_at=now + timedelta(days=lead_d),
        packs=decision.packs,
        amount=decision.packs * product.pack_amount,
        total_minor=price.order_minor(decision.packs),
        currency=price.currency,
    )


def follow(order: ShadowOrder, item: Item, estimate: StockEstimate, *, now: datetime) -> ShadowOrder:
    """A shadow order after another look at the stock; the same one where there is nothing new."""
    if order.over_at is not None:
        return order
    refilled_at = min(
        (step.at for step in estimate.refills if step.at > order.at and step.amount >= _REFILL_SHARE * order.amount),
        default=None,
    )
    if refilled_at is not None:
        return replace(order, over_at=refilled_at, is_double=refilled_at < order.due_at)
    if now - order.due_at > _OVER_AFTER:
        return replace(order, over_at=now)
    return _with_empty_day(order, item, estimate, now=now)


def coming_amount(orders: Iterable[ShadowOrder]) -> float:
    """What the shadow orders of one item would still bring, in its unit."""
    return sum(order.amount for order in orders if order.over_at is None)


def report(orders: Sequence[ShadowOrder], *, now: datetime) -> ShadowReport | None:
    """What they come to over the last `REPORT_DAYS`, in the currency of the newest; None where there are none."""
    recent = [order for order in orders if now - order.at <= timedelta(days=REPORT_DAYS)]
    if not recent:
        return None
    currency = max(recent, key=lambda order: order.at).currency
    return ShadowReport(
        since=min(order.at for order in recent).date(),
        orders=len(recent),
        packs=sum(order.packs for order in recent),
        total_minor=sum(order.total_minor for order in recent if order.currency == currency),
        currency=currency,
        avoided_days=len({day for order in recent for day in order.empty_on}),
        doubles=sum(1 for order in recent if order.is_double),
    )


def _with_empty_day(order: ShadowOrder, item: Item, estimate: StockEstimate, *, now: datetime) -> ShadowOrder:
    """A day noted on which the stock is empty and the shadow order would be there."""
    amount, day = estimate.amount, estimate.as_of.date()
    is_empty = amount is not None and amount.value <= _EMPTY_SHARE * item.product.pack_amount
    would_be_here = estimate.as_of >= order.due_at and day <= now.date()
    if not (is_empty and would_be_here) or day in order.empty_on:
        return order
    return replace(order, empty_on=(*order.empty_on, day))
