"""A model of a hostile merchant, for simulations and tests only: no configuration can choose it.

It keeps the true ledger of its orders, each with our reference, and stands for any class: A knows idempotency keys and
sells a session once while it remembers the key; B sells whatever it is asked to and can be asked for an order by our
reference; C sells the same way and tells nothing afterwards. A plan says how each request is treated, and `met` counts
what came about. Time is an argument. It passes the same contract suite as the connectors of real merchants.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import (
    Followed,
    Hint,
    Lookup,
    Open,
    Outcome,
    Placed,
    Progress,
    Rejected,
    Standing,
    Unknown,
)
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants import capabilities
from cloud_bridge.merchants.deliveries import gone
from cloud_bridge.merchants.simulated_modes import LOST_ANSWERS, MEETS, Mode, Plan, nothing_wrong
from cloud_bridge.wire import DeliveryChoice, DeliveryOption, Intent

_PENDING_FOR = timedelta(minutes=10)
_STRANGER = "0" * 36  # no reference of ours


@dataclass(frozen=True, slots=True)
class Shelf:
    """One product: its price in minor units, and how many are there."""

    title: str
    price_minor: int
    stock: int


@dataclass(frozen=True, slots=True)
class Sold:
    """One order in the true ledger; `reference` is the key that it was asked for with."""

    order_id: str
    session_id: str
    sku: str
    quantity: int
    total_minor: int
    currency: str
    delivery_ref: str
    reference: str
    at: datetime
    pending_until: datetime
    delivery: DeliveryChoice | None = None

    def placed(self) -> Placed:
        """What an honest merchant says of it."""
        return Placed(self.order_id, self.total_minor, self.currency, self.reference, self.sku, self.quantity)


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    sku: str
    quantity: int
    delivery_ref: str
    currency: str
    surcharge_minor: int = 0
    total_minor: int = 0
    closed: bool = False
    delivery: DeliveryOption | None = None


@dataclass(slots=True)
class SimulatedMerchant:
    """`faults` is asked before each request, by its name (`open`, `get`, `place`, `cancel`, `events`).

    Of an order it tells what `told` has of it, else no more than its `progress`.

    Goods come by the one of `deliveries` that is wanted, or the first; without any, all come for `delivery_minor`.

    With `reprices`, an open session costs what the shelf costs at that moment; otherwise what it was last quoted at.
    """

    shelves: dict[str, Shelf]
    delivery_minor: int = 500
    deliveries: tuple[DeliveryOption, ...] = ()
    currency: str = "USD"
    addresses: frozenset[str] = frozenset({"home"})
    pays: bool = True
    reprices: bool = False
    faults: Plan = nothing_wrong
    capability: Capability = capabilities.SIMULATED
    now: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC)
    ledger: list[Sold] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    told: dict[str, Followed] = field(default_factory=dict)
    met: Counter[Mode] = field(default_factory=Counter)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _opened: dict[str, str] = field(default_factory=dict)
    _keys: dict[str, Sold] = field(default_factory=dict)
    _broken_keys: set[str] = field(default_factory=set)

    def delivers_to(self, delivery_ref: str) -> bool:
        """Whether it holds that address."""
        return delivery_ref in self.addresses

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a session; the same key opens the same one."""
        mode = self._meet("open")
        if mode is Mode.REDIRECT:
            raise MerchantAwayError("pointed elsewhere")
        if mode is Mode.REFUSED:
            raise MerchantRefusedError(Detail.MERCHANT_REFUSED, "not today")
        shelf = self._shelf(wanted)
        delivery = self._way(wanted)
        session = self._session(wanted, key=key, session_id=session_id)
        if self._is_spent(session):
            raise MerchantRefusedError(Detail.SESSION_CLOSED, "the session has ended", session_id=session.id)
        session = self._changed(replace(session, delivery=delivery), mode)
        total_minor = self._cost_now_minor(session)
        session = self._sessions[session.id] = replace(session, total_minor=total_minor)
        if mode in LOST_ANSWERS:
            raise MerchantAwayError("the answer got lost")
        return Quote(
            session_id=session.id,
            sku=wanted.sku,
            title=shelf.title,
            quantity=session.quantity,
            unit_price_minor=shelf.price_minor,
            delivery_minor=total_minor - shelf.price_minor * session.quantity,
            total_minor=total_minor,
            currency=session.currency,
            delivery=None if session.delivery is None else session.delivery.choice,
            deliveries=self.deliveries,
        )

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:  # noqa: ARG002  it asks for none
        """The body of an order is nothing but its session here."""
        return hashlib.sha256(session_id.encode()).hexdigest()

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:  # noqa: ARG002
        """Sell what the session holds; class A once for each key and each session."""
        try:
            mode = self._meet("place")
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        if mode is Mode.CACHED_500:
            self._broken_keys.add(key)
        if mode is Mode.REDIRECT or key in self._broken_keys:
            return Unknown(Detail.NO_ANSWER)
        if mode is Mode.REFUSED:
            return Rejected(Detail.MERCHANT_REFUSED)
        outcome = self._sell(session_id, key=key, pending_for=_PENDING_FOR if mode is Mode.PENDING else timedelta())
        if mode is Mode.PENDING and isinstance(outcome, Placed):
            return Unknown(Detail.IN_PROGRESS)
        return Unknown(Detail.NO_ANSWER) if mode in LOST_ANSWERS else outcome

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Where the session stands now; class B and C by the reference alone.

        Raises: MerchantAwayError; MerchantUnclearError, always so where it cannot be asked.
        """
        mode = self._meet("get")
        if mode in LOST_ANSWERS or mode is Mode.REDIRECT or not self.capability.can_be_asked:
            raise MerchantUnclearError("the answer got lost, or there is none")
        if mode is Mode.LYING_LOOK_UP:
            return self._lie(session_id)
        sold = self._sold(session_id, reference=reference)
        if sold is not None and mode is Mode.LAGGING_LOOK_UP and self.now() < sold.at + self.capability.lookup_lag:
            self.met[mode] += 1
            sold = None
        if sold is not None:
            return Standing.BUSY if self.now() < sold.pending_until else sold.placed()
        return self._standing(session_id, mode)

    async def cancel(self, session_id: str) -> None:
        """Close the session, unless it was sold."""
        mode = self._meet("cancel")
        if mode is Mode.REDIRECT:
            raise MerchantAwayError("pointed elsewhere")
        session = self._sessions.get(session_id)
        if session is not None and not self._is_sold(session_id):
            self._sessions[session_id] = replace(session, closed=True)
        if mode in LOST_ANSWERS:
            raise MerchantAwayError("the answer got lost")

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:  # noqa: ARG002
        """How far the order has come, as the simulation set it."""
        if self._meet("events") is not None:
            raise MerchantUnclearError("the answer got lost")
        if merchant_order_id not in {sold.order_id for sold in self.ledger}:
            raise MerchantAwayError(f"there is no order {merchant_order_id}")
        bare = Followed(self.progress.get(merchant_order_id, Progress.PREPARING))
        return self.told.get(merchant_order_id, bare)

    def hint(self, body: bytes) -> Hint:
        """A webhook of this merchant is the bare id of an order."""
        return Hint(session_id=None, merchant_order_id=body.decode("ascii", "replace")[:255] or None)

    def open_sessions(self) -> set[str]:
        """Sessions that can still become an order and have not."""
        return {each.id for each in self._sessions.values() if not each.closed and not self._is_sold(each.id)}

    # how a request is treated

    def _meet(self, request: str) -> Mode | None:
        self._prune_keys()
        mode = self.faults(request)
        if mode is None or mode not in MEETS[request]:
            return None
        if mode is not Mode.LAGGING_LOOK_UP:  # that one counts where it hides something
            self.met[mode] += 1
        if mode is Mode.AWAY:
            raise MerchantAwayError("no connection")
        return mode

    def _prune_keys(self) -> None:
        for key, sold in list(self._keys.items()):
            if self.now() >= sold.at + self.capability.key_life:
                del self._keys[key]
                self.met[Mode.KEY_PRUNED] += 1

    def _changed(self, session: _Session, mode: Mode | None) -> _Session:
        match mode:
            case Mode.PRICE_UP_CENT:
                return replace(session, surcharge_minor=session.surcharge_minor + 1)
            case Mode.PRICE_UP_300:
                dearer = 3 * (self._cost_now_minor(session) - session.surcharge_minor)
                return replace(session, surcharge_minor=session.surcharge_minor + dearer)
            case Mode.CURRENCY_SWAP:
                return replace(session, currency="EUR" if self.currency == "USD" else "USD")
            case Mode.QUANTITY_ADJUSTED:
                return replace(session, quantity=session.quantity - 1 or 2)
            case _:
                return session

    def _lie(self, session_id: str) -> Placed:
        others = [sold for sold in self.ledger if sold.session_id != session_id]
        return others[-1].placed() if others else Placed("another", 1, self.currency, _STRANGER)

    # sessions

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
            opened = _Session(known_id, wanted.sku, wanted.quantity, wanted.delivery_ref, self.currency)
            self._sessions[known_id] = opened
        if known_id not in self._sessions:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, f"there is no session {known_id}")
        return replace(self._sessions[known_id], currency=self.currency)

    def _standing(self, session_id: str, mode: Mode | None) -> Lookup:
        session = self._sessions.get(session_id)
        if session is None or self.capability.merchant_class is not MerchantClass.A:
            return Standing.MISSING
        if session.closed:
            return Standing.CLOSED
        session = self._sessions[session_id] = self._changed(session, mode)
        return Open(self._cost_minor(session), session.currency)

    def _cost_minor(self, session: _Session) -> int:
        return self._cost_now_minor(session) if self.reprices else session.total_minor

    def _cost_now_minor(self, session: _Session) -> int:
        delivery_minor = self.delivery_minor if session.delivery is None else session.delivery.price_minor
        goods_minor = self.shelves[session.sku].price_minor * session.quantity
        return goods_minor + delivery_minor + session.surcharge_minor

    def _way(self, wanted: Wanted) -> DeliveryOption | None:
        if wanted.delivery is None:
            return next(iter(self.deliveries), None)
        for each in self.deliveries:
            if each.choice == wanted.delivery:
                return each
        raise gone(wanted.delivery)

    def _is_sold(self, session_id: str) -> bool:
        return any(sold.session_id == session_id for sold in self.ledger)

    def _is_spent(self, session: _Session) -> bool:
        """Whether nothing more can be sold of it. Only class A looks, and only while it remembers the key."""
        return session.closed or any(sold.session_id == session.id for sold in self._keys.values())

    # the ledger

    def _sold(self, session_id: str, *, reference: str | None) -> Sold | None:
        by_reference = self.capability.merchant_class is not MerchantClass.A
        for sold in self.ledger:
            if sold.reference == reference if by_reference else sold.session_id == session_id:
                return sold
        return None

    def _sell(self, session_id: str, *, key: str, pending_for: timedelta) -> Outcome:
        known = self._keys.get(key)
        if known is not None:
            return known.placed() if known.session_id == session_id else Unknown(Detail.NO_ANSWER)
        session = self._sessions.get(session_id)
        if session is None or self._is_spent(session):
            return Unknown(Detail.NO_ANSWER)
        if not self.pays:
            return Rejected(Detail.PAYMENT_FAILED)
        shelf = self.shelves[session.sku]
        if shelf.stock < session.quantity:
            return Rejected(Detail.OUT_OF_STOCK)
        self.shelves[session.sku] = replace(shelf, stock=shelf.stock - session.quantity)
        sold = self._enter(session, key=key, pending_for=pending_for)
        if self.capability.merchant_class is MerchantClass.A:
            self._keys[key] = sold
        return sold.placed()

    def _enter(self, session: _Session, *, key: str, pending_for: timedelta) -> Sold:
        sold = Sold(
            order_id=f"order-{len(self.ledger) + 1}",
            session_id=session.id,
            sku=session.sku,
            quantity=session.quantity,
            total_minor=self._cost_minor(session),
            currency=session.currency,
            delivery_ref=session.delivery_ref,
            reference=key,
            at=self.now(),
            pending_until=self.now() + pending_for,
            delivery=None if session.delivery is None else session.delivery.choice,
        )
        self.ledger.append(sold)
        return sold
