"""What we read of an ACP order and of a webhook about one, and how far that order has come.

An order is told as it stands now, in words of an open vocabulary: what we do not know says nothing. "Fulfilled" means
that a pack left the shop, so what arrived is counted from deliveries alone. Source: ACP, RFC "Enhanced Order Support".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from cloud_bridge.core.outcome import Followed, Hint, Progress
from cloud_bridge.merchants.documents import Amount, Count, Document, Key, LongUrl, read
from cloud_bridge.merchants.handoff import place_to_look

_ON_THE_WAY = frozenset({"shipped", "in_transit", "out_for_delivery"})
_DONE = "completed"
_Stamp = Annotated[str, StringConstraints(max_length=40)]


class Quantity(Document):
    """How many were ordered, how many the order still is for, and how many left the shop."""

    ordered: Count
    current: Count
    fulfilled: Count = 0


class OrderLine(Document):
    """A line of an order."""

    id: Key
    quantity: Quantity


class Reference(Document):
    """So many of a line."""

    id: Key
    quantity: Count


class Estimate(Document):
    """When the merchant promises it for."""

    latest: _Stamp


class Event(Document):
    """Something that happened to a parcel."""

    type: Key


class Parcel(Document):
    """Goods that travel together; without lines, it is all of them."""

    status: str = ""
    line_items: list[Reference] | None = Field(default=None, max_length=100)
    tracking_url: LongUrl | None = None
    estimated_delivery: Estimate | None = None
    events: list[Event] | None = Field(default=None, max_length=1_000)

    @property
    def has_arrived(self) -> bool:
        """Whether it was delivered; its status goes before its events."""
        return self.status == "delivered" or (not self.status and self._had({"delivered"}))

    @property
    def is_under_way(self) -> bool:
        """Whether it has left the shop."""
        return self.has_arrived or self.status in _ON_THE_WAY or self._had(_ON_THE_WAY)

    def _had(self, types: Iterable[str]) -> bool:
        return any(event.type in types for event in self.events or ())


class Adjustment(Document):
    """What changed after the order: a refund, a return, a cancellation. It counts when it is completed."""

    type: Key
    status: Key
    amount: Amount | None = None
    line_items: list[Reference] | None = Field(default=None, max_length=100)


class OrderTotal(Document):
    """One sum of an order."""

    type: Key
    amount: Amount


class Order(Document):
    """An order, as it stands now. All but its id may be missing."""

    id: Key
    checkout_session_id: Key | None = None
    status: str | None = None
    permalink_url: LongUrl | None = None
    estimated_delivery: Estimate | None = None
    line_items: list[OrderLine] | None = Field(default=None, max_length=200)
    fulfillments: list[Parcel] | None = Field(default=None, max_length=100)
    adjustments: list[Adjustment] | None = Field(default=None, max_length=200)
    totals: list[OrderTotal] | None = Field(default=None, max_length=50)


class _Named(Document):
    id: Key | None = None
    checkout_session_id: Key | None = None


class _Webhook(Document):
    data: _Named


def hint_of(body: bytes) -> Hint:
    """What a webhook claims to be about; nothing where it cannot be read."""
    try:
        named = read(_Webhook, body).data
    except ValueError:
        return Hint(None, None)
    return Hint(session_id=named.checkout_session_id, merchant_order_id=named.id)


def followed(order: Order, *, origin: str) -> Followed:
    """The order as it stands now. A parcel's own page is a better place to look than the order's on `origin`."""
    ordered, returned = _still_ordered(order), _moved(order, "return")
    pages = [*(parcel.tracking_url for parcel in order.fulfillments or ()), order.permalink_url]
    delivered, refunded_minor = _delivered(order, ordered), _refunded_minor(order)
    return Followed(
        _progress(order, ordered=ordered, delivered=delivered, returned=returned, refunded_minor=refunded_minor),
        ordered=ordered,
        delivered=delivered,
        returned=returned,
        refunded_minor=refunded_minor,
        expected_on=_expected_on(order),
        tracking_url=place_to_look(pages, origin=origin),
    )


def _still_ordered(order: Order) -> int | None:
    """How many the order is for. `current` falls by returns as well at some merchants, and a return is no cancel."""
    if not order.line_items:
        return None
    ordered = sum(line.quantity.ordered for line in order.line_items)
    gone = ordered - sum(line.quantity.current for line in order.line_items)
    cancelled = _moved(order, "cancellation") or max(0, gone - (_moved(order, "return") or 0))
    return max(0, ordered - cancelled)


def _moved(order: Order, kind: str) -> int | None:
    """How many packs completed adjustments of a kind are about; None where the merchant tells no adjustments."""
    if order.adjustments is None:
        return None
    about = [each for each in order.adjustments if each.type == kind and each.status == _DONE]
    return sum(reference.quantity for each in about for reference in each.line_items or ())


def _delivered(order: Order, ordered: int | None) -> int | None:
    if order.status == _DONE:
        return ordered
    arrived = [parcel for parcel in order.fulfillments or () if parcel.has_arrived]
    if not arrived:
        return 0 if order.fulfillments else None
    if any(parcel.line_items is None for parcel in arrived):
        return ordered if len(order.fulfillments or ()) == 1 else None
    return sum(reference.quantity for parcel in arrived for reference in parcel.line_items or ())


def _refunded_minor(order: Order) -> int | None:
    """What was paid back: the merchant's own sum, or the completed refunds. Store credit is no refund."""
    told = [total.amount for total in order.totals or () if total.type == "amount_refunded"]
    if told:
        return abs(told[0])
    if order.adjustments is None:
        return None
    refunds = [each for each in order.adjustments if each.type == "refund" and each.status == _DONE]
    return sum(abs(each.amount or 0) for each in refunds)


def _progress(
    order: Order, *, ordered: int | None, delivered: int | None, returned: int | None, refunded_minor: int | None
) -> Progress:
    if order.status == "canceled" or ordered == 0:
        return Progress.CANCELLED
    parcels = order.fulfillments or ()
    arrived = order.status == _DONE or (bool(parcels) and all(parcel.has_arrived for parcel in parcels))
    if ordered is not None and delivered is not None:
        arrived = arrived and delivered >= ordered
    if arrived:
        return _after_delivery(order, ordered=ordered, returned=returned, refunded_minor=refunded_minor)
    if any(parcel.has_arrived for parcel in parcels):
        return Progress.PARTLY_DELIVERED
    left = any(line.quantity.fulfilled for line in order.line_items or ())
    under_way = order.status in _ON_THE_WAY or left or any(parcel.is_under_way for parcel in parcels)
    return Progress.SHIPPED if under_way else Progress.PREPARING


def _after_delivery(order: Order, *, ordered: int | None, returned: int | None, refunded_minor: int | None) -> Progress:
    paid_minor = next((total.amount for total in order.totals or () if total.type == "total"), None)
    if refunded_minor and paid_minor is not None and refunded_minor >= paid_minor:
        return Progress.REFUNDED
    return Progress.RETURNED if returned and ordered is not None and returned >= ordered else Progress.DELIVERED


def _expected_on(order: Order) -> date | None:
    """The last day that is promised for what is still to come."""
    to_come = [parcel.estimated_delivery for parcel in order.fulfillments or () if not parcel.has_arrived]
    promised = [order.estimated_delivery] if order.estimated_delivery else [each for each in to_come if each]
    days = [day for day in (_day(each.latest) for each in promised) if day is not None]
    return max(days, default=None)


def _day(stamp: str) -> date | None:
    try:
        return datetime.fromisoformat(stamp).date()
    except ValueError:
        return None
