"""What a merchant's picture of an order (`outcome.Followed`) changes in what is known of it.

    told                                                           the order becomes
    preparing                                                      nothing new by itself
    shipped | partly_delivered | delivered                         that
    cancelled                                                      cancelled
    returned, or all that came went back and nothing is to come    returned; cancelled where nothing ever came
    refunded, or all that was charged came back                    refunded
    less than all went back                                        the same, with `partly_returned`
    less than all was paid back                                    the same, with `partly_refunded`

Four laws: no count ever falls (packs that came, packs that went back, money that was paid back); a picture that is
older than what is known changes nothing else either; a state changes only along `order.TRANSITIONS`; what could not be
told on the wire is not believed. A number that the merchant does not say is unknown, and never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cloud_bridge.core.order import AFTERWARDS, Detail, OrderRecord, Told, route
from cloud_bridge.core.outcome import Followed, Progress
from cloud_bridge.wire import Minor, OrderState, Packs, Sku, WebAddress

_S = OrderState

FACTS = (
    "ordered_quantity",
    "delivered_quantity",
    "returned_quantity",
    "refunded_minor",
    "substitute_sku",
    "expected_on",
    "tracking_url",
)

_GOALS = MappingProxyType(
    {
        Progress.SHIPPED: _S.SHIPPED,
        Progress.PARTLY_DELIVERED: _S.PARTLY_DELIVERED,
        Progress.DELIVERED: _S.DELIVERED,
        Progress.CANCELLED: _S.CANCELLED,
        Progress.RETURNED: _S.RETURNED,
        Progress.REFUNDED: _S.REFUNDED,
    }
)
_BEFORE_ARRIVAL = frozenset({_S.PLACED, _S.SHIPPED})
_PACKS, _MINOR = TypeAdapter(Packs), TypeAdapter(Minor)
_SKU, _ADDRESS = TypeAdapter(Sku), TypeAdapter(WebAddress)


@dataclass(frozen=True, slots=True)
class News:
    """What is new: the states that the order goes through, none where it stays, and the facts as they stand now."""

    way: tuple[OrderState, ...]
    detail: str | None
    facts: Told


@dataclass(frozen=True, slots=True)
class _Words:
    """What a picture says beside its counts."""

    ordered: int | None = None
    substitute_sku: str | None = None
    expected_on: date | None = None
    tracking_url: str | None = None


def news(order: OrderRecord, told: Followed) -> News | None:
    """What the merchant's picture says that was not known; None where that is nothing."""
    facts = _merged(order, told)
    goal = _goal(order, told, facts)
    way = () if goal is order.state else route(order.state, goal) or ()
    changed = any(getattr(order, name) != value for name, value in facts.items())
    if not way and not changed:
        return None
    detail = _detail(order, facts, goal=way[-1] if way else order.state, by_household=told.by_household)
    return News(way, detail if way or detail is not None else order.detail, facts)


def _merged(order: OrderRecord, told: Followed) -> Told:
    """The facts after this picture: counts as high as they ever were, the rest as an up-to-date picture has it."""
    delivered, returned = _checked(_PACKS, told.delivered), _checked(_PACKS, told.returned)
    refunded = _checked(_MINOR, told.refunded_minor)
    words = _Words(_fewer(order, told), told.substitute_sku, told.expected_on, told.tracking_url)
    believed = _Words() if _is_older(order, told) else words
    settled = order.state in AFTERWARDS  # what was told once stands: a merchant that wavers is not followed for ever
    expected_on = None if settled else believed.expected_on
    return Told(
        ordered_quantity=_newest(order.ordered_quantity, _checked(_PACKS, believed.ordered), settled=settled),
        delivered_quantity=_highest(order.delivered_quantity, delivered),
        returned_quantity=_highest(order.returned_quantity, returned),
        refunded_minor=_highest(order.refunded_minor, refunded),
        substitute_sku=_newest(order.substitute_sku, _checked(_SKU, believed.substitute_sku), settled=settled),
        expected_on=_newest(order.expected_on, expected_on, settled=settled),
        tracking_url=_newest(order.tracking_url, _checked(_ADDRESS, believed.tracking_url), settled=settled),
    )


def _fewer(order: OrderRecord, told: Followed) -> int | None:
    """How many packs it still is for, once that was less than were ordered; as many as ever is nothing to tell."""
    if told.ordered is None or (order.ordered_quantity is None and told.ordered >= order.terms.quantity):
        return None
    return min(told.ordered, order.terms.quantity)


def _is_older(order: OrderRecord, told: Followed) -> bool:
    """Whether this picture knows less than is known: some count is lower, or the order has come further since."""
    counts = (
        (order.delivered_quantity, told.delivered),
        (order.returned_quantity, told.returned),
        (order.refunded_minor, told.refunded_minor),
    )
    if any(known is not None and said is not None and said < known for known, said in counts):
        return True
    goal = _GOALS.get(told.progress, _S.PLACED)
    is_given_up = order.state is _S.NEVER_ARRIVED  # which is our word, and no step of the merchant's
    return goal is not order.state and not is_given_up and route(order.state, goal) is None


def _goal(order: OrderRecord, told: Followed, facts: Told) -> OrderState:
    """Where the order stands by this picture; its own state where that says nothing of it."""
    charged, refunded = order.total_minor, facts["refunded_minor"]
    says_how_much = bool(charged) and refunded is not None
    if says_how_much and (refunded or 0) >= (charged or 0):
        return _S.REFUNDED
    goal = _GOALS.get(told.progress, order.state)
    if goal is _S.REFUNDED and says_how_much:
        goal = order.state
    if goal is _S.RETURNED or (goal is _S.DELIVERED and _is_all_back(order, told, facts)):
        came = facts["delivered_quantity"] != 0 or order.state not in _BEFORE_ARRIVAL
        goal = _returned(order, facts) if came else _S.CANCELLED
    return goal


def _is_all_back(order: OrderRecord, told: Followed, facts: Told) -> bool:
    delivered, returned = facts["delivered_quantity"], facts["returned_quantity"]
    came = delivered if delivered is not None else told.ordered or order.terms.quantity
    return returned is not None and 0 < came <= returned


def _returned(order: OrderRecord, facts: Told) -> OrderState:
    """Returned, unless the counts say that something was kept."""
    delivered, returned = facts["delivered_quantity"], facts["returned_quantity"]
    kept = delivered is not None and returned is not None and returned < delivered
    is_possible = order.state is not _S.NEVER_ARRIVED or bool(delivered)
    if not is_possible:
        return order.state
    return _S.DELIVERED if kept else _S.RETURNED


def _detail(order: OrderRecord, facts: Told, *, goal: OrderState, by_household: bool) -> Detail | None:
    """What is to be said beside the state: a part that went back, or who cancelled."""
    if goal is _S.CANCELLED and order.state is not _S.CANCELLED:
        return Detail.CANCELLED_BY_HOUSEHOLD if by_household else Detail.CANCELLED_BY_MERCHANT
    if goal is not _S.REFUNDED and _has_risen(order.refunded_minor, facts["refunded_minor"]):
        return Detail.PARTLY_REFUNDED
    if goal not in {_S.RETURNED, _S.REFUNDED} and _has_risen(order.returned_quantity, facts["returned_quantity"]):
        return Detail.PARTLY_RETURNED
    return None


def _has_risen(known: int | None, now: int | None) -> bool:
    return (now or 0) > (known or 0)


def _highest(known: int | None, told: int | None) -> int | None:
    said = [count for count in (known, told) if count is not None]
    return max(said, default=None)


def _newest(known: Any, told: Any, *, settled: bool) -> Any:  # noqa: ANN401  a date or a text, the same kind for both
    return known if told is None or (settled and known is not None) else told


def _checked(kind: TypeAdapter[Any], value: Any) -> Any:  # noqa: ANN401  what the kind is of
    """The value, or None where the wire could not tell it."""
    try:
        return None if value is None else kind.validate_python(value, strict=True)
    except ValidationError:
        return None
