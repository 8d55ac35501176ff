"""Takes an order intent once: signed by its household, addable, servable, in time. Nothing is asked at a merchant here.

The same intent again is answered as before, even when its offer has ended meanwhile; the same id with another body is
refused.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from cloud_bridge.core import leave
from cloud_bridge.core.order import OrderRecord
from cloud_bridge.core.order import cancel as cancel_step
from cloud_bridge.errors import (
    ConflictError,
    NotAuthenticError,
    OfferExpiredError,
    TermsRefusedError,
    UnknownOrderError,
)
from cloud_bridge.ports import Clock, HouseholdKeys, Merchants, OrderStore
from cloud_bridge.wire import CancelReceipt, Intent, OrderState, Receipt, Terms

log = logging.getLogger(__name__)


class Intake:
    """The door for intents and cancels. `bell` wakes the worker."""

    def __init__(
        self, store: OrderStore, *, keys: HouseholdKeys, merchants: Merchants, clock: Clock, bell: asyncio.Event
    ) -> None:
        self._store = store
        self._keys = keys
        self._merchants = merchants
        self._clock = clock
        self._bell = bell

    async def accept(self, intent: Intent, *, caller: str) -> Receipt:
        """Take the intent; when this returns it is durable.

        Raises: NotAuthenticError, ConflictError, TermsRefusedError, OfferExpiredError.
        """
        terms = intent.terms
        if terms.household != caller:
            raise NotAuthenticError(f"household {caller} sent the terms of another household")
        leave.check_leave(terms, intent.signature, public_key=self._keys[caller])
        known = await self._store.find(caller, terms.intent_id)
        if known is None:
            self._check_servable(terms)
            known = await self._store.accept(self._new_order(intent))
            self._bell.set()
        if known.body_sha256 != leave.body_sha256(intent):
            raise ConflictError(f"intent {terms.intent_id} is taken by another body")
        log.info("intent_accepted household=%s intent=%s merchant=%s", caller, terms.intent_id, terms.merchant)
        return Receipt(intent_id=known.intent_id, state=OrderState.HELD, accepted_at=known.accepted_at)

    async def cancel(self, intent_id: str, *, caller: str) -> CancelReceipt:
        """Cancel in the hold; once an attempt is recorded the order stands.

        Raises: UnknownOrderError.
        """
        now = self._clock.now()
        amended = await self._store.amend(caller, intent_id, lambda order: cancel_step(order, now=now))
        if amended is None:
            raise UnknownOrderError(f"there is no intent {intent_id}")
        order, _ = amended
        cancelled = order.state is OrderState.CANCELLED
        log.info("cancel household=%s intent=%s cancelled=%s state=%s", caller, intent_id, cancelled, order.state)
        return CancelReceipt(intent_id=intent_id, cancelled=cancelled, state=order.state)

    def _check_servable(self, terms: Terms) -> None:
        merchant = self._merchants.get(terms.merchant)
        if merchant is None:
            raise TermsRefusedError(f"there is no merchant {terms.merchant} here")
        if terms.currency != merchant.currency:
            raise TermsRefusedError(f"merchant {terms.merchant} sells in {merchant.currency} only")
        if not merchant.delivers_to(terms.delivery_ref):
            raise TermsRefusedError(f"merchant {terms.merchant} has no address for {terms.delivery_ref}")
        leave.check_sums(terms)
        if terms.offer_expires_at <= self._clock.now():
            raise OfferExpiredError(f"the offer of {terms.intent_id} ended at {terms.offer_expires_at:%Y-%m-%dT%H:%MZ}")

    def _new_order(self, intent: Intent) -> OrderRecord:
        terms, now = intent.terms, self._clock.now()
        hold_until = now + timedelta(seconds=terms.hold_s)
        return OrderRecord(
            household=terms.household,
            intent_id=terms.intent_id,
            merchant=terms.merchant,
            state=OrderState.HELD,
            terms=terms,
            signature=intent.signature,
            body_sha256=leave.body_sha256(intent),
            accepted_at=now,
            hold_until=hold_until,
            changed_at=now,
            due_at=hold_until,
        )
