"""What we read of a UCP order and of a webhook about one: how far that order has come, and what went back.

An order is told as it stands now; its events may come in any order, and in words that we do not know. Adjustments are
told by id: of one that comes twice, or was changed in its place, the last counts, and only once it is completed.
Amounts are signed since 2026-04-08 (ORD-009: below zero is money for the buyer); 2026-01-11 gives a refund without a
sign. What a return pays back counts only where no refund is listed, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from cloud_bridge.core.outcome import Followed, Hint, Progress
from cloud_bridge.merchants.checkouts import Total
from cloud_bridge.merchants.documents import Amount, Count, Document, Key, read
from cloud_bridge.merchants.handoff import place_to_look
from cloud_bridge.merchants.ucp_documents import Confirmation

_ON_THE_WAY = frozenset({"shipped", "in_transit"})
_BACK = frozenset({"refund", "credit"})
_RETURN = "return"
_COMPLETED = "completed"

Address = Annotated[str, StringConstraints(max_length=2048)]
Signed = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]


class Quantity(Document):
    """How many the line still is for, and how many of them are out."""

    total: Count
    fulfilled: Count = 0


class Ordered(Document):
    """The product of a line."""

    id: Key


class OrderLine(Document):
    """A line of an order; some merchants give its quantity as a plain number."""

    id: Key
    item: Ordered | None = None
    quantity: Quantity | Count

    @property
    def total(self) -> int:
        """How many it still is for."""
        return self.quantity.total if isinstance(self.quantity, Quantity) else self.quantity


class EventLine(Document):
    """What one event is about."""

    id: Key
    quantity: Count


class FulfillmentEvent(Document):
    """Something that happened to a parcel. The vocabulary is open."""

    type: Key
    line_items: list[EventLine] | None = Field(default=None, max_length=100)
    tracking_url: Address | None = None


class Expectation(Document):
    """What the buyer was promised for some of the goods: `now`, or a moment."""

    fulfillable_on: Key | None = None


class OrderFulfillment(Document):
    """What was promised, and what happened so far."""

    expectations: list[Expectation] | None = Field(default=None, max_length=100)
    events: list[FulfillmentEvent] | None = Field(default=None, max_length=1_000)


class AdjustedLine(Document):
    """How many of a line an adjustment is about; below zero they went back."""

    id: Key
    quantity: Signed


class Adjustment(Document):
    """Goods or money that went back, or were asked for on top. The vocabulary of `type` is open."""

    id: Key
    type: Key
    status: Key
    line_items: list[AdjustedLine] | None = Field(default=None, max_length=100)
    amount: Amount | None = None
    totals: list[Total] | None = Field(default=None, max_length=50)

    @property
    def back_minor(self) -> int | None:
        """What the buyer gets of it, in minor units; None where it does not say."""
        total = next((each.amount for each in self.totals or () if each.type == "total"), self.amount)
        if total is None:
            return None
        return -total if total < 0 or self.totals is not None else total


class Order(Document):
    """An order, as it stands now."""

    id: Key
    checkout_id: Key | None = None
    line_items: list[OrderLine] = Field(max_length=100)
    fulfillment: OrderFulfillment | None = None
    adjustments: list[Adjustment] | None = Field(default=None, max_length=1_000)
    permalink_url: Address | None = None


class Webhook(Document):
    """An order event: the order itself, or one that names it."""

    id: Key | None = None
    checkout_id: Key | None = None
    order: Confirmation | None = None


def hint_of(body: bytes) -> Hint:
    """What a webhook claims to be about; nothing where it cannot be read."""
    try:
        event = read(Webhook, body)
    except ValueError:
        return Hint(None, None)
    return Hint(session_id=event.checkout_id, merchant_order_id=event.order.id if event.order else event.id)


def followed(order: Order, *, origin: str) -> Followed:
    """The order as it stands now; `origin` is the merchant's, where a person may be sent."""
    events = (order.fulfillment.events if order.fulfillment else None) or []
    completed = _completed(order.adjustments or ())
    returned, links = _returned(completed), [event.tracking_url for event in reversed(events)]
    return Followed(
        _progress(order, events, is_returned=bool(returned)),
        ordered=sum(line.total for line in order.line_items) if order.line_items else None,
        delivered=_delivered(order, events),
        returned=returned,
        refunded_minor=_refunded_minor(completed),
        substitute_sku=_substitute(order.line_items),
        expected_on=_promised(order),
        tracking_url=place_to_look([*links, order.permalink_url], origin=origin),
    )


def _progress(order: Order, events: Sequence[FulfillmentEvent], *, is_returned: bool) -> Progress:
    """How far the order has come, from the sum of its lines and the kinds of its events."""
    total = sum(line.total for line in order.line_items)
    delivered = _delivered(order, events) or 0
    if order.line_items and total == 0:
        return Progress.RETURNED if is_returned else Progress.CANCELLED
    if 0 < total <= delivered:
        return Progress.DELIVERED
    if delivered:
        return Progress.PARTLY_DELIVERED
    if any(event.type in _ON_THE_WAY for event in events):
        return Progress.SHIPPED
    return Progress.PREPARING


def _delivered(order: Order, events: Sequence[FulfillmentEvent]) -> int | None:
    """How many came, by the events or by the lines, whichever knows of more; None where neither says."""
    total = sum(line.total for line in order.line_items)
    told = [line.quantity.fulfilled for line in order.line_items if isinstance(line.quantity, Quantity)]
    arrived = [event for event in events if event.type == "delivered"]
    if not told and not arrived:
        return None
    return max(sum(told), min(_arrived_count(arrived, total), total))


def _arrived_count(arrived: Iterable[FulfillmentEvent], total: int) -> int:
    """How many arrived; an event that names no lines stands for all of them."""
    return sum(
        total if event.line_items is None else sum(line.quantity for line in event.line_items) for event in arrived
    )


def _completed(adjustments: Iterable[Adjustment]) -> list[Adjustment]:
    """Those that are done, each id once: as it was told last."""
    last = {each.id: each for each in adjustments}
    return [each for each in last.values() if each.status == _COMPLETED]


def _returned(completed: Iterable[Adjustment]) -> int | None:
    """How many went back; None where no return says so."""
    counts = [abs(line.quantity) for each in completed if each.type == _RETURN for line in each.line_items or ()]
    return sum(counts) if counts else None


def _refunded_minor(completed: Sequence[Adjustment]) -> int | None:
    """What was paid back, less what was taken again; None where nothing says so."""
    refunds = [each for each in completed if each.type in _BACK]
    counted = refunds or [each for each in completed if each.type == _RETURN]
    amounts = [each.back_minor for each in counted if each.back_minor is not None]
    return max(0, sum(amounts)) if amounts else None


def _substitute(lines: Sequence[OrderLine]) -> str | None:
    """The product that took the place of another: the only one left where a line of another one was emptied."""
    left = {line.item.id for line in lines if line.item is not None and line.total > 0}
    emptied = {line.item.id for line in lines if line.item is not None and line.total == 0}
    return next(iter(left)) if len(left) == 1 and emptied - left and not left & emptied else None


def _promised(order: Order) -> date | None:
    """The latest day that was promised for any of the goods."""
    promised = (order.fulfillment.expectations if order.fulfillment else None) or []
    days = [day for each in promised if (day := _day(each.fulfillable_on)) is not None]
    return max(days, default=None)


def _day(told: str | None) -> date | None:
    try:
        return None if told is None else datetime.fromisoformat(told).date()
    except ValueError:  # `now`, or a word
        return None
