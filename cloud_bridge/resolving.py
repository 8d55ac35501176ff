"""Orders whose outcome nobody knows: look up first, and only then ask again, close, give up or leave it to a person.

What follows from a look-up stands in `core.recovery`; here it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from cloud_bridge.core import recovery
from cloud_bridge.core.keys import open_key
from cloud_bridge.core.order import Attempt, Change, Detail, OrderRecord, advance, note, way_to
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Placed
from cloud_bridge.core.quote import broken_term, is_within, wanted_by
from cloud_bridge.core.recovery import Doubt, Recovery
from cloud_bridge.errors import (
    BugError,
    HouseholdFrozenError,
    MerchantAwayError,
    MerchantError,
    MerchantOrderTakenError,
    MerchantRefusedError,
    MerchantUnclearError,
)
from cloud_bridge.ports import Clock, CrashHook, CrashPoint, Merchant, Merchants, OrderStore
from cloud_bridge.sending import Request, Sender, log_away, parked_at_once, signed
from cloud_bridge.wire import OrderState

log = logging.getLogger(__name__)


class Resolver:
    """Steps of orders in doubt: `sending` that nobody is at, `unknown`, `parked`."""

    def __init__(
        self, store: OrderStore, *, merchants: Merchants, clock: Clock, sender: Sender, crash: CrashHook
    ) -> None:
        self._store = store
        self._merchants = merchants
        self._clock = clock
        self._sender = sender
        self._crash = crash

    async def interrupt(self, order: OrderRecord) -> None:
        """Somebody died while the order was being sent, so its outcome is unknown."""
        now, merchant = self._clock.now(), self._merchants.get(order.merchant)
        if merchant is not None and not merchant.capability.can_be_asked:
            await self._sender.apply(parked_at_once(order, now=now, reason=Detail.INTERRUPTED))
        else:
            interrupted = advance(order, OrderState.UNKNOWN, now=now, detail=Detail.INTERRUPTED, due_at=now)
            await self._sender.apply(interrupted)

    async def resolve(self, order: OrderRecord) -> None:
        """Look the order up, and do what follows from it.

        Raises: StaleClaimError; StoreError.
        """
        merchant = self._merchants.get(order.merchant)
        if merchant is not None and not merchant.capability.can_be_asked:
            await self._leave_to_a_person(order)
            return
        attempts = await self._store.attempts(order)
        if order.session_id is None or not attempts:
            raise BugError(f"order {order.intent_id} is {order.state} without an attempt")
        if merchant is None:
            await self._sender.apply(self._look_again(order, attempts))
            return
        try:
            found = await self._sender.look_up(merchant, order, session_id=order.session_id)
            self._crash(CrashPoint.LOOKED_UP)
            await self._follow(found, await self._doubt(order, attempts, merchant), merchant)
        except (MerchantAwayError, MerchantUnclearError) as exc:
            log_away(order, exc)
            await self._sender.apply(self._look_again(order, attempts, exc=exc))
        except (HouseholdFrozenError, MerchantOrderTakenError) as exc:
            log.warning("not_resolved intent=%s error=%s", order.intent_id, exc)
            await self._sender.apply(self._look_again(order, attempts))

    async def _doubt(self, order: OrderRecord, attempts: tuple[Attempt, ...], merchant: Merchant) -> Doubt:
        return Doubt(
            order=order,
            attempts=attempts,
            body_sha256=merchant.order_digest(order.session_id or "", leave=signed(order)),
            capability=merchant.capability,
            now=self._clock.now(),
            frozen=await self._store.is_frozen(order.household),
            leave_holds=self._sender.leave_holds(order),
        )

    async def _follow(self, found: Lookup, doubt: Doubt, merchant: Merchant) -> None:
        order, attempts = doubt.order, doubt.attempts
        match recovery.next_step(found, doubt):
            case Recovery.ACCEPT:
                await self._accept(found, doubt)
            case Recovery.REPLAY:
                await self._replay(found, doubt, merchant)
            case Recovery.RESEND:
                await self._resend(doubt, merchant)
            case Recovery.CLOSE:
                await self._close(found, doubt, merchant)
            case Recovery.GIVE_UP:
                await self._sender.apply(self._given_up(order, attempts))
            case Recovery.WAIT:
                misses = order.misses + 1 if recovery.is_miss(found, doubt.capability) else 0
                await self._sender.apply(self._look_again(replace(order, misses=misses), attempts))
            case Recovery.PARK:
                await self._park(order)
            case unforeseen:
                assert_never(unforeseen)

    async def _accept(self, found: Lookup, doubt: Doubt) -> None:
        if not isinstance(found, Placed | NeedsBuyer):
            raise BugError(f"order {doubt.order.intent_id}: nothing to accept in {found}")
        change = self._sender.outcome_change(doubt.order, found, capability=doubt.capability)
        await self._sender.apply(change)

    async def _replay(self, found: Lookup, doubt: Doubt, merchant: Merchant) -> None:
        total_minor = found.total_minor if isinstance(found, Open) else None
        request = Request(doubt.order.session_id or "", total_minor, earlier=tuple(doubt.attempts))
        await self._sender.send(doubt.order, merchant, request)

    async def _resend(self, doubt: Doubt, merchant: Merchant) -> None:
        """It is proven that there is no order; what it costs now is compared with the terms once more."""
        order, terms = doubt.order, doubt.order.terms
        key = open_key(order.body_sha256, order.session_n)
        try:
            quote = await merchant.quote(wanted_by(terms), key=key, session_id=order.session_id)
        except MerchantRefusedError as exc:
            log.info("not_sent_again intent=%s code=%s", order.intent_id, exc.code)
            changed = Detail.TERMS_CHANGED if exc.code == Detail.TERMS_CHANGED else None
            await self._sender.apply(self._given_up(order, doubt.attempts, changed=changed))
            return
        reason = broken_term(quote, terms)
        # What is sent again is what was sent, or nothing: a new price makes new mandates, and so another body.
        same = merchant.order_digest(quote.session_id, leave=signed(order)) == doubt.attempts[0].body_sha256
        if reason is not None or not same or quote.session_id != order.session_id:
            await self._sender.apply(self._given_up(order, doubt.attempts, changed=reason))
            return
        request = Request(quote.session_id, quote.total_minor, earlier=tuple(doubt.attempts), proven=True)
        await self._sender.send(order, merchant, request)

    async def _close(self, found: Lookup, doubt: Doubt, merchant: Merchant) -> None:
        order = doubt.order
        dearer = isinstance(found, Open) and not is_within(found, order.terms)
        await self._sender.close(order, merchant, session_id=order.session_id or "")
        detail = Detail.TERMS_CHANGED if dearer else None
        await self._sender.apply(self._look_again(order, doubt.attempts, detail=detail))

    async def _park(self, order: OrderRecord) -> None:
        now, due_at = self._clock.now(), self._sender.retry_at(order)
        shown, tries = Detail.ANOTHER_ORDER_SHOWN, order.tries + 1
        if order.state is OrderState.PARKED:
            await self._sender.apply(note(order, now=now, detail=shown, due_at=due_at, tries=tries, misses=0))
            return
        await self._sender.apply(
            advance(order, OrderState.PARKED, now=now, detail=shown, due_at=due_at, tries=tries, misses=0)
        )

    async def _leave_to_a_person(self, order: OrderRecord) -> None:
        now = self._clock.now()
        if order.state is OrderState.PARKED:
            await self._sender.apply(note(order, now=now, detail=None, due_at=None))
        else:
            await self._sender.apply(parked_at_once(order, now=now, reason=order.detail or Detail.NO_ANSWER))

    def _given_up(self, order: OrderRecord, attempts: Sequence[Attempt], *, changed: Detail | None = None) -> Change:
        now = self._clock.now()
        before = Detail.TERMS_CHANGED if order.detail == Detail.TERMS_CHANGED else None
        reason = recovery.refusal(attempts) or changed or before
        if reason is None and now >= order.terms.offer_expires_at:
            return advance(order, *way_to(order, OrderState.EXPIRED), now=now, detail=Detail.OFFER_EXPIRED)
        return advance(order, *way_to(order, OrderState.REJECTED), now=now, detail=reason or Detail.NOT_PLACED)

    def _look_again(
        self,
        order: OrderRecord,
        attempts: Sequence[Attempt],
        *,
        detail: Detail | None = None,
        exc: MerchantError | None = None,
    ) -> Change:
        now, due_at, tries = self._clock.now(), self._sender.retry_at(order, exc), order.tries + 1
        merchant = self._merchants.get(order.merchant)
        capability = None if merchant is None else merchant.capability
        if order.state is OrderState.UNKNOWN and recovery.should_park(attempts, capability=capability, now=now):
            kept = Detail.TERMS_CHANGED if order.detail == Detail.TERMS_CHANGED else Detail.NO_ANSWER
            return advance(order, OrderState.PARKED, now=now, detail=detail or kept, due_at=due_at, tries=tries)
        return note(order, now=now, detail=detail, due_at=due_at, tries=tries, misses=order.misses)
