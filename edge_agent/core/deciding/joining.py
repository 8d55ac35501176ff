"""Which items go in one order: a delivery is shared by what is due and by what would soon call for one of its own.

Three rules, over the items that one merchant would bring in one delivery:

- A delivery is called for by an item that is due, or by several that are nearly due: waiting one more day costs each
  the chance to stand without it and saves one day of holding the goods; it saves one day of the delivery's own price.
- When one is called for, every other item goes with it that would lose more by waiting `horizon_d` days, about the
  time to the next delivery, than holding it for those days costs. A fast item goes in several packs, a slow one waits.
- Where that stays under the amount from which the delivery is free, items that are due soonest fill it up, or nothing.

Nothing is bought beyond what the caller allows (room, what spoils, budget: `orders_max`), and a due item never waits.
What is due, whether a person is asked and what it costs are decided elsewhere.

Source: the can-order policy of joint replenishment (Balintfy 1964), with prices in place of its two order points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt
from typing import Final, Literal

ITEMS_MAX: Final = 1_000
ORDERS_MAX: Final = 200
DAYS_MAX: Final = 60
_TAIL_MIN: Final = 1e-6

Why = Literal["due", "nearly_due", "fills_up"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item that could go in the order.

    `chances_out[n][d]` is the chance to stand without it on the morning when an order that is made `d` days from now
    would arrive, were `n` orders of it made today and no other: P(demand over lead time + d days >= position + n
    orders). It falls with n and rises with d; the last entry of a row stands for the days after it. An item may be
    ordered as often as there are rows, and never more than `orders_max` times.
    `holding` is the days of supply in one order (packs of the order over packs used a day): what it costs, in days of
    supply, to have one order a day too early. `cost_minor` is the price of one order, None where it is not known.
    Raises: ValueError for a chance outside 0..1, no row, a negative price or limit, or more of them than is sane.
    """

    item: str
    chances_out: tuple[tuple[float, ...], ...]
    holding: float
    orders_max: int
    due: bool = False
    cost_minor: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.chances_out) <= ORDERS_MAX:
            raise ValueError(f"{self.item}: {len(self.chances_out)} rows of chances; give 1 to {ORDERS_MAX}")
        if not all(1 <= len(row) <= DAYS_MAX for row in self.chances_out):
            raise ValueError(f"{self.item}: a row of chances holds 1 to {DAYS_MAX} days")
        if not all(0.0 <= chance <= 1.0 for row in self.chances_out for chance in row):
            raise ValueError(f"{self.item}: a chance is a number from 0 to 1")
        if not (isfinite(self.holding) and self.holding > 0):
            raise ValueError(f"{self.item}: the days of supply of an order must be above 0, not {self.holding}")
        if self.orders_max < 0 or (self.cost_minor is not None and self.cost_minor < 0):
            raise ValueError(f"{self.item}: neither the limit of orders nor the price may be negative")


@dataclass(frozen=True, slots=True)
class Terms:
    """What stock, stock-outs and deliveries are worth against each other, all in days of supply of one item.

    `thrift` is the chance of a stock-out day that is as bad as one day of supply held for a day
    (`core/deciding/reorder.py`).
    `delivery` is what it is worth to have a delivery one day later. `horizon_d` is how far ahead items join.
    `fill_up_d` is how far ahead an item may be taken to reach `free_from_minor`, None where no such amount is known.
    Raises: ValueError for a value outside its bounds.
    """

    thrift: float
    delivery: float
    horizon_d: int
    free_from_minor: int | None = None
    fill_up_d: int = 14

    def __post_init__(self) -> None:
        if not (isfinite(self.thrift) and self.thrift > 0 and isfinite(self.delivery) and self.delivery >= 0):
            raise ValueError("thrift must be above 0 and the price of a delivery not below it")
        if not (1 <= self.horizon_d <= DAYS_MAX and 1 <= self.fill_up_d <= DAYS_MAX):
            raise ValueError(f"items join 1 to {DAYS_MAX} days ahead")
        if self.free_from_minor is not None and self.free_from_minor < 0:
            raise ValueError("the amount for a free delivery may not be negative")


@dataclass(frozen=True, slots=True)
class Joined:
    """An item of the order: how many orders of it, why, and how many days before it would have been ordered alone."""

    item: str
    orders: int
    why: Why
    early_d: int


def join(candidates: Sequence[Candidate], *, terms: Terms) -> tuple[Joined, ...]:
    """What goes in one order now, by item id; empty where no delivery is called for.

    The caller leaves out what may not be ordered (nobody gave leave, no offer, an order under way). The answer does
    not depend on the order of the candidates.
    Raises: ValueError for an item named twice or more than ITEMS_MAX of them.
    """
    ranked = sorted(candidates, key=lambda one: one.item)
    if len(ranked) > ITEMS_MAX or len({one.item for one in ranked}) < len(ranked):
        raise ValueError(f"an order is made of at most {ITEMS_MAX} items, each named once")
    allowed = [one for one in ranked if one.orders_max > 0]
    if not calls_for_delivery(allowed, terms=terms):
        return ()
    wanted = {one.item: _orders(one, terms=terms, ahead_d=terms.horizon_d) for one in allowed}
    joined = [_joined(one, wanted[one.item], terms=terms) for one in allowed if wanted[one.item]]
    if not joined:
        return ()
    left_out = [one for one in allowed if not wanted[one.item]]
    fills = _fills_up(left_out, missing_minor=_missing(allowed, wanted, terms=terms), terms=terms)
    return tuple(sorted((*joined, *fills), key=lambda one: one.item))


def calls_for_delivery(candidates: Iterable[Candidate], *, terms: Terms) -> bool:
    """True where an item is due, or waiting one more day costs all of them together more than a delivery is worth."""
    allowed = [one for one in candidates if one.orders_max > 0]
    if any(one.due for one in allowed):
        return True
    losses = (one.chances_out[0][0] / terms.thrift - one.holding for one in allowed)
    return fsum(loss for loss in losses if loss > 0) > terms.delivery


def worth_of_a_day(delivery: float, *, orders_per_day: float) -> float:
    """What it is worth to have a delivery a day later, in days of supply of one item held for a day: `Terms.delivery`.

    `delivery` is that worth in a home that would order once a day. With fewer orders deliveries are further apart, in
    inverse proportion to the root of their number, and a day later is a smaller share of one.
    Raises: ValueError for a negative price or a negative number of orders.
    Source: the economic order quantity (Harris 1913), for items ordered together.
    """
    if not (isfinite(delivery) and delivery >= 0 and isfinite(orders_per_day) and orders_per_day >= 0):
        raise ValueError("neither the price of a delivery nor the number of orders may be negative")
    return delivery * sqrt(orders_per_day)


def carried_ahead(price: float, tails: Sequence[float]) -> tuple[float, ...]:
    """The chances of one row of `Candidate.chances_out` from what the trained reorder rule says of today alone.

    `price` is its chance for an order made today (head `order_chances`), `tails[d]` is P(demand over lead time + d days
    >= position): the rule's chance grows with the days as these do, up to 1.
    Raises: ValueError where there are no tails.
    """
    if not tails:
        raise ValueError("the chances ahead need tails of demand for as many days")
    first = max(tails[0], _TAIL_MIN)
    return tuple(min(max(price * tail / first, 0.0), 1.0) for tail in tails)


def days_early(candidate: Candidate, *, terms: Terms) -> int:
    """Days until the item would be ordered by itself; as many as are known where it is not needed before."""
    if candidate.due:
        return 0
    price = terms.thrift * (candidate.holding + terms.delivery)
    row = candidate.chances_out[0]
    return next((day for day, chance in enumerate(row) if chance > price), len(row))


def _orders(candidate: Candidate, *, terms: Terms, ahead_d: int) -> int:
    """How many orders of an item are better made now than `ahead_d` days from now."""
    rows = candidate.chances_out[: candidate.orders_max]
    made = 0
    for row in rows:
        if not (candidate.due and made == 0) and _loss(row, candidate.holding, terms=terms, ahead_d=ahead_d) <= 0:
            break
        made += 1
    return made


def _loss(row: Sequence[float], holding: float, *, terms: Terms, ahead_d: int) -> float:
    """What waiting for `ahead_d` days loses by stock-outs over what it saves, in days of supply."""
    known = row[:ahead_d]
    chances = fsum(known) + (ahead_d - len(known)) * known[-1]
    return chances / terms.thrift - holding * ahead_d


def _joined(candidate: Candidate, orders: int, *, terms: Terms) -> Joined:
    early_d = days_early(candidate, terms=terms)
    return Joined(candidate.item, orders, "nearly_due" if early_d else "due", early_d)


def _missing(allowed: Iterable[Candidate], wanted: dict[str, int], *, terms: Terms) -> int:
    """Minor units that the order lacks for a free delivery; 0 where nothing is known of it."""
    if terms.free_from_minor is None:
        return 0
    costs = [(one.cost_minor, wanted[one.item]) for one in allowed if wanted[one.item]]
    if any(cost is None for cost, _ in costs):
        return 0
    return max(0, terms.free_from_minor - sum(cost * orders for cost, orders in costs if cost is not None))


def _fills_up(left_out: Sequence[Candidate], *, missing_minor: int, terms: Terms) -> list[Joined]:
    """Items that reach the free delivery, the soonest due first; none where they do not reach it."""
    if missing_minor == 0:
        return []
    added: list[Joined] = []
    for one in sorted(left_out, key=lambda one: (days_early(one, terms=terms), one.item)):
        if one.cost_minor and _orders(one, terms=terms, ahead_d=terms.fill_up_d):
            added.append(Joined(one.item, 1, "fills_up", days_early(one, terms=terms)))
            missing_minor -= one.cost_minor
        if missing_minor <= 0:
            return added
    return []
