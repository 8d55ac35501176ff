"""What we read of an ACP merchant's sessions, and what it means to us.

Fields that we do not use are ignored; those we use must have the right type. Amounts are integer minor units, and the
parts must make the total, or nothing is paid. Source: ACP 2026-04-17, schema of the agentic checkout.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated

from pydantic import Field, StringConstraints

from cloud_bridge.core.order import Detail
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.merchant_config import DestinationConfig
from cloud_bridge.merchants.acp_orders import Order
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
from cloud_bridge.merchants.deliveries import choice, gone, offered, option
from cloud_bridge.merchants.documents import Amount, Count, Document, Key, LongUrl
from cloud_bridge.wire import DeliveryChoice, DeliveryKind, DeliveryOption

# The specification recommends lower case, and shops answer in either.
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$")]

_TAKEN_AWAY = frozenset({"discount", "store_credit"})
_ON_GOODS = "items_discount"
# Goods before and after what goes off them: a subtotal stands for both where there is one.
_WITH_BASE = Parts(
    added=frozenset({"subtotal", "fulfillment", "tax", "fee", "gift_wrap", "tip"}),
    taken_away=_TAKEN_AWAY,
    beside=frozenset({"items_base_amount", _ON_GOODS}),
)
_WITHOUT_BASE = Parts(added=_WITH_BASE.added, taken_away=_TAKEN_AWAY | {_ON_GOODS})
_WITHOUT_SUBTOTAL = Parts(
    added=_WITH_BASE.added - {"subtotal"} | {"items_base_amount"}, taken_away=_WITHOUT_BASE.taken_away
)
_TO_THE_DOOR = frozenset({"shipping", "local_delivery"})
_WAYS = _TO_THE_DOOR | {"pickup"}
_AT_A_SHOP = ("in_store", "curbside")


Addresses = Collection[DestinationConfig]


class Item(Document):
    """A product, under the merchant's id for it."""

    id: Key
    name: str | None = None
    unit_amount: Amount | None = None


class Line(Document):
    """A product and how many. Its price stands on the line or on the item."""

    id: Key
    item: Item
    quantity: Count
    name: str | None = None
    unit_amount: Amount | None = None
    totals: list[Total] = Field(default_factory=list, max_length=20)

    @property
    def goods_minor(self) -> int | None:
        """What the line costs before discounts; None where the merchant does not say."""
        unit_minor = self.item.unit_amount if self.unit_amount is None else self.unit_amount
        if unit_minor is not None:
            return unit_minor * self.quantity
        base = [total.amount for total in self.totals if total.type == "items_base_amount"]
        return base[0] if len(base) == 1 else None


class Place(Document):
    """Where goods are fetched."""

    name: object = None


class Window(Document):
    """Between which moments goods come."""

    start: object = None
    end: object = None


class Option(Document):
    """A way of delivery."""

    type: Key
    id: Key
    totals: list[Total] = Field(max_length=20)
    title: object = None
    earliest_delivery_time: object = None
    latest_delivery_time: object = None
    delivery_window: Window | None = None
    location: Place | None = None
    pickup_type: object = None
    ready_by: object = None

    @property
    def price_minor(self) -> int:
        """What it costs."""
        return price_of(self.totals)

    @property
    def kind(self) -> DeliveryKind | None:
        """Of what kind it is, as far as its type says; how soon a local delivery comes, it does not."""
        if self.type == "pickup":
            return "nearest_store" if self.pickup_type in _AT_A_SHOP else "pick_up_point"
        return "standard" if self.type == "shipping" else None

    @property
    def choice(self) -> DeliveryChoice | None:
        """What it is agreed to by; None where its id cannot be."""
        return choice(self.id, self.kind)


class Selected(Document):
    """Which lines travel which way."""

    option_id: Key
    item_ids: list[Key] = Field(default_factory=list, max_length=100)


class Address(Document):
    """Where goods go."""

    line_one: str = ""
    city: str = ""
    postal_code: str = ""
    country: str = ""

    def is_at(self, destination: DestinationConfig) -> bool:
        """Whether it is this destination; the country may be written in lower case."""
        told = (self.line_one, self.postal_code, self.country.upper())
        return told == (destination.street_address, destination.postal_code, destination.address_country)


class Details(Document):
    """Who gets the goods, and where."""

    address: Address | None = None


class Handler(Document):
    """One way to pay."""

    id: Key


class Payment(Document):
    """The ways to pay that the merchant offers for a session."""

    handlers: list[Handler] = Field(default_factory=list, max_length=100)


class Capabilities(Document):
    """What the merchant can do in a session."""

    payment: Payment | None = None


class Session(Document):
    """How a session stands: all that is read of one that a person has to finish, or that came to nothing."""

    id: Key
    status: Key
    messages: list[Message] | None = Field(default=None, max_length=100)
    continue_url: LongUrl | None = None


class Checkout(Session):
    """A checkout session, priced."""

    currency: CurrencyCode
    line_items: list[Line] = Field(max_length=200)
    totals: list[Total] = Field(max_length=50)
    fulfillment_details: Details | None = None
    fulfillment_options: list[Option] = Field(default_factory=list, max_length=100)
    selected_fulfillment_options: list[Selected] | None = Field(default=None, max_length=20)
    capabilities: Capabilities | None = None
    order: Order | None = None

    @property
    def currency_code(self) -> str:
        """The currency as we write it."""
        return self.currency.upper()

    @property
    def handlers(self) -> frozenset[str]:
        """The ways to pay that the merchant offers for this session; empty where it lists none."""
        payment = self.capabilities.payment if self.capabilities else None
        return frozenset(handler.id for handler in (payment.handlers if payment else ()))


def total_of(checkout: Checkout) -> int:
    """The total, after checking that the parts make it. Minor units.

    Raises: MerchantRefusedError when they do not, or a part is of a kind that we do not know.
    """
    kinds = {total.type for total in checkout.totals}
    if "items_base_amount" not in kinds:
        return sum_of(checkout.totals, _WITHOUT_BASE)
    if "subtotal" not in kinds:
        return sum_of(checkout.totals, _WITHOUT_SUBTOTAL)
    goods_minor = amount_of(checkout.totals, "items_base_amount") - amount_of(checkout.totals, _ON_GOODS)
    if goods_minor != amount_of(checkout.totals, "subtotal"):
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the goods and what goes off them do not make the subtotal")
    return sum_of(checkout.totals, _WITH_BASE)


def way_for(checkout: Checkout, wanted: DeliveryChoice | None) -> Option | None:
    """The way that is wanted, or the cheapest one to the door; None where the session offers none (yet).

    Raises: MerchantRefusedError when it offers other ways than the wanted one.
    """
    options = checkout.fulfillment_options
    if wanted is None:
        to_the_door = [each for each in options if each.type in _TO_THE_DOOR]
        return min(to_the_door, key=lambda each: (each.price_minor, each.id), default=None)
    agreed = [each for each in options if each.choice == wanted]
    if options and len(agreed) != 1:
        raise gone(wanted)
    return agreed[0] if agreed else None


def deliveries(checkout: Checkout) -> tuple[DeliveryOption, ...]:
    """The ways on offer that goods can come."""
    return offered(_offered(way) for way in checkout.fulfillment_options if way.type in _WAYS)


def _offered(way: Option) -> DeliveryOption | None:
    window = way.delivery_window or Window(start=way.earliest_delivery_time, end=way.latest_delivery_time)
    return option(
        way.id,
        kind=way.kind,
        price_minor=way.price_minor,
        title=way.title,
        earliest=window.start,
        latest=way.ready_by if way.type == "pickup" else window.end,
        place=way.location.name if way.type == "pickup" and way.location is not None else None,
    )


def goods_of(checkout: Checkout) -> Goods:
    """What a session is for."""
    return goods((line.item.id, line.quantity) for line in checkout.line_items)


def is_elsewhere(checkout: Checkout, addresses: Addresses) -> bool:
    """Whether the goods go to an address that is none of these; a session that names none does not say so."""
    told = checkout.fulfillment_details.address if checkout.fulfillment_details else None
    return told is not None and not any(told.is_at(address) for address in addresses)


def chosen(checkout: Checkout) -> Option | None:
    """The way that all goods travel: the one that is selected, or the only one where nothing is to be selected."""
    options = {each.id: each for each in checkout.fulfillment_options if each.type in _WAYS}
    selected = checkout.selected_fulfillment_options
    if selected:
        return options.get(selected[0].option_id) if len(selected) == 1 else None
    only = next(iter(options.values())) if len(checkout.fulfillment_options) == len(options) == 1 else None
    return only if only is not None and only.price_minor == amount_of(checkout.totals, "fulfillment") else None


def is_settled(checkout: Checkout, destination: DestinationConfig, wanted: DeliveryChoice | None = None) -> bool:
    """Whether all goods go to this destination by the way that is wanted, or the cheapest, at a price in the totals.

    Raises: MerchantRefusedError when it offers other ways than the wanted one.
    """
    way, least = chosen(checkout), way_for(checkout, wanted)
    told = checkout.fulfillment_details.address if checkout.fulfillment_details else None
    if way is None or least is None or told is None or not told.is_at(destination):
        return False
    if way.id != least.id and (wanted is not None or way.type not in _TO_THE_DOOR):
        return False
    priced = any(total.type == "fulfillment" for total in checkout.totals)
    return way.price_minor <= least.price_minor and (priced or way.price_minor == 0)


def quote_of(checkout: Checkout, wanted: Wanted) -> Quote:
    """The session as a quote of exactly what was wanted.

    Raises: MerchantRefusedError when it is for something else, or does not add up.
    """
    total_minor = total_of(checkout)
    lines = checkout.line_items
    ids, quantity = {line.item.id for line in lines}, sum(line.quantity for line in lines)
    if (ids, quantity) != ({wanted.sku}, wanted.quantity):
        raise MerchantRefusedError(Detail.TERMS_CHANGED, "the merchant changed the product or the quantity")
    kinds = {total.type for total in checkout.totals}
    base = "items_base_amount" if "items_base_amount" in kinds else "subtotal"
    goods_minor = amount_of(checkout.totals, base)
    each = [line.goods_minor for line in lines]
    if sum(minor or 0 for minor in each) != goods_minor or None in each:
        raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "the goods do not make the subtotal")
    off_minor = amount_of(checkout.totals, _ON_GOODS, *_TAKEN_AWAY)
    off_goods_minor = amount_of(checkout.totals, _ON_GOODS)
    price = Sum(goods_minor, off_minor, total_minor, checkout.currency_code, off_goods_minor)
    title = next((name for line in lines for name in (line.name, line.item.name) if name), "")
    way = chosen(checkout)
    return replace(
        quoted(wanted, price, session_id=checkout.id, title=title),
        delivery=None if way is None else way.choice,
        deliveries=deliveries(checkout),
    )
