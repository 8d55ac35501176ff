"""What we read of a UCP merchant's documents, and what it means to us.

Fields that we do not use are ignored; those we use must have the right type. Amounts are integer minor units, and the
parts must make the total, or nothing is paid.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Hint, Progress
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.wire import Currency

Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]
# Both as `wire` can tell them: what the household could not be told of is not believed.
Amount = Annotated[int, Field(ge=-1_000_000_000_000, le=1_000_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]

_ADDED = frozenset({"subtotal", "fulfillment", "tax", "fee"})
_TAKEN_AWAY = frozenset({"discount", "items_discount"})
_ON_THE_WAY = frozenset({"shipped", "in_transit"})

_DETAIL_OF_CODE = {
    "out_of_stock": Detail.OUT_OF_STOCK,
    "item_unavailable": Detail.ITEM_UNAVAILABLE,
    "address_undeliverable": Detail.ADDRESS_UNDELIVERABLE,
    "payment_failed": Detail.PAYMENT_FAILED,
    "payment_declined": Detail.PAYMENT_FAILED,
    "insufficient_funds": Detail.PAYMENT_FAILED,
    "fraud_detected": Detail.PAYMENT_FAILED,
    "unknown_token": Detail.PAYMENT_FAILED,
    "checkout_not_modifiable": Detail.SESSION_CLOSED,
}


class Document(BaseModel):
    """Strict in what it reads, blind to the rest."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Total(Document):
    """One part of a sum."""

    type: Key
    amount: Amount


class Item(Document):
    """A product at today's price."""

    id: Key
    title: str = ""
    price: Amount


class Line(Document):
    """A product and how many."""

    id: Key
    item: Item
    quantity: Count


class Destination(Document):
    """An address, under the merchant's id for it."""

    id: Key
    street_address: str | None = None
    postal_code: str | None = None
    address_country: str | None = None


class Option(Document):
    """A way of delivery."""

    id: Key
    totals: list[Total] = Field(max_length=20)

    @property
    def price_minor(self) -> int:
        """What it costs."""
        return next((total.amount for total in self.totals if total.type == "total"), 0)


class Group(Document):
    """Goods that travel together."""

    id: Key
    options: list[Option] | None = Field(default=None, max_length=100)
    selected_option_id: str | None = None


class Method(Document):
    """Shipping, to one destination."""

    id: Key
    line_item_ids: list[Key] = Field(max_length=100)
    destinations: list[Destination] | None = Field(default=None, max_length=100)
    selected_destination_id: str | None = None
    groups: list[Group] | None = Field(default=None, max_length=20)


class Fulfillment(Document):
    """How goods get there."""

    methods: list[Method] | None = Field(default=None, max_length=20)


class Message(Document):
    """A word of the merchant about a session."""

    type: Key
    code: str = ""


class Confirmation(Document):
    """The order that a session became."""

    id: Key


class Checkout(Document):
    """A checkout session."""

    id: Key
    status: Key
    currency: Currency
    line_items: list[Line] = Field(max_length=100)
    totals: list[Total] = Field(max_length=50)
    fulfillment: Fulfillment | None = None
    messages: list[Message] | None = Field(default=None, max_length=100)
    continue_url: Annotated[str, StringConstraints(max_length=2048)] | None = None
    order: Confirmation | None = None


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


class Refusal(Document):
    """Body of an error answer."""

    code: str = ""
    detail: object = None


class Webhook(Document):
    """An order event: the order itself, or one that names it."""

    id: Key | None = None
    checkout_id: Key | None = None
    order: Confirmation | None = None

    def hint(self) -> Hint:
        """What it claims to be about."""
        return Hint(session_id=self.checkout_id, merchant_order_id=self.order.id if self.order else self.id)


def total_of(checkout: Checkout) -> int:
    """The total, after checking that the parts make it. Minor units.

    Raises: MerchantRefusedError when they do not, or a part is of a kind that we do not know.
    """
    sums: Counter[str] = Counter()
    for total in checkout.totals:
        sums[total.type] += abs(total.amount) if total.type in _TAKEN_AWAY else total.amount
    unknown = set(sums) - _ADDED - _TAKEN_AWAY - {"total"}
    parts = sum(sums[kind] for kind in _ADDED) - sum(sums[kind] for kind in _TAKEN_AWAY)
    once = sum(total.type == "total" for total in checkout.totals) == 1
    if unknown or not once or parts != sums["total"] or sums["total"] < 0:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the totals of the session do not add up")
    return sums["total"]


def quote_of(checkout: Checkout, wanted: Wanted) -> Quote:
    """The session as a quote of exactly what was wanted. Discounts go off the goods, so no part is below zero.

    Raises: MerchantRefusedError when it is for something else, has no delivery yet, or does not add up.
    """
    total_minor = total_of(checkout)
    if len(checkout.line_items) != 1:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the session is not about one product")
    line = checkout.line_items[0]
    if (line.item.id, line.quantity) != (wanted.sku, wanted.quantity):
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the merchant changed the product or the quantity")
    goods_minor = sum(total.amount for total in checkout.totals if total.type == "subtotal")
    if line.item.price * line.quantity != goods_minor:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the goods do not make the subtotal")
    if not any(total.type == "fulfillment" for total in checkout.totals):
        raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, "the session has no price of delivery")
    off_minor = sum(abs(total.amount) for total in checkout.totals if total.type in _TAKEN_AWAY)
    unit_price_minor = max(0, min(goods_minor - off_minor, total_minor)) // line.quantity
    return Quote(
        session_id=checkout.id,
        sku=line.item.id,
        title=line.item.title or line.item.id,
        quantity=line.quantity,
        unit_price_minor=unit_price_minor,
        delivery_minor=total_minor - unit_price_minor * line.quantity,
        total_minor=total_minor,
        currency=checkout.currency,
    )


def detail_of(code: str) -> Detail:
    """A merchant's code in our words."""
    return _DETAIL_OF_CODE.get(code.lower(), Detail.MERCHANT_REFUSED)


def complaint(checkout: Checkout) -> Detail | None:
    """What a session's messages say is wrong with it, if anything."""
    errors = [message.code for message in checkout.messages or () if message.type == "error"]
    return detail_of(errors[0]) if errors else None


def progress_of(order: Order) -> Progress:
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
