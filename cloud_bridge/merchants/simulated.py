"""A model of a merchant, for simulations and tests only: no configuration can choose it.

It keeps a true ledger of orders, knows idempotency keys as a class A merchant does, and can be told to fail before or
after it acted. It passes the same contract suite as the connectors of real merchants.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Hint, Lookup, Open, Outcome, Placed, Progress, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants import capabilities


class Fault(StrEnum):
    """What goes wrong with one request: it never arrives, or its answer gets lost."""

    BEFORE = "before"
    AFTER = "after"


FaultPlan = Callable[[str], Fault | None]


@dataclass(frozen=True, slots=True)
class Shelf:
    """One product: its price in minor units, and how many are there."""

    title: str
    price_minor: int
    stock: int


@dataclass(frozen=True, slots=True)
class Sold:
    """One order in the true ledger."""

    order_id: str
    session_id: str
    sku: str
    quantity: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    sku: str
    quantity: int
    total_minor: int = 0
    closed: bool = False


@dataclass(slots=True)
class SimulatedMerchant:
    """`faults` is asked before each request, by its name (`open`, `get`, `place`, `cancel`, `events`).

    With `reprices`, an open session costs what the shelf costs at that moment; otherwise what it was last quoted at.
    """

    shelves: dict[str, Shelf]
    delivery_minor: int = 500
    currency: str = "USD"
    addresses: frozenset[str] = frozenset({"home"})
    pays: bool = True
    reprices: bool = False
    faults: FaultPlan = field(default=lambda _: None)
    ledger: list[Sold] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _opened: dict[str, str] = field(default_factory=dict)
    _answered: dict[str, tuple[str, Placed]] = field(default_factory=dict)

    @property
    def capability(self) -> Capability:
        """Class A, like the protocol that it stands for."""
        return capabilities.SIMULATED

    def delivers_to(self, delivery_ref: str) -> bool:
        """Whether it holds that address."""
        return delivery_ref in self.addresses

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a session; the same key opens the same one."""
        fault = self._meet("open")
        shelf = self._shelf(wanted)
        session = self._session(wanted, key=key, session_id=session_id)
        if session.closed or session.id in self._sold_sessions():
            raise MerchantRefusedError(Detail.SESSION_CLOSED, f"session {session.id} has ended")
        total_minor = shelf.price_minor * wanted.quantity + self.delivery_minor
        self._sessions[session.id] = replace(session, total_minor=total_minor)
        if fault is Fault.AFTER:
            raise MerchantAwayError("the answer got lost")
        return Quote(
            session_id=session.id,
            sku=wanted.sku,
            title=shelf.title,
            quantity=wanted.quantity,
            unit_price_minor=shelf.price_minor,
            delivery_minor=self.delivery_minor,
            total_minor=total_minor,
            currency=self.currency,
        )

    def order_digest(self, session_id: str) -> str:
        """The body of an order is nothing but its session here."""
        return hashlib.sha256(session_id.encode()).hexdigest()

    async def place(self, session_id: str, *, key: str) -> Outcome:
        """Sell what the session holds, once for each key and each session."""
        try:
            fault = self._meet("place")
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        outcome = self._sell(session_id, key=key)
        return Unknown(Detail.NO_ANSWER) if fault is Fault.AFTER else outcome

    async def get(self, session_id: str) -> Lookup:
        """Where the session stands now."""
        if self._meet("get") is Fault.AFTER:
            raise MerchantUnclearError("the answer got lost")
        sold = self._sold_sessions().get(session_id)
        if sold is not None:
            return Placed(sold.order_id, sold.total_minor, self.currency)
        session = self._sessions.get(session_id)
        if session is None:
            return Standing.MISSING
        return Standing.CLOSED if session.closed else Open(self._cost_minor(session), self.currency)

    async def cancel(self, session_id: str) -> None:
        """Close the session, unless it was sold."""
        fault = self._meet("cancel")
        session = self._sessions.get(session_id)
        if session is not None and session_id not in self._sold_sessions():
            self._sessions[session_id] = replace(session, closed=True)
        if fault is Fault.AFTER:
            raise MerchantAwayError("the answer got lost")

    async def events(self, merchant_order_id: str) -> Progress:
        """How far the order has come, as the simulation set it."""
        if self._meet("events") is Fault.AFTER:
            raise MerchantUnclearError("the answer got lost")
        if merchant_order_id not in {sold.order_id for sold in self.ledger}:
            raise MerchantAwayError(f"there is no order {merchant_order_id}")
        return self.progress.get(merchant_order_id, Progress.PREPARING)

    def hint(self, body: bytes) -> Hint:
        """A webhook of this merchant is the bare id of an order."""
        return Hint(session_id=None, merchant_order_id=body.decode("ascii", "replace")[:255] or None)

    def _meet(self, request: str) -> Fault | None:
        fault = self.faults(request)
        if fault is Fault.BEFORE:
            raise MerchantAwayError("no connection")
        return fault

    def _shelf(self, wanted: Wanted) -> Shelf:
        shelf = self.shelves.get(wanted.sku)
        if shelf is None:
            raise MerchantRefusedError(Detail.ITEM_UNAVAILABLE, f"there is no {wanted.sku}")
        if shelf.stock < wanted.quantity:
            raise MerchantRefusedError(Detail.OUT_OF_STOCK, f"{shelf.stock} of {wanted.sku} left")
        if not self.delivers_to(wanted.delivery_ref):
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, f"no address {wanted.delivery_ref}")
        return shelf

    def _session(self, wanted: Wanted, *, key: str, session_id: str | None) -> _Session:
        known_id = session_id or self._opened.get(key)
        if known_id is None:
            known_id = self._opened[key] = f"session-{len(self._sessions) + 1}"
            self._sessions[known_id] = _Session(known_id, wanted.sku, wanted.quantity)
        if known_id not in self._sessions:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, f"there is no session {known_id}")
        return self._sessions[known_id]

    def _sold_sessions(self) -> dict[str, Sold]:
        return {sold.session_id: sold for sold in self.ledger}

    def _cost_minor(self, session: _Session) -> int:
        if not self.reprices:
            return session.total_minor
        return self.shelves[session.sku].price_minor * session.quantity + self.delivery_minor

    def _sell(self, session_id: str, *, key: str) -> Outcome:
        if key in self._answered:
            first_session, placed = self._answered[key]
            return placed if first_session == session_id else Unknown(Detail.NO_ANSWER)
        session = self._sessions.get(session_id)
        if session is None or session.closed or session_id in self._sold_sessions():
            return Unknown(Detail.NO_ANSWER)
        if not self.pays:
            return Rejected(Detail.PAYMENT_FAILED)
        shelf = self.shelves[session.sku]
        if shelf.stock < session.quantity:
            return Rejected(Detail.OUT_OF_STOCK)
        self.shelves[session.sku] = replace(shelf, stock=shelf.stock - session.quantity)
        total_minor = self._cost_minor(session)
        order_id = f"order-{len(self.ledger) + 1}"
        self.ledger.append(Sold(order_id, session_id, session.sku, session.quantity, total_minor))
        placed = Placed(order_id, total_minor, self.currency)
        self._answered[key] = (session_id, placed)
        return placed
