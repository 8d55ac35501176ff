"""What we read of a UCP merchant's documents, and what it means to us.

Fields that we do not use are ignored; those we use must have the right type. Amounts are integer minor units, and the
parts must make the total, or nothing is paid.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cloud_bridge.core.order import Detail
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.merchants.checkouts import (
    Goods,
    Message,
    Parts,
    Sum,
    Total,
    amount_of,
    goods,
    price_of,
    quoted,
    sum_of,
)
from cloud_bridge.merchants.documents import Amount, Count, Document, Key, LongUrl
from cloud_bridge.merchants.ucp_profile import HandlerRegistry, Handlers, offered_handlers
from cloud_bridge.wire import Currency

_ON_GOODS = "items_discount"
_PARTS = Parts(
    added=frozenset({"subtotal", "fulfillment", "tax", "fee"}), taken_away=frozenset({"discount", _ON_GOODS})
)
_EACH = "C62"  # UN/ECE recommendation 20: one piece


class QuantityUnit(Document):
    """What one step of a quantity is: 10 to the minus `scale` of `unit`. Absent, a step is one piece."""

    unit: Key
    scale: Annotated[int, Field(ge=0, le=18)] = 0
    increment: Annotated[int, Field(ge=1)] = 1

    @property
    def is_each(self) -> bool:
        """Whether a step is one whole piece, and any number of them may be bought."""
        return (self.unit, self.scale, self.increment) == (_EACH, 0, 1)


class Item(Document):
    """A product at today's price; a merchant that only repeats what it was asked gives none."""

    id: Key
    title: str = ""
    price: Amount | None = None
    quantity_unit: QuantityUnit | None = None


class Line(Document):
    """A product and how many; a merchant gives it an id when it takes it."""

    id: Key | None = None
    item: Item
    quantity: Count


class Destination(Document):
    """An address, or a place with a name where goods are fetched, under the merchant's id for it."""

    id: Key
    street_address: str | None = None
    postal_code: str | None = None
    address_country: str | None = None
    name: object = None


class Option(Document):
    """A way of delivery."""

    id: Key
    totals: list[Total] = Field(max_length=20)
    title: object = None
    earliest_fulfillment_time: object = None
    latest_fulfillment_time: object = None

    @property
    def price_minor(self) -> int:
        """What it costs."""
        return price_of(self.totals)


class Group(Document):
    """Goods that travel together."""

    id: Key
    options: list[Option] | None = Field(default=None, max_length=100)
    selected_option_id: str | None = None


class Method(Document):
    """Shipping to one destination, or fetching at one; one that does not say which ships."""

    id: Key
    type: object = None
    line_item_ids: list[Key] = Field(max_length=100)
    destinations: list[Destination] | None = Field(default=None, max_length=100)
    selected_destination_id: str | None = None
    groups: list[Group] | None = Field(default=None, max_length=20)


class Fulfillment(Document):
    """How goods get there."""

    methods: list[Method] | None = Field(default=None, max_length=20)


class Confirmation(Document):
    """The order that a session became."""

    id: Key


class Session(Document):
    """How a session stands: all that is read of one that a person has to finish."""

    id: Key
    status: Key
    messages: list[Message] | None = Field(default=None, max_length=100)
    continue_url: LongUrl | None = None


class Offered(Document):
    """The part of a session in UCP's own namespace."""

    payment_handlers: HandlerRegistry | None = None


class Checkout(Session):
    """A checkout session, priced."""

    currency: Currency
    line_items: list[Line] = Field(max_length=100)
    totals: list[Total] = Field(max_length=50)
    fulfillment: Fulfillment | None = None
    order: Confirmation | None = None
    ucp: Offered | None = None

    @property
    def handlers(self) -> Handlers:
        """The ways to pay that the merchant offers for this session; empty where it lists none."""
        return offered_handlers(self.ucp.payment_handlers if self.ucp else None)


class Envelope(Document):
    """Whether UCP calls an answer an error: one without a session in it, however well HTTP went."""

    status: str = ""


class Failure(Document):
    """An answer that may be an error with HTTP status 200. Source: UCP 2026-04-08 CHK-053."""

    ucp: Envelope | None = None
    id: Key | None = None
    messages: list[Message] | None = Field(default=None, max_length=100)
    continue_url: LongUrl | None = None

    @property
    def is_one(self) -> bool:
        """Whether it is an error, and no session."""
        return self.ucp is not None and self.ucp.status == "error" and self.id is None


def total_of(checkout: Checkout) -> int:
    """The total, after checking that the parts make it. Minor units.

    Raises: MerchantRefusedError when they do not, or a part is of a kind that we do not know.
    """
    return sum_of(checkout.totals, _PARTS)


def goods_of(checkout: Checkout) -> Goods:
    """What a session is for."""
    return goods((line.item.id, line.quantity) for line in checkout.line_items)


def quote_of(checkout: Checkout, wanted: Wanted) -> Quote:
    """The session as a quote of exactly what was wanted. Discounts go off the goods, so no part is below zero.

    Raises: MerchantRefusedError when it is for something else, has no delivery yet, or does not add up.
    """
    total_minor = total_of(checkout)
    if len(checkout.line_items) != 1:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the session is not about one product")
    line = checkout.line_items[0]
    if line.item.quantity_unit is not None and not line.item.quantity_unit.is_each:
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the merchant sells this by another unit than the pack")
    if (line.item.id, line.quantity) != (wanted.sku, wanted.quantity):
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the merchant changed the product or the quantity")
    goods_minor = sum(total.amount for total in checkout.totals if total.type == "subtotal")
    if line.item.price is None or line.item.price * line.quantity != goods_minor:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the goods do not make the subtotal")
    if not any(total.type == "fulfillment" for total in checkout.totals):
        raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, "the session has no price of delivery")
    off_minor = amount_of(checkout.totals, *_PARTS.taken_away)
    off_goods_minor = amount_of(checkout.totals, _ON_GOODS)
    price = Sum(goods_minor, off_minor, total_minor, checkout.currency, off_goods_minor)
    return quoted(wanted, price, session_id=checkout.id, title=line.item.title)
