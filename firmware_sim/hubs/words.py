"""The documents that a hub and its bridge exchange, as docs/bridge-protocol.md has them, and what is signed of them.

What comes in is read strictly: a field too many is a wrong answer. Money is integer minor units, times are UTC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import AwareDatetime, BaseModel, ConfigDict

INTENTS, HEAD, EVENTS, PRICES = "/v1/intents", "/v1/head", "/v1/events", "/v1/prices"
EVENTS_MAX = 100
SKUS_MAX = 200
_TITLE_CHARS_MAX = 200
_FIGURES_MAX = 10
_FIGURE = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,2}(?![0-9]))?", re.ASCII)


class State(StrEnum):
    """Where an order stands."""

    APPROVED = "approved"  # signed, and not known to be at the bridge
    HELD = "held"
    SENDING = "sending"
    PLACED = "placed"
    NEEDS_BUYER = "needs_buyer"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    NOT_PLACED = "not_placed"
    PARKED = "parked"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly_delivered"
    NEVER_ARRIVED = "never_arrived"
    RETURNED = "returned"
    REFUNDED = "refunded"


UNDER_WAY = frozenset({State.APPROVED, State.HELD, State.SENDING, State.UNKNOWN, State.NOT_PLACED})


class Word(BaseModel):
    """Strict and closed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Receipt(Word):
    """Answer to an intent."""

    intent_id: str
    state: Literal["held"]
    accepted_at: AwareDatetime


class Problem(Word):
    """A refusal."""

    code: str
    detail: str


class Known(Word):
    """An intent that the bridge has."""

    intent_id: str
    hub: str
    handover: int
    merchant: str
    sku: str
    quantity: int
    currency: str
    total_minor: int
    total_max_minor: int
    deliver_by: date
    state: State
    accepted_at: AwareDatetime
    merchant_order_id: str | None


class Head(Word):
    """How far the bridge is with a household."""

    at: AwareDatetime
    handover: int
    event_seq: int
    frozen: bool
    intents: tuple[Known, ...]


class Event(Word):
    """News of an order."""

    seq: int
    intent_id: str
    state: State
    at: AwareDatetime
    merchant_order_id: str | None
    total_minor: int | None
    currency: str | None
    detail: str | None
    handoff_url: str | None
    ordered_quantity: int | None = None
    delivered_quantity: int | None = None
    returned_quantity: int | None = None
    refunded_minor: int | None = None
    substitute_sku: str | None = None
    expected_on: date | None = None
    tracking_url: str | None = None


class Events(Word):
    """A page of news."""

    events: tuple[Event, ...]
    next_after: int


class Way(Word):
    """A way of delivery."""

    id: str
    price_minor: int
    kind: str | None = None
    title: str | None = None
    earliest_on: date | None = None
    latest_on: date | None = None
    place: str | None = None


class Line(Word):
    """What one pack of a product costs; None where nothing is charged."""

    sku: str
    title: str
    unit_price_minor: int | None
    delivery_minor: int | None
    currency: str
    available: bool
    list_price_minor: int | None = None
    delivery_options: tuple[Way, ...] = ()


class Prices(Word):
    """A price list."""

    merchant: str
    merchant_class: Literal["A", "B", "C"]
    charges: bool
    at: AwareDatetime
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs: a household, its hub, its key and its secret."""

    household: str
    hub: str
    key: Ed25519PrivateKey
    secret: bytes


@dataclass(frozen=True, slots=True)
class Bought:
    """What one order is for. `salt` is hex of at least 32 bytes, from which its id and what else is random are made."""

    merchant: str
    delivery_ref: str
    line: Line
    quantity: int
    hold_s: int
    deliver_by: date
    expires_at: datetime
    salt: str

    @property
    def total_minor(self) -> int:
        """What it costs, delivery with it."""
        return (self.line.unit_price_minor or 0) * self.quantity + (self.line.delivery_minor or 0)

    @property
    def total_max_minor(self) -> int:
        """The ceiling: five per cent above."""
        return self.total_minor * 105 // 100


def intent_id(salt: str) -> str:
    """The id of the order that is made from this salt."""
    return salt[:32]


def intent(bought: Bought, *, by: Signatory, handover: int) -> bytes:
    """The body of POST /v1/intents: what is agreed to, signed. Never made a second time for one order."""
    line = bought.line
    terms: dict[str, Any] = {
        "version": 2,
        "intent_id": intent_id(bought.salt),
        "household": by.household,
        "hub": by.hub,
        "merchant": bought.merchant,
        "sku": line.sku,
        "quantity": bought.quantity,
        "unit_price_minor": line.unit_price_minor or 0,
        "delivery_minor": line.delivery_minor or 0,
        "total_minor": bought.total_minor,
        "total_max_minor": bought.total_max_minor,
        "currency": line.currency,
        "delivery_ref": bought.delivery_ref,
        "customer_ref": hmac.new(by.secret, bought.merchant.encode(), hashlib.sha256).hexdigest(),
        "deliver_by": bought.deliver_by.isoformat(),
        "offer_expires_at": f"{bought.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "nonce": bought.salt[32:64],
        "hold_s": bought.hold_s,
        "leave": "approval",
        "consent_hash": hashlib.sha256(f"receipt {bought.salt}".encode()).hexdigest(),
        "handover": handover,
    }
    told = figures(line.title)
    if told:
        terms["title_figures"] = told
    signature = base64.b64encode(by.key.sign(rfc8785.dumps(terms))).decode()
    return _packed({"terms": terms, "signature": signature})


def price_query(merchant: str, *, delivery_ref: str, skus: tuple[str, ...]) -> bytes:
    """The body of POST /v1/prices."""
    return _packed({"merchant": merchant, "delivery_ref": delivery_ref, "skus": list(skus)})


def figures(title: str) -> str:
    """The numbers of a title, smallest first; empty where it has none."""
    found = sorted(Decimal(each.replace(",", ".")) for each in _FIGURE.findall(title[:_TITLE_CHARS_MAX]))
    return " ".join(f"{number.normalize():f}" for number in found[:_FIGURES_MAX])


def _packed(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
