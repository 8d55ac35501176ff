"""Takes an order intent once: signed by its household, addable, servable, in time. Nothing is asked at a merchant here.

The same intent again is answered as before, even when its offer has ended or its household is frozen meanwhile; the
same id with another body is refused. Cancels and settlements come in by the same door.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cloud_bridge.core import leave
from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Attempt, Change, OrderRecord
from cloud_bridge.core.order import cancel as cancel_step
from cloud_bridge.core.order import settle as settle_step
from cloud_bridge.errors import (
    ConflictError,
    MandateRefusedError,
    MerchantOrderTakenError,
    NotAuthenticError,
    OfferExpiredError,
    TermsRefusedError,
    UnknownOrderError,
)
from cloud_bridge.ports import (
    Clock,
    CrashHook,
    CrashPoint,
    HouseholdKeys,
    Merchant,
    Merchants,
    OrderStore,
    no_crash,
)
from cloud_bridge.wire import CancelReceipt, Intent, OrderState, Receipt, Settlement, SettleReceipt, Terms

log = logging.getLogger(__name__)


def _never() -> datetime:
    return datetime.max.replace(tzinfo=UTC)


class Intake:
    """The door for intents, cancels and settlements.

    `bell` wakes the worker, and `next_look` says when it looks without: nothing that is due later than that wakes it.
    `accepted` counts the intents that were taken, those that came again too.
    """

    def __init__(
        self,
        store: OrderStore,
        *,
        keys: HouseholdKeys,
        merchants: Merchants,
        clock: Clock,
        bell: asyncio.Event,
        next_look: Callable[[], datetime] = _never,
        crash: CrashHook = no_crash,
    ) -> None:
        self._store = store
        self._keys = keys
        self._keys_read = {household: leave.read_key(key) for household, key in keys.items()}
        self._merchants = merchants
        self._clock = clock
        self._bell = bell
        self._next_look = next_look
        self._crash = crash
        self.accepted = 0

    async def accept(self, intent: Intent, *, caller: str, head: int | None = None) -> Receipt:
        """Take the intent; when this returns it is durable.

        `head` is the highest number of its own that the hub knows to be here. One that knows too little has not heard
        of its own orders, and what it sends may have been settled by another with its identity.

        Raises: NotAuthenticError, ConflictError, TermsRefusedError, OfferExpiredError, MandateRefusedError;
        ForkedError, BehindError, HouseholdFrozenError, WithdrawnError.
        """
        terms = intent.terms
        if terms.household != caller:
            raise NotAuthenticError(f"household {caller} sent the terms of another household")
        signed = leave.check_leave(terms, intent.signature, public_key=self._keys_read[caller])
        order = self._new_order(intent, body_sha256=leave.signed_sha256(signed, intent.signature))
        try:
            self._check_servable(terms)
        except TermsRefusedError:
            known = await self._store.find(caller, terms.intent_id)
            if known is None:
                raise
        else:
            known = await self._store.accept(order, head=head)
            if order.hold_until <= self._next_look():
                self._bell.set()
        if known.body_sha256 != order.body_sha256:
            raise ConflictError(f"intent {terms.intent_id} is taken by another body")
        self.accepted += 1
        log.info("intent_accepted household=%s intent=%s merchant=%s", caller, terms.intent_id, terms.merchant)
        return Receipt(intent_id=known.intent_id, state=OrderState.HELD, accepted_at=known.accepted_at)

    async def cancel(self, intent_id: str, *, caller: str) -> CancelReceipt:
        """Cancel in the hold; once an attempt is recorded the order stands. What is not here is never taken any more.

        Raises: UnknownOrderError when so many were taken back that one more cannot be noted.
        """
        now = self._clock.now()
        order = await self._cancel_here(intent_id, caller=caller, now=now)
        if order is None and await self._store.withdraw(caller, intent_id, now=now):
            log.info("cancel household=%s intent=%s withdrawn=True", caller, intent_id)
            return CancelReceipt(intent_id=intent_id, cancelled=True, state=OrderState.CANCELLED)
        order = order or await self._cancel_here(intent_id, caller=caller, now=now)  # it came in between
        if order is None:
            raise UnknownOrderError(f"there is no intent {intent_id}")
        self._bell.set()  # a session that was opened in the hold is closed
        cancelled = order.state is OrderState.CANCELLED
        log.info("cancel household=%s intent=%s cancelled=%s state=%s", caller, intent_id, cancelled, order.state)
        return CancelReceipt(intent_id=intent_id, cancelled=cancelled, state=order.state)

    async def _cancel_here(self, intent_id: str, *, caller: str, now: datetime) -> OrderRecord | None:
        amended = await self._store.amend(caller, intent_id, lambda order: cancel_step(order, now=now))
        return None if amended is None else amended[0]

    async def settle(self, settlement: Settlement, *, intent_id: str, caller: str) -> SettleReceipt:
        """Take a person's word about an order in doubt: found at the merchant, or not there. Nothing is sent again.

        Raises: NotAuthenticError, UnknownOrderError; ConflictError when the named order is another intent's.
        """
        verdict, now = settlement.verdict, self._clock.now()
        if (verdict.household, verdict.intent_id) != (caller, intent_id):
            raise NotAuthenticError(f"household {caller} sent a verdict that is not on its intent {intent_id}")
        leave.check_verdict(settlement, public_key=self._keys[caller])

        def decide(order: OrderRecord, attempts: Sequence[Attempt]) -> Change | None:
            return settle_step(order, verdict, attempts=attempts, now=now)

        try:
            amended = await self._store.settle(caller, intent_id, decide)
        except MerchantOrderTakenError as exc:
            raise ConflictError(f"order {verdict.merchant_order_id} belongs to another intent") from exc
        if amended is None:
            raise UnknownOrderError(f"there is no intent {intent_id}")
        self._crash(CrashPoint.SETTLED)
        self._bell.set()
        order, settled = amended
        log.info("settle household=%s intent=%s settled=%s state=%s", caller, intent_id, settled, order.state)
        return SettleReceipt(intent_id=intent_id, settled=settled, state=order.state)

    def _check_servable(self, terms: Terms) -> None:
        merchant: Merchant | None = self._merchants.get(terms.merchant)
        if merchant is None:
            raise TermsRefusedError(f"there is no merchant {terms.merchant} here")
        if terms.leave == "draw" and merchant.capability.merchant_class is MerchantClass.C:
            raise MandateRefusedError(f"a lost answer of merchant {terms.merchant} needs a person: no mandate may draw")
        if terms.currency != merchant.currency:
            raise TermsRefusedError(f"merchant {terms.merchant} sells in {merchant.currency} only")
        if not merchant.delivers_to(terms.delivery_ref):
            raise TermsRefusedError(f"merchant {terms.merchant} has no address for {terms.delivery_ref}")
        leave.check_sums(terms)
        if terms.offer_expires_at <= self._clock.now():
            raise OfferExpiredError(f"the offer of {terms.intent_id} ended at {terms.offer_expires_at:%Y-%m-%dT%H:%MZ}")

    def _new_order(self, intent: Intent, *, body_sha256: str) -> OrderRecord:
        terms, now = intent.terms, self._clock.now()
        hold_until = now + timedelta(seconds=terms.hold_s)
        return OrderRecord(
            household=terms.household,
            intent_id=terms.intent_id,
            merchant=terms.merchant,
            state=OrderState.HELD,
            terms=terms,
            signature=intent.signature,
            body_sha256=body_sha256,
            accepted_at=now,
            hold_until=hold_until,
            changed_at=now,
            due_at=hold_until,
        )
