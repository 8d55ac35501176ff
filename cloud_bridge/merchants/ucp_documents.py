"""What we read of a UCP merchant's documents, and what it means to us.

Fields that we do not use are ignored; those we use must have the right type. Amounts are integer minor units, and the
parts must make the total, or nothing is paid.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud_bridge.core.order import Detail
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.merchants.ucp_profile import HandlerRegistry, Handlers, offered_handlers
from cloud_bridge.wire import Currency

# No control characters: PostgreSQL keeps no NUL, and an order whose id cannot be kept would stay in doubt for ever.
Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
# Both as `wire` can tell them: what the household could not be told of is not believed.
Amount = Annotated[int, Field(ge=-1_000_000_000_000, le=1_000_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]

_ADDED = frozenset({"subtotal", "fulfillment", "tax", "fee"})
_TAKEN_AWAY = frozenset({"discount", "items_discount"})
_EACH = "C62"  # UN/ECE recommendation 20: one piece
_FOR_A_BUYER = frozenset({"requires_buyer_input", "requires_buyer_review"})

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
    severity: str = ""


class Confirmation(Document):
    """The order that a session became."""

    id: Key


class Session(Document):
    """How a session stands: all that is read of one that a person has to finish."""

    id: Key
    status: Key
    messages: list[Message] | None = Field(default=None, max_length=100)
    continue_url: Annotated[str, StringConstraints(max_length=2048)] | None = None


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
    continue_url: Annotated[str, StringConstraints(max_length=2048)] | None = None

    @property
    def is_one(self) -> bool:
        """Whether it is an error, and no session."""
        return self.ucp is not None and self.ucp.status == "error" and self.id is None


class Refusal(Document):
    """Body of an error answer."""

    code: str = ""
    detail: object = None


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
    if line.item.quantity_unit is not None and not line.item.quantity_unit.is_each:
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the merchant sells this by another unit than the pack")
    if (line.item.id, line.quantity) != (wanted.sku, wanted.quantity):
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the merchant changed the product or the quantity")
    goods_minor = sum(total.amount for total in checkout.totals if total.type == "subtotal")
    if line.item.price is None or line.item.price * line.quantity != goods_minor:
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


def complaint(said: Session | Failure) -> Detail | None:
    """What the messages say is wrong, if anything."""
    errors = [message.code for message in said.messages or () if message.type == "error"]
    return detail_of(errors[0]) if errors else None


def wants_buyer(said: Session | Failure) -> bool:
    """Whether the messages say that a person can go on where we cannot."""
    return any(message.type == "error" and message.severity in _FOR_A_BUYER for message in said.messages or ())
