"""What one order says of its merchant: whether it came by the day agreed to, whole, and at the price agreed to.

    the order                                   by the day                       whole
    came                                        if that day or before            all packs, of what was ordered
    is on its way                               not known; no, once it is over   not known
    came in part                                not known; no, once it is over   not known; no, once the day is over
    cancelled by the merchant, never arrived    no                               no
    refused, as dearer or sold out              nothing was promised             nothing was sent
    paid back, and nobody said that it came     not known                        not known

The day is that of the terms that the household signed (`arrivals.agreed_on`). The merchant cannot move it: neither by
a later promise, nor by a first one that is late enough to be kept, nor by being slow. It came when the merchant, a
person or a sensor said so first: a pack may stand for days before a sensor sees it in use.

Only what was said counts. What is not known is None, and never a no; what a person or this hub took back says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from fractions import Fraction

from edge_agent.core.arrivals import agreed_on, came_at, came_packs
from edge_agent.core.intent import CANCELLED_BY_MERCHANT, ON_ITS_WAY, IntentRecord, IntentState
from edge_agent.core.prompt import PromptRecord

_S = IntentState
_CAME_TO_SOMETHING = ON_ITS_WAY | {_S.DELIVERED, _S.NEVER_ARRIVED, _S.RETURNED, _S.REFUNDED}
_RISEN = "terms_changed"
_SOLD_OUT = frozenset({"out_of_stock", "item_unavailable"})


class Charge(StrEnum):
    """What was asked in the end, beside what was agreed to. `HIGHER` is within the ceiling of the leave."""

    LOWER = "lower"
    EQUAL = "equal"
    HIGHER = "higher"
    ABOVE_LIMIT = "above_limit"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Dealing:
    """An order, the day that was agreed to, and what it might cost at the most, in minor units: None is not known."""

    order: IntentRecord
    due_on: date | None = None
    total_max_minor: int | None = None


def dealing(order: IntentRecord, prompt: PromptRecord | None) -> Dealing:
    """An order as it was agreed to; `prompt` is the question that it came of."""
    return Dealing(order, agreed_on(order, prompt), None if prompt is None else prompt.offer.total_max_minor)


def says_something(order: IntentRecord) -> bool:
    """Whether the merchant had this order, or refused it for a reason of its own."""
    return order.state in _CAME_TO_SOMETHING or is_cancelled(order) or is_sold_out(order) or is_refused(order)


def is_cancelled(order: IntentRecord) -> bool:
    """Whether the merchant took the order, and then called it off."""
    return order.state is _S.CANCELLED and order.detail == CANCELLED_BY_MERCHANT


def is_sold_out(order: IntentRecord) -> bool:
    """Whether the merchant had not got what it offered."""
    return order.state is _S.REJECTED and order.detail in _SOLD_OUT


def is_refused(order: IntentRecord) -> bool:
    """Whether nothing was ordered because the price, or what it buys, was no longer what was agreed to."""
    return order.state is _S.REJECTED and order.detail == _RISEN


def came_on(order: IntentRecord, *, zone: tzinfo) -> date | None:
    """The day at home on which it came, by whoever said so first; None: nobody said that all of it did."""
    said = [at for at in (order.arrived_at, came_at(order)) if at is not None]
    return _day(min(said), zone=zone) if said else None


def days_late(dealing: Dealing, *, now: datetime, zone: tzinfo) -> int | None:
    """Days after the one agreed to on which it came, or was given up, or that have gone by now; 0: in time.

    None where that is not known, as of an order that is on its way, and whose day is not over.
    """
    order, due_on = dealing.order, dealing.due_on
    if due_on is None:
        return None
    came = came_on(order, zone=zone)
    if came is not None:
        return max(0, (came - due_on).days)
    if order.state is _S.NEVER_ARRIVED:
        return max(1, (_day(order.changed_at, zone=zone) - due_on).days)
    gone = (_day(now, zone=zone) - due_on).days
    return gone if order.state in ON_ITS_WAY and gone > 0 else None


def is_on_time(dealing: Dealing, *, now: datetime, zone: tzinfo) -> bool | None:
    """Whether it was there by the day agreed to; None: nobody knows, or not yet."""
    if is_cancelled(dealing.order):
        return False if dealing.due_on is not None else None
    late = days_late(dealing, now=now, zone=zone)
    return None if late is None else late == 0


def is_whole(dealing: Dealing, *, now: datetime, zone: tzinfo) -> bool | None:
    """Whether all packs came, of what was ordered; None: nobody knows, or not yet."""
    order = dealing.order
    match order.state:
        case _S.DELIVERED | _S.RETURNED:
            return _is_as_ordered(order)
        case _S.REFUNDED:
            return None if order.facts.delivered_quantity is None else _is_as_ordered(order)
        case _S.PARTLY_DELIVERED:
            return False if days_late(dealing, now=now, zone=zone) else None
        case _S.NEVER_ARRIVED:
            return False
        case _:
            return False if is_cancelled(order) else None


def charge(dealing: Dealing) -> Charge | None:
    """How the price was held; None where nothing is paid, or nobody told what was charged."""
    order = dealing.order
    if is_refused(order):
        return Charge.REFUSED
    ratio = charged_share(order)
    if ratio is None:
        return None
    if dealing.total_max_minor is not None and (order.charged_minor or 0) > dealing.total_max_minor:
        return Charge.ABOVE_LIMIT
    return Charge.EQUAL if ratio == 1 else Charge.LOWER if ratio < 1 else Charge.HIGHER


def charged_share(order: IntentRecord) -> Fraction | None:
    """What was charged, as a share of what was agreed to; None where either is not known, or nothing is paid."""
    if order.charged_minor is None or order.total_minor <= 0 or order.state not in _CAME_TO_SOMETHING:
        return None
    return Fraction(order.charged_minor, order.total_minor)


def _is_as_ordered(order: IntentRecord) -> bool:
    return came_packs(order) == order.quantity and order.facts.substitute_sku is None


def _day(at: datetime, *, zone: tzinfo) -> date:
    return at.astimezone(zone).date()
