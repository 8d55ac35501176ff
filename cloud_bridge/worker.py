"""Places orders: takes one claimed order one durable step further.

    held      once the hold is over: price again, compare with the terms, record the attempt, then ask for the order
    sending   somebody died in between, so the outcome is unknown
    unknown   look up; only then ask again with the same key, or close the session for good
    parked    look up, now and then

The rule of the file: an attempt is committed before the first byte of it is sent, and its outcome before anything
else is done with the order. So a restart at any point goes on from the store alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import NAMESPACE_URL, uuid5

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core import backoff, leave, recovery
from cloud_bridge.core.order import (
    Attempt,
    AttemptOutcome,
    Change,
    Detail,
    OrderRecord,
    advance,
    dispatch,
    keep,
    note,
    route,
)
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Outcome, Placed, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted, broken_term, charge_detail, is_within
from cloud_bridge.core.recovery import Doubt, Recovery
from cloud_bridge.errors import (
    BugError,
    MerchantAwayError,
    MerchantOrderTakenError,
    MerchantRefusedError,
    MerchantUnclearError,
    NotAuthenticError,
)
from cloud_bridge.ports import Clock, CrashHook, CrashPoint, HouseholdKeys, Merchant, Merchants, OrderStore, no_crash
from cloud_bridge.wire import OrderState

log = logging.getLogger(__name__)

_SESSIONS_MAX = 5


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
    ) -> None:
        self._store = store
        self._merchants = merchants
        self._keys = keys
        self._clock = clock
        self._config = config
        self._jitter = jitter
        self._placed = placed
        self._crash = crash

    async def step(self, order: OrderRecord) -> None:
        """Take a claimed order one step. What does not become clear in this step is due again later.

        Raises: StaleClaimError when the order was changed meanwhile; StoreError.
        """
        self._crash(CrashPoint.CLAIMED)
        match order.state:
            case OrderState.HELD:
                await self._send(order)
            case OrderState.SENDING:
                now = self._clock.now()
                await self._apply(advance(order, OrderState.UNKNOWN, now=now, detail=Detail.INTERRUPTED, due_at=now))
            case OrderState.UNKNOWN | OrderState.PARKED:
                await self._resolve(order)
            case _:
                raise BugError(f"order {order.intent_id} is {order.state}: nothing for the worker")

    # held: price, compare, record, ask

    async def _send(self, order: OrderRecord) -> None:
        if await self._expired(order):
            return
        merchant = self._merchants.get(order.merchant)
        quote = None if merchant is None else await self._price(order, merchant)
        if merchant is None:
            await self._wait_for_merchant(order)
        if merchant is None or quote is None:
            return
        if order.session_id != quote.session_id:
            order = await self._apply(keep(order, session_id=quote.session_id))
            self._crash(CrashPoint.SESSION_SAVED)
        reason = broken_term(quote, order.terms) or self._broken_leave(order)
        if reason is not None:
            await self._reject(order, merchant, reason=reason)
        elif not await self._expired(order):
            await self._attempt(order, merchant, session_id=quote.session_id, earlier=())

    async def _expired(self, order: OrderRecord) -> bool:
        now = self._clock.now()
        if now < order.terms.offer_expires_at:
            return False
        await self._apply(advance(order, OrderState.EXPIRED, now=now, detail=Detail.OFFER_EXPIRED))
        return True

    async def _price(self, order: OrderRecord, merchant: Merchant) -> Quote | None:
        wanted = Wanted(order.terms.sku, order.terms.quantity, order.terms.delivery_ref)
        try:
            quote = await merchant.quote(wanted, key=_open_key(order), session_id=order.session_id)
        except MerchantAwayError:
            await self._wait_for_merchant(order)
            return None
        except MerchantRefusedError as exc:
            await self._refused_to_quote(order, merchant, code=exc.code)
            return None
        self._crash(CrashPoint.QUOTED)
        return quote

    async def _wait_for_merchant(self, order: OrderRecord) -> None:
        due_at = min(self._retry_at(order), order.terms.offer_expires_at)
        await self._apply(
            note(order, now=self._clock.now(), detail=Detail.MERCHANT_AWAY, due_at=due_at, tries=order.tries + 1)
        )

    async def _refused_to_quote(self, order: OrderRecord, merchant: Merchant, *, code: str) -> None:
        if code != Detail.SESSION_CLOSED:
            await self._reject(order, merchant, reason=code)
        elif order.session_n >= _SESSIONS_MAX:
            await self._reject(order, merchant, reason=Detail.MERCHANT_REFUSED)
        else:  # nothing was ever asked of that session, so a new one cannot double anything
            now = self._clock.now()
            await self._apply(
                note(order, now=now, detail=None, due_at=now, session_id=None, session_n=order.session_n + 1)
            )

    def _broken_leave(self, order: OrderRecord) -> Detail | None:
        try:
            leave.check_leave(order.terms, order.signature, public_key=self._keys.get(order.household, b""))
        except NotAuthenticError:
            return Detail.LEAVE_INVALID
        return None

    async def _reject(self, order: OrderRecord, merchant: Merchant, *, reason: str) -> None:
        await self._apply(advance(order, OrderState.REJECTED, now=self._clock.now(), detail=reason))
        await self._close(order, merchant)

    async def _attempt(
        self, order: OrderRecord, merchant: Merchant, *, session_id: str, earlier: tuple[Attempt, ...]
    ) -> None:
        now = self._clock.now()
        attempt = Attempt(
            n=len(earlier) + 1,
            key=earlier[0].key if earlier else _order_key(order),
            body_sha256=merchant.order_digest(session_id),
            dispatched_at=now,
        )
        order = await self._apply(dispatch(order, attempt, now=now))
        self._crash(CrashPoint.ATTEMPT_SAVED)
        outcome = await merchant.place(session_id, key=attempt.key)
        self._crash(CrashPoint.ANSWERED)
        await self._record(order, outcome, attempt=attempt)
        self._crash(CrashPoint.OUTCOME_SAVED)
        if isinstance(outcome, Rejected):
            await self._close(order, merchant)

    async def _record(self, order: OrderRecord, outcome: Outcome, *, attempt: Attempt) -> None:
        concluded = _conclude(attempt, outcome, at=self._clock.now())
        change = self._replay_refused(order) if _proves_nothing(concluded) else self._settle(order, outcome)
        try:
            await self._apply(replace(change, attempt=concluded))
        except MerchantOrderTakenError:
            log.exception("merchant_order_taken intent=%s", order.intent_id)
            await self._record(order, Unknown(Detail.NO_ANSWER), attempt=attempt)

    # unknown: look up first

    async def _resolve(self, order: OrderRecord) -> None:
        merchant = self._merchants.get(order.merchant)
        attempts = await self._store.attempts(order)
        if order.session_id is None or not attempts:
            raise BugError(f"order {order.intent_id} is {order.state} without an attempt")
        found = None if merchant is None else await self._look_up(merchant, order.session_id)
        if merchant is None or found is None:
            await self._apply(self._look_again(order, attempts))
            return
        self._crash(CrashPoint.LOOKED_UP)
        doubt = Doubt(
            order=order,
            attempts=attempts,
            body_sha256=merchant.order_digest(order.session_id),
            capability=merchant.capability,
            now=self._clock.now(),
        )
        await self._follow(recovery.next_step(found, doubt), found, doubt=doubt, merchant=merchant)

    async def _look_up(self, merchant: Merchant, session_id: str) -> Lookup | None:
        try:
            return await merchant.get(session_id)
        except (MerchantAwayError, MerchantUnclearError) as exc:
            log.info("look_up_failed session=%s error=%s", session_id, exc)
            return None

    async def _follow(self, step: Recovery, found: Lookup, *, doubt: Doubt, merchant: Merchant) -> None:
        order, attempts = doubt.order, tuple(doubt.attempts)
        match step:
            case Recovery.ACCEPT:
                if not isinstance(found, Placed | NeedsBuyer):
                    raise BugError(f"order {order.intent_id}: nothing to accept in {found}")
                await self._accept(order, found, attempts)
            case Recovery.REPLAY:
                await self._attempt(order, merchant, session_id=order.session_id or "", earlier=attempts)
            case Recovery.CLOSE:
                dearer = isinstance(found, Open) and not is_within(found, order.terms)
                await self._close(order, merchant)
                await self._apply(self._look_again(order, attempts, detail=Detail.TERMS_CHANGED if dearer else None))
            case Recovery.GIVE_UP:
                await self._apply(self._give_up(order, attempts))
            case Recovery.WAIT:
                misses = order.misses + 1 if found is Standing.MISSING else 0
                await self._apply(self._look_again(replace(order, misses=misses), attempts))
            case _:
                assert_never(step)

    def _give_up(self, order: OrderRecord, attempts: tuple[Attempt, ...]) -> Change:
        now = self._clock.now()
        changed = Detail.TERMS_CHANGED if order.detail == Detail.TERMS_CHANGED else None
        reason = recovery.refusal(attempts) or changed
        if reason is None and now >= order.terms.offer_expires_at:
            return advance(order, *_way(order, OrderState.EXPIRED), now=now, detail=Detail.OFFER_EXPIRED)
        return advance(order, *_way(order, OrderState.REJECTED), now=now, detail=reason or Detail.NOT_PLACED)

    async def _accept(self, order: OrderRecord, found: Placed | NeedsBuyer, attempts: tuple[Attempt, ...]) -> None:
        try:
            await self._apply(self._settle(order, found))
        except MerchantOrderTakenError:
            log.exception("merchant_order_taken intent=%s", order.intent_id)
            await self._apply(self._look_again(order, attempts))

    def _look_again(self, order: OrderRecord, attempts: tuple[Attempt, ...], *, detail: Detail | None = None) -> Change:
        now, due_at, tries = self._clock.now(), self._retry_at(order), order.tries + 1
        if order.state is OrderState.UNKNOWN and now >= attempts[0].dispatched_at + recovery.PARK_AFTER:
            kept = Detail.TERMS_CHANGED if order.detail == Detail.TERMS_CHANGED else Detail.NO_ANSWER
            return advance(order, OrderState.PARKED, now=now, detail=detail or kept, due_at=due_at, tries=tries)
        return note(order, now=now, detail=detail, due_at=due_at, tries=tries, misses=order.misses)

    # both

    def _settle(self, order: OrderRecord, outcome: Outcome) -> Change:
        now = self._clock.now()
        match outcome:
            case Placed(merchant_order_id, total_minor, currency):
                return advance(
                    order,
                    *_way(order, OrderState.PLACED),
                    now=now,
                    detail=charge_detail(outcome, order.terms),
                    due_at=now,
                    merchant_order_id=merchant_order_id,
                    total_minor=total_minor,
                    currency=currency,
                )
            case NeedsBuyer(url):
                way = _way(order, OrderState.NEEDS_BUYER)
                return advance(order, *way, now=now, due_at=now, misses=0, handoff_url=url)
            case Rejected(reason):
                return advance(order, *_way(order, OrderState.REJECTED), now=now, detail=reason)
            case Unknown(reason):
                due_at, tries = self._retry_at(order), order.tries + 1
                if order.state is OrderState.SENDING:
                    return advance(order, OrderState.UNKNOWN, now=now, detail=reason, due_at=due_at, tries=tries)
                return note(order, now=now, detail=None, due_at=due_at, tries=tries)
            case _:
                assert_never(outcome)

    def _replay_refused(self, order: OrderRecord) -> Change:
        now = self._clock.now()
        return note(order, now=now, detail=None, due_at=now)

    def _retry_at(self, order: OrderRecord) -> datetime:
        wait: timedelta = backoff.delay(
            order.tries, first_s=self._config.retry_first_s, longest_s=self._config.retry_max_s, jitter=self._jitter()
        )
        return self._clock.now() + wait

    async def _close(self, order: OrderRecord, merchant: Merchant) -> None:
        if order.session_id is None:
            return
        try:
            await merchant.cancel(order.session_id)
        except MerchantAwayError:
            log.info("session_left_open intent=%s", order.intent_id)
        self._crash(CrashPoint.CLOSED)

    async def _apply(self, change: Change) -> OrderRecord:
        order = await self._store.apply(change)
        for said in change.said:
            log.info("order intent=%s state=%s detail=%s", order.intent_id, said.state, said.detail)
        if order.state in {OrderState.PLACED, OrderState.NEEDS_BUYER}:
            self._placed.set()
        return order


def _open_key(order: OrderRecord) -> str:
    """The same key for the same terms, for ever: a restart opens the same session."""
    return str(uuid5(NAMESPACE_URL, f"restock:open:{order.body_sha256}:{order.session_n}"))


def _order_key(order: OrderRecord) -> str:
    """The one key under which this intent may become an order."""
    return str(uuid5(NAMESPACE_URL, f"restock:order:{order.body_sha256}"))


def _way(order: OrderRecord, goal: OrderState) -> tuple[OrderState, ...]:
    way = route(order.state, goal)
    if way is None:
        raise BugError(f"order {order.intent_id}: no way from {order.state} to {goal}")
    return way


def _conclude(attempt: Attempt, outcome: Outcome, *, at: datetime) -> Attempt:
    match outcome:
        case Placed():
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.PLACED)
        case NeedsBuyer():
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.NEEDS_BUYER)
        case Rejected(reason):
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.REJECTED, reason=reason)
        case Unknown(reason):
            return replace(attempt, finished_at=at, outcome=AttemptOutcome.UNKNOWN, reason=reason)
        case _:
            assert_never(outcome)


def _proves_nothing(attempt: Attempt) -> bool:
    """A refused replay says nothing about the request before it, which may still be on its way."""
    return attempt.n > 1 and attempt.outcome is AttemptOutcome.REJECTED
