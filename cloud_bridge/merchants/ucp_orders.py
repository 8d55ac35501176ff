"""What we read of a UCP order and of a webhook about one, and how far that order has come.

An order is told as it stands now; its events may come in any order, and in words that we do not know.
"""

from __future__ import annotations

from pydantic import Field, ValidationError

from cloud_bridge.core.outcome import Followed, Hint, Progress
from cloud_bridge.merchants.documents import Count, Document, Key
from cloud_bridge.merchants.ucp_documents import Confirmation

_ON_THE_WAY = frozenset({"shipped", "in_transit"})


class Quantity(Document):
    """How many were ordered, and how many are out."""

    total: Count
    fulfilled: Count = 0


class OrderLine(Document):
    """A line of an order; some merchants give its quantity as a plain number."""

    id: Key
    quantity: Quantity | Count


class EventLine(Document):
    """What one event is about."""

    id: Key
    quantity: Count


class FulfillmentEvent(Document):
    """Something that happened to a parcel. The vocabulary is open."""

    type: Key
    line_items: list[EventLine] | None = Field(default=None, max_length=100)


class OrderFulfillment(Document):
    """What happened so far."""

    events: list[FulfillmentEvent] | None = Field(default=None, max_length=1_000)


class Order(Document):
    """An order, as it stands now."""

    id: Key
    line_items: list[OrderLine] = Field(max_length=100)
    fulfillment: OrderFulfillment | None = None


class Webhook(Document):
    """An order event: the order itself, or one that names it."""

    id: Key | None = None
    checkout_id: Key | None = None
    order: Confirmation | None = None


def hint_of(body: bytes) -> Hint:
    """What a webhook claims to be about; nothing where it cannot be read."""
    try:
        event = Webhook.model_validate_json(body)
    except ValidationError:
        return Hint(None, None)
    return Hint(session_id=event.checkout_id, merchant_order_id=event.order.id if event.order else event.id)


def followed(order: Order) -> Followed:
    """The order as it stands now."""
    return Followed(_progress(order))


def _progress(order: Order) -> Progress:
    """How far the order has come, from the sum of its lines and the kinds of its events."""
    counts = [
        line.quantity if isinstance(line.quantity, Quantity) else Quantity(total=line.quantity)
        for line in order.line_items
    ]
    total, fulfilled = sum(count.total for count in counts), sum(count.fulfilled for count in counts)
    events = (order.fulfillment.events if order.fulfillment else None) or []
    arrived = [event for event in events if event.type == "delivered"]
    if order.line_items and total == 0:
        return Progress.CANCELLED
    if (arrived and _arrived_count(arrived, total) >= total) or 0 < total <= fulfilled:
        return Progress.DELIVERED
    if arrived or fulfilled:
        return Progress.PARTLY_DELIVERED
    if any(event.type in _ON_THE_WAY for event in events):
        return Progress.SHIPPED
    return Progress.PREPARING


def _arrived_count(arrived: list[FulfillmentEvent], total: int) -> int:
    """How many arrived; an event that names no lines stands for all of them."""
    return sum(
        total if event.line_items is None else sum(line.quantity for line in event.line_items) for event in arrived
    )
