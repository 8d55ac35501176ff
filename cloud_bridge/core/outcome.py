"""What a merchant may say: about a request to place, about a session looked up, about an order that is under way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Placed:
    """There is an order. `total_minor` is what is charged, in minor units of `currency`.

    `reference`, `sku` and `quantity` are what the merchant says of it where it does: ours, if it is our order.
    """

    merchant_order_id: str
    total_minor: int
    currency: str
    reference: str | None = None
    sku: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class NeedsBuyer:
    """A person has to finish at this address; nothing is ordered yet."""

    url: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The merchant said no: there is no order from this request. `reason` is one of `order.Detail`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """There may be an order. `reason` is one of `order.Detail`."""

    reason: str


Outcome = Placed | NeedsBuyer | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class Open:
    """A session that can still become an order. `total_minor` is what that order would cost now, in `currency`.

    None where the merchant gives no total that adds up.
    """

    total_minor: int | None
    currency: str


class Standing(StrEnum):
    """Where a session stands when it was neither finished nor handed over, and is not open any more."""

    BUSY = "busy"
    CLOSED = "closed"
    MISSING = "missing"


Lookup = Placed | NeedsBuyer | Open | Standing


class Progress(StrEnum):
    """How far an order has come, as its merchant tells."""

    PREPARING = "preparing"
    SHIPPED = "shipped"
    PARTLY_DELIVERED = "partly_delivered"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook claims to be about. It says where to look, and is never believed."""

    session_id: str | None
    merchant_order_id: str | None
