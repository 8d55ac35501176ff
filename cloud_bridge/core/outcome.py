"""What a merchant may say: about a request to place, about a session looked up, about an order that is under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
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
    """Where a session stands when it was neither finished nor handed over, and is not open any more.

    `ORDERED`: it became an order, and the merchant does not say which.
    """

    BUSY = "busy"
    ORDERED = "ordered"
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
    RETURNED = "returned"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Followed:
    """An order as its merchant tells it now: a picture of the whole, never a difference to an earlier one.

    Counts are of packs of what was ordered; None where the merchant does not say. `ordered` is how many the order still
    is for, lines that were cancelled taken off; `delivered` and `returned` are how many came, and went back.
    `refunded_minor` is what was paid back, in the order's currency. `substitute_sku` is what was sent in the place of
    what was ordered; `expected_on` the day that the merchant promises; `tracking_url` where a person can look.
    `by_household`: what ended it was the household's own act there, not the merchant's.
    """

    progress: Progress
    ordered: int | None = None
    delivered: int | None = None
    returned: int | None = None
    refunded_minor: int | None = None
    substitute_sku: str | None = None
    expected_on: date | None = None
    tracking_url: str | None = None
    by_household: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook claims to be about. It says where to look, and is never believed."""

    session_id: str | None
    merchant_order_id: str | None
