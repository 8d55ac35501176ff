"""What we read of a Vendure shop's answers, and what a basket costs. Amounts are hundredths, tax included.

Fields that we do not use are ignored; those we use must have the right type, or the answer is no answer.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from cloud_bridge.core.order import Detail
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.merchant_config import DestinationConfig
from cloud_bridge.merchants.documents import Amount, Count, Document, Key
from cloud_bridge.wire import Currency

_LIVE = frozenset({"Authorized", "Settled"})
_SPENT = frozenset({"Declined", "Error", "Cancelled"})

Short = Annotated[str, StringConstraints(max_length=1_000)]


class ShopDocument(Document):
    """A document with the names of GraphQL."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", alias_generator=to_camel)


class Variant(ShopDocument):
    """A product as it is sold."""

    sku: Key
    name: Short


class FulfilledLine(ShopDocument):
    """How many of a line are in one parcel."""

    fulfillment_id: Key
    quantity: Count


class Line(ShopDocument):
    """A product and how many: now, and when the order was placed. What was cancelled is not in `quantity`."""

    id: Key
    quantity: Count
    order_placed_quantity: Count
    prorated_line_price_with_tax: Amount
    product_variant: Variant
    fulfillment_lines: list[FulfilledLine] | None = Field(default=None, max_length=100)


class Surcharge(ShopDocument):
    """A fee, or a discount without a line."""

    price_with_tax: Amount


class Address(ShopDocument):
    """Where the goods go; nothing is set in a new basket."""

    street_line1: Short | None = None
    postal_code: Short | None = None
    country_code: Short | None = None


class Billing(ShopDocument):
    """The address on the bill; its company is where our reference stands."""

    company: Short | None = None


class Refund(ShopDocument):
    """Money on its way back; there once it is settled."""

    state: Key
    total: Amount


class Payment(ShopDocument):
    """One try to pay. A declined one stays beside the one that went through."""

    state: Key
    amount: Amount
    refunds: list[Refund] = Field(max_length=100)


class Fulfilment(ShopDocument):
    """A parcel."""

    id: Key
    state: Key


class NamedWay(ShopDocument):
    """Which way of delivery it is."""

    id: Key


class ShippingLine(ShopDocument):
    """How goods of an order come."""

    shipping_method: NamedWay


class Order(ShopDocument):
    """A basket, or what became of it. `order_placed_at` tells one from the other."""

    code: Key
    state: Key
    active: bool
    order_placed_at: Short | None
    currency_code: Currency
    sub_total_with_tax: Amount
    shipping_with_tax: Amount
    total_with_tax: Amount
    lines: list[Line] = Field(max_length=100)
    surcharges: list[Surcharge] = Field(max_length=100)
    shipping_address: Address | None = None
    billing_address: Billing | None = None
    shipping_lines: list[ShippingLine] = Field(default=[], max_length=100)
    payments: list[Payment] | None = Field(default=None, max_length=100)
    fulfillments: list[Fulfilment] | None = Field(default=None, max_length=1_000)

    @property
    def way(self) -> str | None:
        """The shop's id of the one way by which all of it comes."""
        return self.shipping_lines[0].shipping_method.id if len(self.shipping_lines) == 1 else None

    @property
    def mark(self) -> str | None:
        """Our reference, if it is on the bill."""
        return self.billing_address.company or None if self.billing_address else None

    @property
    def paid_minor(self) -> int:
        """What is charged: the payments that hold."""
        return sum(payment.amount for payment in self.payments or () if payment.state in _LIVE)

    @property
    def is_being_paid(self) -> bool:
        """Whether there is a payment that has not failed, so that the basket may become an order without us."""
        return any(payment.state not in _SPENT for payment in self.payments or ())

    def is_for(self, wanted: Wanted, address: DestinationConfig) -> bool:
        """Whether this is exactly what was wanted, delivered to that address."""
        goods = [(line.product_variant.sku, line.quantity) for line in self.lines]
        there = (address.street_address, address.postal_code, address.address_country)
        to = self.shipping_address
        at = None if to is None else (to.street_line1, to.postal_code, to.country_code)
        return goods == [(wanted.sku, wanted.quantity)] and at == there


class Code(ShopDocument):
    """The name of an order, and nothing else of it."""

    code: Key
    total_quantity: Count = 0


class Hit(ShopDocument):
    """A product that a search found."""

    sku: Key
    product_variant_id: Key


class Hits(ShopDocument):
    """What a search found."""

    items: list[Hit] = Field(max_length=100)


class Way(ShopDocument):
    """A way of delivery, by whatever code and name the shop has for it."""

    id: Key
    price_with_tax: Amount
    code: object = None
    name: object = None


class Marked(ShopDocument):
    """An order of the account, with our reference if it is ours."""

    code: Key
    billing_address: Billing | None = None


class MarkedList(ShopDocument):
    """Orders of the account, newest first."""

    items: list[Marked] = Field(max_length=100)


class Customer(ShopDocument):
    """Whose session it is."""

    id: Key
    orders: MarkedList | None = None


def total_of(order: Order) -> int:
    """The total, after checking that the parts make it.

    Raises: MerchantRefusedError when they do not.
    """
    goods = sum(line.prorated_line_price_with_tax for line in order.lines)
    subtotal = goods + sum(surcharge.price_with_tax for surcharge in order.surcharges)
    parts = (subtotal, order.sub_total_with_tax + order.shipping_with_tax)
    if parts != (order.sub_total_with_tax, order.total_with_tax) or order.total_with_tax < 0:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the totals of the basket do not add up")
    return order.total_with_tax


def quote_of(order: Order, wanted: Wanted, *, session_id: str, address: DestinationConfig) -> Quote:
    """The basket as a quote of exactly what was wanted.

    Raises: MerchantRefusedError when it is for something else, or does not add up.
    """
    total_minor = total_of(order)
    if not order.is_for(wanted, address):
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the basket does not hold what was put into it")
    (line,) = order.lines
    unit_price_minor = max(0, min(line.prorated_line_price_with_tax, total_minor)) // wanted.quantity
    return Quote(
        session_id=session_id,
        sku=wanted.sku,
        title=line.product_variant.name or wanted.sku,
        quantity=wanted.quantity,
        unit_price_minor=unit_price_minor,
        delivery_minor=total_minor - unit_price_minor * wanted.quantity,
        total_minor=total_minor,
        currency=order.currency_code,
    )
