"""The reorder decision for one item, with its reasons in sentences for the household.

An item is due when the demand over lead time and review, at the household's service level, is more than its inventory
position; put the other way round, when the early edge of the run-out minus the lead time is closer than the next
review. What is bought covers the lead time, the review and `cover_days` on top, in whole packs, never more than there
will be room for when it arrives. Unknown or stale stock, a missing price or a missing product call a person; they
never lead to an order.

One live order per need is the caller's to enforce; goods on order count in the position here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor

from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.estimate import REFILL_PACKS
from edge_agent.core.forecast import days_until_used, demand_within
from edge_agent.core.messages import Alert, Decision, Forecast, Hold, ItemId, Price, Propose, Reason, StockEstimate
from edge_agent.core.position import Position

REVIEW_D = 1.0  # a person may take a day to answer
STALE_AFTER = timedelta(days=2)

_TRUST_MIN = 0.6  # two readings that agree
_DAY_S = 86_400.0
_EARLY, _LATE = 0.1, 0.9
_SURELY = 0.2  # demand at this quantile or more is nearly always reached
_FAR_D = 60.0


@dataclass(frozen=True, slots=True)
class _Need:
    """Packs that lead time and review may take, packs worth buying, and when to order at the latest.

    The reorder point is in packs of the bound product, what is worth buying in packs of the one that would be bought.
    """

    reorder_point_packs: float
    wanted_packs: int
    room_packs: int
    order_by: datetime

    @property
    def packs(self) -> int:
        return min(self.wanted_packs, self.room_packs)


def decide(
    item: Item,
    estimate: StockEstimate,
    forecast: Forecast,
    *,
    position: Position,
    price: Price | None,
    preferences: Preferences,
    quiet_until: datetime | None,
    now: datetime,
    stale_after: timedelta = STALE_AFTER,
    substitute: Product | None = None,
) -> Decision:
    """What to do about one item now. `estimate`, `forecast` and `position` are of the same moment and item.

    `price` is that of the bound product, or of the `substitute` that would be bought for the same stock.
    """
    item_id = ItemId(item.id)
    unsure = _unsure(item, estimate, now=now, stale_after=stale_after)
    if unsure is not None:
        return Alert(item_id, (unsure,))
    stock = _stock_reason(item, estimate, forecast)
    unsettled = _unsettled(item, estimate)
    if unsettled is not None:
        return Hold(item_id, (stock, unsettled))
    product = substitute or item.product
    need = _need(item, forecast, position=position, preferences=preferences, now=now, product=product)
    blocked = _not_due(need, position=position, preferences=preferences, quiet_until=quiet_until, now=now)
    if blocked is not None:
        return Hold(item_id, (stock, blocked))
    if price is None or not price.available:
        return Alert(item_id, (stock, _no_offer(item, price)))
    cover_d = days_until_used(forecast, position.packs + need.packs * _scale(item, product), probability=0.5)
    size = _size_reason(need, cover_d=cover_d, room_packs=item.room_for(product))
    return Propose(
        item_id,
        packs=need.packs,
        order_by=need.order_by,
        days_of_cover=round(cover_d, 1),
        reasons=(stock, _due_reason(need, preferences=preferences), size),
        product=substitute,
    )


def _scale(item: Item, product: Product) -> float:
    """How many packs of the bound product one of `product` is."""
    return product.pack_amount / item.product.pack_amount


def _unsure(item: Item, estimate: StockEstimate, *, now: datetime, stale_after: timedelta) -> Reason | None:
    """Why the stock is not known well enough to decide anything."""
    if estimate.amount is None:
        return Reason("stock_unknown", f"{item.name}: no usable reading yet from {item.binding.device}.")
    age = now - estimate.as_of
    if age > stale_after:
        hours = round(age.total_seconds() / 3_600)
        return Reason("stock_stale", f"{item.name}: {item.binding.device} has told nothing new for {hours} hours.")
    return None


def _unsettled(item: Item, estimate: StockEstimate) -> Reason | None:
    """Why the next readings are worth waiting for."""
    if estimate.trust < _TRUST_MIN:
        return Reason("little_evidence", "Too few steady readings yet to decide on.")
    amount = estimate.amount
    if amount is not None and amount.high - amount.value >= REFILL_PACKS * item.product.pack_amount:
        return Reason("unsettled", "The level has just changed a lot; the next readings will tell.")
    return None


def _need(
    item: Item, forecast: Forecast, *, position: Position, preferences: Preferences, now: datetime, product: Product
) -> _Need:
    age_d = max(0.0, (now - forecast.as_of).total_seconds() / _DAY_S)
    risk_d = age_d + preferences.lead_time_d + REVIEW_D
    level = preferences.service_level
    reorder_point = demand_within(forecast, risk_d, probability=level)
    used_by_cover = demand_within(forecast, risk_d + preferences.cover_days, probability=0.5)
    reserve = max(0.0, reorder_point - demand_within(forecast, risk_d, probability=0.5))
    early_d = days_until_used(forecast, position.packs, probability=1 - level)
    order_by = forecast.as_of + timedelta(days=early_d - preferences.lead_time_d)
    room = _room_at_arrival(item, forecast, position=position, until_d=age_d + preferences.lead_time_d)
    scale = _scale(item, product)
    return _Need(
        reorder_point_packs=reorder_point,
        wanted_packs=max(1, ceil((used_by_cover + reserve - position.packs) / scale - 1e-6)),
        room_packs=max(0, floor(room / scale + 1e-6)),
        order_by=max(now, order_by),
    )


def _room_at_arrival(item: Item, forecast: Forecast, *, position: Position, until_d: float) -> float:
    """Bound packs that will find room when an order is here: what is surely used by then no longer stands there."""
    return item.room_packs - max(0.0, position.packs - demand_within(forecast, until_d, probability=_SURELY))


def _not_due(
    need: _Need, *, position: Position, preferences: Preferences, quiet_until: datetime | None, now: datetime
) -> Reason | None:
    """Why nothing is bought now, None where it should be."""
    if position.packs >= need.reorder_point_packs:
        days = preferences.lead_time_d + REVIEW_D
        on_order = f", {_packs(position.on_order_packs)} of them on order" if position.on_order_packs > 0 else ""
        text = f"{_packs(position.packs)}{on_order}: enough for the {days:.0f} days until an order would be here."
        return Reason("enough", text)
    if need.packs < 1:
        return Reason("no_room", "There is no room for another pack yet.")
    if need.packs == 1 < need.wanted_packs and now < need.order_by:
        return Reason("little_room", f"Better bought by {_day(need.order_by)}, when there is room for more.")
    if quiet_until is not None and now < quiet_until:
        return Reason("quiet", f"Not asking again before {_day(quiet_until)}, as you wished.")
    return None


def _no_offer(item: Item, price: Price | None) -> Reason:
    merchant = item.product.merchant
    if price is None:
        return Reason("no_price", f"Time to buy {item.name}, but there is no price from {merchant} yet.")
    return Reason("unavailable", f"Time to buy {item.name}, but {merchant} does not have it now.")


def _stock_reason(item: Item, estimate: StockEstimate, forecast: Forecast) -> Reason:
    """What is left, how fast it goes, and between which days it runs out."""
    pack_amount = item.product.pack_amount
    left = estimate.amount.value / pack_amount if estimate.amount is not None else 0.0
    use = estimate.use_per_day.value / pack_amount if estimate.use_per_day is not None else 0.0
    early = days_until_used(forecast, left, probability=_EARLY)
    late = days_until_used(forecast, left, probability=_LATE)
    text = f"{item.name}: about {_packs(left)} left, used {_rate(use)}; {_run_out(estimate.as_of, early, late)}."
    return Reason("stock", text)


def _due_reason(need: _Need, *, preferences: Preferences) -> Reason:
    days = preferences.lead_time_d + REVIEW_D
    text = f"You may need {_packs(need.reorder_point_packs)} in the {days:.0f} days until an order would be here"
    return Reason("due", f"{text}; order by {_day(need.order_by)}.")


def _size_reason(need: _Need, *, cover_d: float, room_packs: int) -> Reason:
    enough = f"With {_packs(need.packs)} more it should last about {cover_d:.0f} days"
    if need.wanted_packs > need.room_packs:
        return Reason("size_room", f"{enough}; there is room for {_packs(room_packs)} in all.")
    return Reason("size", f"{enough}.")


def _packs(packs: float) -> str:
    number = f"{packs:.1f}".removesuffix(".0")
    return f"{number} pack" if number == "1" else f"{number} packs"


def _rate(packs_per_day: float) -> str:
    """Use in words: packs a day, or days a pack where it goes slowly."""
    if packs_per_day >= 0.5:
        return f"{_packs(packs_per_day)} a day"
    days = 1 / packs_per_day if packs_per_day > 0 else _FAR_D
    return "hardly at all" if days > _FAR_D else f"a pack in about {days:.0f} days"


def _run_out(start: datetime, early_d: float, late_d: float) -> str:
    if early_d > _FAR_D:
        return f"lasts more than {_FAR_D:.0f} days"
    early, late = _day(start + timedelta(days=early_d)), _day(start + timedelta(days=late_d))
    if early_d < 0.5 and late_d < 1:
        return "runs out within a day"
    return f"runs out around {early}" if early == late else f"runs out between {early} and {late}"


def _day(at: datetime) -> str:
    """A day as people say it: Tue 3 Mar (UTC)."""
    return f"{at:%a} {at.day} {at:%b}"
