"""The only contract that hub and bridge share: intents in, statuses and prices out.

Every model is strict and refuses unknown fields. What is not listed here does not leave the home: no stock level,
reason, forecast, device, sensor time or size of the household (PRIVACY, closed list of order fields).

Transport: each request carries an HTTP Message Signature (RFC 9421, Ed25519, key id = household id) over method,
target URI and, with a body, its Content-Digest. An intent carries a second signature of its own, over the canonical
JSON (RFC 8785) of its `terms`: that one is the household's leave, and the bridge keeps it.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MINOR_MAX = 1_000_000_000_000
Minor = Annotated[int, Field(ge=0, le=MINOR_MAX)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Nonce = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
# One spelling for one signature: the last character before the padding carries two bits, so only four letters fit.
Signature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{85}[AQgw]==$")]
# Whatever a merchant calls an order, without control characters: PostgreSQL keeps no NUL.
OrderNumber = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255)]

# What a person may open: letters that no browser reads in two ways.
WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=2048)]
Packs = Annotated[int, Field(ge=0, le=9_999)]
TITLE_CHARS_MAX = 200
Figures = Annotated[str, StringConstraints(pattern=r"^[0-9.]{1,12}( [0-9.]{1,12}){0,9}$")]
_FIGURE = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,2}(?![0-9]))?", re.ASCII)
_FIGURES_MAX = 10

# How goods come: to the door within the hour, on the day or in some days; or a person fetches them at a point for it
# (a locker, a counter), or in a shop of the merchant.
DeliveryKind = Literal["instant", "same_day", "standard", "pick_up_point", "nearest_store"]
# Whatever a merchant calls a way of delivery, as far as it can be signed and shown.
OptionId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
OptionText = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=120)]
DELIVERY_OPTIONS_MAX = 12

TRACE_HEADER = "traceparent"  # W3C Trace Context, version 00; sent and read only where both sides chose to

PATH_INTENTS = "/v1/intents"
PATH_CANCEL = "/v1/intents/{intent_id}/cancel"
PATH_SETTLE = "/v1/intents/{intent_id}/settle"
PATH_HEAD = "/v1/head"
PATH_EVENTS = "/v1/events"
PATH_PRICES = "/v1/prices"
BODY_BYTES_MAX = 16_384


def figures(title: str) -> str | None:
    """The numbers that a merchant's title has, smallest first: `4 330` of "4 x 330 mL". None where it has none.

    It is how a smaller pack under the same article shows, whatever words and units the title is in: no other field of
    any protocol that is spoken here tells what a pack holds.
    """
    found = [Decimal(each.replace(",", ".")) for each in _FIGURE.findall(title[:TITLE_CHARS_MAX])]
    return " ".join(f"{number.normalize():f}" for number in sorted(found)[:_FIGURES_MAX]) or None


class WireModel(BaseModel):
    """Strict, closed and frozen. Read from JSON with `model_validate_json`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class DeliveryChoice(WireModel):
    """One way of delivery: the merchant's own name for it, and of what kind it is, left out where it does not say."""

    id: OptionId
    kind: Annotated[DeliveryKind | None, Field(exclude_if=lambda told: told is None)] = None


class DeliveryOption(DeliveryChoice):
    """A way of delivery that a merchant offers for one pack at one address; what it does not say is left out.

    `price_minor` is what comes on top of the goods where they come this way, in minor units of the line's currency, as
    far as it can be told before it is chosen. They come from `earliest_on` to `latest_on`, by the merchant's calendar,
    if it was ordered when the price was told. `place` is where a person fetches them.
    """

    price_minor: Minor
    title: Annotated[OptionText | None, Field(exclude_if=lambda told: told is None)] = None
    earliest_on: Annotated[date | None, Field(exclude_if=lambda told: told is None)] = None
    latest_on: Annotated[date | None, Field(exclude_if=lambda told: told is None)] = None
    place: Annotated[OptionText | None, Field(exclude_if=lambda told: told is None)] = None

    @property
    def choice(self) -> DeliveryChoice:
        """What names it in signed terms."""
        return DeliveryChoice(id=self.id, kind=self.kind)


class Terms(WireModel):
    """What the household agreed to, exactly. Money in minor units of `currency`.

    `total_max_minor` is the ceiling, delivery and tolerance included; above it nothing is paid and the household is
    asked again. `delivery_ref` names an address that the merchant already holds. `customer_ref` is
    HMAC-SHA256(household secret, merchant) in hex: one household has another name at each merchant.
    `offer_expires_at` is when an order that has not been sent yet must no longer be sent.

    `leave` says whether a person approved these terms or a mandate was drawn on. `consent_hash` is SHA-256 of the
    receipt that the hub keeps of that leave (item, pack, who, which mandate), salted, so that it says nothing here.
    `handover` counts the intents of this hub, without a gap: a number that comes a second time under other terms
    shows a restored or a copied hub.

    `delivery_option` is the way of delivery that was agreed to, and the order comes that way or not at all. It is left
    out of what is signed where the merchant was left to choose: terms from before it was known are signed as they were.
    `title_figures` are the `figures` of the title that the merchant's price list had for the product when it was agreed
    to: where its title has others by now, it is another pack, and the household is asked again. Left out where the
    title had none, so that terms from before they were told are signed as they were.
    """

    version: Literal[2] = 2
    intent_id: Id
    household: Id
    hub: Id
    merchant: Id
    sku: Sku
    quantity: Annotated[int, Field(ge=1, le=99)]
    unit_price_minor: Minor
    delivery_minor: Minor
    total_minor: Minor
    total_max_minor: Minor
    currency: Currency
    delivery_ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    customer_ref: Digest
    deliver_by: date
    offer_expires_at: AwareDatetime
    nonce: Nonce
    hold_s: Annotated[int, Field(ge=0, le=86_400)]
    leave: Literal["approval", "draw"]
    consent_hash: Digest
    handover: Annotated[int, Field(ge=1, le=2**53 - 1)]  # RFC 8785 signs no larger number
    delivery_option: Annotated[DeliveryChoice | None, Field(exclude_if=lambda agreed: agreed is None)] = None
    title_figures: Annotated[Figures | None, Field(exclude_if=lambda told: told is None)] = None


class Intent(WireModel):
    """POST /v1/intents. `signature` is base64 of Ed25519 over RFC 8785 of `terms`; accepted once per `intent_id`.

    The same id with the same body is answered as before (200); with another body it is refused (409).
    """

    terms: Terms
    signature: Signature


class OrderState(StrEnum):
    """The life of an intent at the bridge (DESIGN section 4)."""

    HELD = "held"
    SENDING = "sending"
    PLACED = "placed"
    REJECTED = "rejected"
    NEEDS_BUYER = "needs_buyer"
    UNKNOWN = "unknown"
    NOT_PLACED = "not_placed"
    PARKED = "parked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly_delivered"
    NEVER_ARRIVED = "never_arrived"
    RETURNED = "returned"
    REFUNDED = "refunded"


class Receipt(WireModel):
    """Answer to an intent: it is durable at the bridge, in this state. Accepted is not bought."""

    intent_id: Id
    state: OrderState
    accepted_at: AwareDatetime


class OrderEvent(WireModel):
    """One change of one order. `seq` rises by household, without promise of being dense.

    `detail` is a closed code for a refusal (`terms_changed`, `out_of_stock`, `payment_failed`, `merchant_refused`,
    `merchant_away`, `cancelled_by_household`, ...); `handoff_url` is set for `needs_buyer`.

    The fields after it are what the merchant has told of the order so far, written only where it has: of the packs
    ordered `delivered_quantity` came and `returned_quantity` went back; `refunded_minor` was paid back, in the currency
    of the charge; none of the three ever falls. `ordered_quantity` is how many packs the order still is for, told once
    some of them were cancelled. `substitute_sku` was sent instead, `expected_on` is the day promised,
    `tracking_url` where a person can look. The same state may come again with more of them, or with `partly_returned`
    or `partly_refunded`.
    """

    seq: Annotated[int, Field(ge=1)]
    intent_id: Id
    state: OrderState
    at: AwareDatetime
    merchant_order_id: str | None = None
    total_minor: Minor | None = None
    currency: Currency | None = None
    detail: str | None = None
    handoff_url: str | None = None
    ordered_quantity: Packs | None = None
    delivered_quantity: Packs | None = None
    returned_quantity: Packs | None = None
    refunded_minor: Minor | None = None
    substitute_sku: Sku | None = None
    expected_on: date | None = None
    tracking_url: WebAddress | None = None

    @model_serializer(mode="wrap")
    def _only_what_was_told(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = serialize(self)
        return {name: value for name, value in written.items() if value is not None or name not in _WHERE_TOLD}


_WHERE_TOLD = frozenset(
    {
        "ordered_quantity",
        "delivered_quantity",
        "returned_quantity",
        "refunded_minor",
        "substitute_sku",
        "expected_on",
        "tracking_url",
    }
)


class EventPage(WireModel):
    """GET /v1/events?after=SEQ&limit=N, oldest first. Ask again with `next_after`; empty means: nothing new."""

    events: tuple[OrderEvent, ...]
    next_after: Annotated[int, Field(ge=0)]


class CancelReceipt(WireModel):
    """POST /v1/intents/{id}/cancel. `cancelled` False: an attempt was already dispatched, so it stands."""

    intent_id: Id
    cancelled: bool
    state: OrderState


class Verdict(WireModel):
    """What a person says of an order whose outcome nobody else could tell: found at the merchant, or not there.

    `merchant_order_id` is given where it was found.
    """

    version: Literal[1] = 1
    intent_id: Id
    household: Id
    found: bool
    merchant_order_id: OrderNumber | None = None
    said_at: AwareDatetime
    nonce: Nonce


class Settlement(WireModel):
    """POST /v1/intents/{id}/settle. `signature` is base64 of Ed25519 over RFC 8785 of `verdict`."""

    verdict: Verdict
    signature: Signature


class SettleReceipt(WireModel):
    """`settled` False: the order is not in doubt (any more), so the verdict changed nothing."""

    intent_id: Id
    settled: bool
    state: OrderState


class KnownIntent(WireModel):
    """One intent that the bridge has from this household: enough to see which need it stands for, and no more.

    `merchant_order_id` is set once there is an order.
    """

    intent_id: Id
    hub: Id
    handover: Annotated[int, Field(ge=1, le=2**53)]
    merchant: Id
    sku: Sku
    quantity: Annotated[int, Field(ge=1, le=99)]
    currency: Currency
    total_minor: Minor
    total_max_minor: Minor
    deliver_by: date
    state: OrderState
    accepted_at: AwareDatetime
    merchant_order_id: str | None = None


class Head(WireModel):
    """GET /v1/head?after=HANDOVER: how far the bridge has come with this household, and what it took after `after`.

    A hub that knows less than this was restored from a backup; one that knows more talks to a restored bridge.
    `frozen`: two hubs used one number, so nothing is taken until the operator has looked. `intents` are in the order
    of their numbers, 100 at the most: ask again after the last one.
    """

    at: AwareDatetime
    handover: Annotated[int, Field(ge=0, le=2**53)]
    event_seq: Annotated[int, Field(ge=0)]
    frozen: bool
    intents: tuple[KnownIntent, ...]


class PriceQuery(WireModel):
    """POST /v1/prices: the whole list of bound products, once a day, whether or not anything is low."""

    merchant: Id
    delivery_ref: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    skus: Annotated[tuple[Sku, ...], Field(min_length=1, max_length=200)]


class PriceLine(WireModel):
    """One product at the merchant, as an order of one pack. `available` False: not in stock or not known there.

    The prices are None where the merchant charges nothing: what the product costs elsewhere nobody knows here.
    `list_price_minor` is what the merchant itself calls the usual price of that pack, where it tells one; left out
    where it does not, so that a hub which does not know the field yet can read the line. So are `delivery_options`, the
    ways that the product can come; `delivery_minor` is the price of the one that the merchant is left to choose, which
    is the cheapest to the door.
    """

    sku: Sku
    title: Annotated[str, StringConstraints(max_length=TITLE_CHARS_MAX)]
    unit_price_minor: Minor | None
    delivery_minor: Minor | None
    currency: Currency
    available: bool
    list_price_minor: Annotated[Minor | None, Field(exclude_if=lambda told: told is None)] = None
    delivery_options: Annotated[
        tuple[DeliveryOption, ...], Field(max_length=DELIVERY_OPTIONS_MAX, exclude_if=lambda told: not told)
    ] = ()


class PriceList(WireModel):
    """Prices at `at`; a sku that the merchant does not know comes back with `available` False.

    One whose price could not be had is left out: nobody has said anything of it.

    `merchant_class` says what can be done about an answer of this merchant that got lost: A, it knows an idempotency
    key; B, an order can be looked up; C, neither, so a person must look, and no mandate may draw there.

    `charges` False: it is a list that the household shops from. Nothing is paid there, so no line has a price, and the
    amounts of an order there are all 0.
    """

    merchant: Id
    merchant_class: Literal["A", "B", "C"]
    charges: bool = True
    at: AwareDatetime
    lines: tuple[PriceLine, ...]

    @model_validator(mode="after")
    def _priced_where_charged(self) -> PriceList:
        for line in self.lines:
            if {line.unit_price_minor is not None, line.delivery_minor is not None} != {self.charges}:
                raise ValueError(f"the line of {line.sku} must have prices where the merchant charges, and none else")
        return self


class Problem(WireModel):
    """Body of every 4xx and 5xx: `code` for programs, `detail` for people. Never a stack trace."""

    code: Annotated[str, StringConstraints(max_length=64)]
    detail: Annotated[str, StringConstraints(max_length=500)]


def order_trace_id(intent_id: str) -> str:
    """The trace of an order, 32 hex digits, which both sides make of its intent's id.

    So a trace id on the wire tells the bridge nothing that the intent does not, and every replica knows it.
    """
    return hashlib.sha256(f"restock-order:{intent_id}".encode()).hexdigest()[:32]
