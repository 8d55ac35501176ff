"""What arrives when: the orders under way as a small agenda by day, each uncertain one marked as such.

The day is the one that was agreed to as the latest. It decides nothing: whether an order comes is the merchant's word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from edge_agent.core.intent import IntentState
from edge_agent.core.said import say
from edge_agent.web.order_rows import OrderRow

_S = IntentState
_LATE = say("It should have been here by now: look for it, or ask the merchant.")
# Why an order may not come on its day, or not at all; the states that are not here are the merchant's promise.
_UNCERTAIN: Mapping[IntentState, str] = {
    _S.APPROVED: say("Not sent to the merchant yet."),
    _S.HELD: say("Not sent to the merchant yet."),
    _S.SENDING: say("Being ordered just now."),
    _S.NOT_PLACED: say("The merchant does not have the order yet."),
    _S.NEEDS_BUYER: say("Comes only if you finish the order with the merchant."),
    _S.UNKNOWN: say("Not certain: nobody knows yet if it was ordered."),
    _S.PARKED: say("Not certain: nobody knows if it was ordered. Please check."),
    _S.PARTLY_DELIVERED: say("A part of it has come already; when the rest comes is not known."),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One order that should arrive. `doubt` says why it may not, or not then; None: the merchant has confirmed it."""

    order: OrderRow
    doubt: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """What should be here by one day, in the order of names. `day` None: no day is known. `is_late`: it has passed."""

    day: date | None
    is_late: bool
    arrivals: tuple[Arrival, ...]


def agenda(orders: Iterable[OrderRow], *, today: date) -> list[Day]:
    """The orders by the day they should be here, the earliest first; those without a known day last."""
    by_day: dict[date | None, list[OrderRow]] = {}
    for order in orders:
        by_day.setdefault(order.expected_on, []).append(order)
    return [_day(day, by_day[day], today=today) for day in sorted(by_day, key=lambda day: day or date.max)]


def _day(day: date | None, orders: list[OrderRow], *, today: date) -> Day:
    is_late = day is not None and day < today
    arrivals = (Arrival(order, _doubt(order, is_late=is_late)) for order in orders)
    return Day(day, is_late, tuple(sorted(arrivals, key=lambda arrival: arrival.order.item_name.casefold())))


def _doubt(order: OrderRow, *, is_late: bool) -> str | None:
    doubt = _UNCERTAIN.get(order.intent.state)
    return _LATE if doubt is None and is_late else doubt
