"""Places orders: takes one claimed order one durable step further.

    held                             once the hold is over: price again, compare with the terms, send (`sending`)
    sending, unknown, parked         nobody knows: look up (`resolving`)
    cancelled, expired, rejected     close the session that was opened for nothing

An order in the hold is sent within half the life of the merchant's key, counted from the end of the hold, or not at
all: a store that was restored from a backup may have forgotten an attempt, but its merchant has not forgotten the key
yet. Where the merchant can be asked about the order, it is asked before the order is given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core import recovery
from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.core.keys import open_key
from cloud_bridge.core.order import CLOSING, Detail, OrderRecord, advance, keep, note
from cloud_bridge.core.outcome import Lookup, Placed, Standing
from cloud_bridge.core.quote import Quote, broken_term, wanted_by
from cloud_bridge.errors import (
    BugError,
    HouseholdFrozenError,
    MerchantAwayError,
    MerchantError,
    MerchantFailingError,
    MerchantOrderTakenError,
    MerchantRefusedError,
    MerchantUnclearError,
    StaleClaimError,
)
from cloud_bridge.ports import (
    NO_TRACING,
    Clock,
    CrashHook,
    CrashPoint,
    HouseholdKeys,
    Merchant,
    Merchants,
    OrderStore,
    Tracing,
    no_crash,
)
from cloud_bridge.resolving import Resolver
from cloud_bridge.sending import Request, Sender, log_away, placed_change
from cloud_bridge.wire import OrderState

log = logging.getLogger(__name__)

_SESSIONS_MAX = 5
FAILING_MAX = 8  # in a row, over an hour as the waits are set: what makes a shop fail so often is a no
_CLOSE_TRIES_MAX = 8  # a session ends by itself, too
_SENT_WITHIN_REAL_S = 120.0  # however fast the clock runs; shorter than half of any key's life
_LATE_LOOKS_FOR = timedelta(hours=24)  # an order past its time is looked up this long at a merchant that is away


class Worker:
    """Steps of orders that are not placed yet. `placed` wakes whoever follows them; `jitter` gives [0, 1)."""

    def __init__(
        self,
        store: OrderStore,
        *,
        merchants: Merchants,
        keys: HouseholdKeys,
        clock: Clock,
        config: WorkerConfig,
        jitter: Callable[[], float],
        placed: asyncio.Event,
        crash: CrashHook = no_crash,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._store = store
        self._merchants = merchants
        self._clock = clock
        self._crash = crash
        self._sender = Sender(
            store,
            keys=keys,
            clock=clock,
            config=config,
            jitter=jitter,
            placed=placed,
            crash=crash,
            tracing=tracing,
        )
        self._resolver = Resolver(store, merchants=merchants, clock=clock, sender=self._sender, crash=crash)

    async def step(self, order: OrderRecord) -> None:
        """Take a claimed order one step. What does not become clear in this step is due again later.

        Raises: StaleClaimError when the order was changed meanwhile; StoreError.
        """
        self._crash(CrashPoint.CLAIMED)
        match order.state:
            case OrderState.HELD:
                await self._begin(order)
            case OrderState.SENDING:
                await self._resolver.interrupt(order)
            case OrderState.UNKNOWN | OrderState.PARKED:
                await self._resolver.resolve(order)
            case state if state in CLOSING:
                await self._close(order)
            case _:
                raise BugError(f"order {order.intent_id} is {order.state}: nothing for the worker")

    # held: whether it may be sent at all

    async def _begin(self, order: OrderRecord) -> None:
        merchant = self._merchants.get(order.merchant)
        if merchant is None:
            await self._begin_without_merchant(order)
            return
        try:
            if await self._may_go_on(order, merchant):
                await self._send(order, merchant)
        except (MerchantAwayError, MerchantUnclearError) as exc:
            log_away(order, exc)
            failing = isinstance(exc, MerchantFailingError)
            await self._wait(order, detail=Detail.MERCHANT_AWAY, exc=exc, misses=order.misses + 1 if failing else 0)
        except MerchantOrderTakenError:  # it showed us a session of another order
            log.exception("merchant_order_taken intent=%s", order.intent_id)
            await self._wait(order, detail=Detail.ANOTHER_ORDER_SHOWN)

    async def _begin_without_merchant(self, order: OrderRecord) -> None:
        if self._clock.now() >= order.terms.offer_expires_at:
            await self._expire(order)
        else:
            await self._wait(order, detail=Detail.MERCHANT_AWAY)

    async def _may_go_on(self, order: OrderRecord, merchant: Merchant) -> bool:
        send_before = self._send_before(order, merchant)
        late = self._clock.now() >= send_before
        if late or _is_found_by_reference(merchant.capability):
            patient = self._clock.now() < send_before + _LATE_LOOKS_FOR
            found = await self._seen_before(order, merchant, patient=patient)
            if found is not None and await self._take_up(order, found, patient=patient):
                return False
        if late:
            await self._expire(order)
            return False
        if await self._store.is_frozen(order.household):
            await self._wait(order, detail=Detail.HOUSEHOLD_FROZEN)
            return False
        return True

    def _send_before(self, order: OrderRecord, merchant: Merchant) -> datetime:
        at_least = self._clock.after_real(_SENT_WITHIN_REAL_S) - self._clock.now()
        return recovery.send_before(order, merchant.capability, at_least=at_least)

    async def _seen_before(self, order: OrderRecord, merchant: Merchant, *, patient: bool) -> Lookup | None:
        """What the merchant knows of an order that we know no attempt of; None where it cannot be asked."""
        session_id = order.session_id
        if session_id is None and _is_found_by_reference(merchant.capability):
            session_id = ""
        if session_id is None or not merchant.capability.can_be_asked:
            return None
        try:
            return await self._sender.look_up(merchant, order, session_id=session_id)
        except (MerchantAwayError, MerchantUnclearError):
            if patient:
                raise
            return None

    async def _take_up(self, order: OrderRecord, found: Lookup, *, patient: bool = True) -> bool:
        """Go on from what the merchant shows although our store, restored from a backup, knows no attempt."""
        if isinstance(found, Placed) and recovery.is_ours(found, order, ()) and await self._accept(order, found):
            return True
        if patient and isinstance(found, Placed):
            await self._wait(order, detail=Detail.ANOTHER_ORDER_SHOWN)
        elif patient and found in {Standing.BUSY, Standing.ORDERED}:
            await self._wait(order, detail=Detail.IN_PROGRESS)
        else:
            return False
        return True

    async def _accept(self, order: OrderRecord, found: Placed) -> bool:
        """Take an order that was found; False where it is another intent's already, so not ours."""
        now = self._clock.now()
        try:
            await self._sender.apply(placed_change(order, found, now=now, detail=Detail.FOUND_AT_MERCHANT))
        except MerchantOrderTakenError:
            log.exception("merchant_order_taken intent=%s", order.intent_id)
            return False
        log.warning("found_at_merchant intent=%s order=%s", order.intent_id, found.merchant_order_id)
        return True

    async def _expire(self, order: OrderRecord) -> None:
        now = self._clock.now()
        detail = Detail.OFFER_EXPIRED if now >= order.terms.offer_expires_at else Detail.HELD_TOO_LONG
        await self._sender.apply(advance(order, OrderState.EXPIRED, now=now, detail=detail))

    async def _wait(
        self, order: OrderRecord, *, detail: Detail, exc: MerchantError | None = None, misses: int = 0
    ) -> None:
        now, due_at, offer_ends = self._clock.now(), self._sender.retry_at(order, exc), order.terms.offer_expires_at
        due_at = min(due_at, offer_ends) if now < offer_ends else due_at
        await self._sender.apply(
            note(order, now=now, detail=detail, due_at=due_at, tries=order.tries + 1, misses=misses)
        )

    # held: price, compare, send

    async def _send(self, order: OrderRecord, merchant: Merchant) -> None:
        quote = await self._price(order, merchant)
        if quote is None:
            return
        order = await self._keep_session(order, merchant, session_id=quote.session_id)
        reason = broken_term(quote, order.terms)
        if reason is None and not self._sender.leave_holds(order):
            reason = Detail.LEAVE_INVALID
        if reason is not None:
            await self._reject(order, reason=reason)
        elif self._clock.now() >= self._send_before(order, merchant):  # the merchant took its time
            await self._expire(order)
        else:
            await self._ask(order, merchant, quote)

    async def _ask(self, order: OrderRecord, merchant: Merchant, quote: Quote) -> None:
        try:
            await self._sender.send(order, merchant, Request(quote.session_id, quote.total_minor))
        except HouseholdFrozenError:  # since the price was asked
            await self._wait(order, detail=Detail.HOUSEHOLD_FROZEN)

    async def _price(self, order: OrderRecord, merchant: Merchant) -> Quote | None:
        wanted = wanted_by(order.terms)
        key = open_key(order.body_sha256, order.session_n)
        try:
            quote = await merchant.quote(wanted, key=key, session_id=order.session_id)
        except MerchantRefusedError as exc:
            if exc.code == Detail.SESSION_CLOSED:
                await self._go_on_from_ended_session(order, merchant, session_id=exc.session_id or order.session_id)
            else:
                log.info("merchant_refused intent=%s reason=%s", order.intent_id, exc)
                await self._reject(order, reason=exc.code)
            return None
        except MerchantFailingError:
            if order.misses + 1 < FAILING_MAX:
                raise
            log.warning("merchant_keeps_failing intent=%s", order.intent_id)
            await self._reject(order, reason=Detail.MERCHANT_REFUSED)
            return None
        self._crash(CrashPoint.QUOTED)
        return quote

    async def _go_on_from_ended_session(
        self, order: OrderRecord, merchant: Merchant, *, session_id: str | None
    ) -> None:
        """We asked nothing of this session, as far as we know. Whether that is true is looked up."""
        if session_id is not None and merchant.capability.can_be_asked:
            found = await self._sender.look_up(merchant, order, session_id=session_id)
            if await self._take_up(replace(order, session_id=session_id), found):
                return
        if order.session_n >= _SESSIONS_MAX or merchant.capability.merchant_class is MerchantClass.C:
            await self._reject(order, reason=Detail.MERCHANT_REFUSED)
            return
        now = self._clock.now()
        await self._sender.apply(
            note(order, now=now, detail=None, due_at=now, session_id=None, session_n=order.session_n + 1)
        )

    async def _keep_session(self, order: OrderRecord, merchant: Merchant, *, session_id: str) -> OrderRecord:
        if order.session_id == session_id:
            return order
        try:
            kept = await self._sender.apply(keep(order, session_id=session_id))
        except StaleClaimError:
            await self._drop_session(order, merchant, session_id=session_id)
            raise
        self._crash(CrashPoint.SESSION_SAVED)
        return kept

    async def _drop_session(self, order: OrderRecord, merchant: Merchant, *, session_id: str) -> None:
        """Only where the order has ended meanwhile: otherwise the session is somebody else's now."""
        current = await self._store.find(order.household, order.intent_id)
        if current is None or current.state not in CLOSING:
            return
        try:
            await self._sender.close(order, merchant, session_id=session_id)
        except MerchantAwayError as exc:
            log_away(order, exc)

    async def _reject(self, order: OrderRecord, *, reason: str) -> None:
        await self._sender.apply(advance(order, OrderState.REJECTED, now=self._clock.now(), detail=reason))

    # ended without a purchase

    async def _close(self, order: OrderRecord) -> None:
        now, merchant, tries = self._clock.now(), self._merchants.get(order.merchant), order.tries + 1
        due_at = None if tries >= _CLOSE_TRIES_MAX or merchant is None else self._sender.retry_at(order)
        try:
            if merchant is not None and order.session_id is not None:
                await self._sender.close(order, merchant, session_id=order.session_id)
                due_at = None
        except MerchantAwayError as exc:
            log_away(order, exc)
        await self._sender.apply(note(order, now=now, detail=None, due_at=due_at, tries=tries))


def _is_found_by_reference(capability: Capability) -> bool:
    """Whether an order can be looked for that we know no session of."""
    return capability.merchant_class is not MerchantClass.A and capability.can_be_asked
