"""Answers to prompts: an approval becomes a signed intent in one transaction; the rest ends or defers a prompt."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cloud_bridge.wire import Intent
from edge_agent.core import prompt as prompts
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.prompt import DeclineReason, PromptEvent, PromptRecord
from edge_agent.core.terms import Terms, canonical, seal
from edge_agent.errors import RefusedError, StaleTermsError
from edge_agent.ports import Clock, HouseholdStore, OrderStore, Signer

log = logging.getLogger(__name__)

SNOOZE_HOURS_MAX = 72


@dataclass(frozen=True, slots=True)
class Home:
    """Who signs: the names under which the bridge knows this household and this hub."""

    household: str
    hub: str


class Answering:
    """What a person may do with a prompt. `wake` is called after an approval, so that the outbox is drained at once."""

    def __init__(
        self,
        *,
        home: Home,
        clock: Clock,
        household: HouseholdStore,
        orders: OrderStore,
        signer: Signer,
        new_id: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        self._home = home
        self._clock = clock
        self._household = household
        self._orders = orders
        self._signer = signer
        self._new_id = new_id
        self._wake = wake

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str) -> IntentRecord:
        """Buy on exactly the terms with this hash.

        Raises: StaleTermsError when other terms stand now; RefusedError when the prompt can no longer be approved.
        """
        record = self._find(prompt)
        if terms_hash != record.terms_hash:
            raise StaleTermsError(f"the terms of prompt {prompt} changed since that page was made: read it again")
        change = prompts.step(record, PromptEvent.APPROVE, now=self._clock.now(), by=by)
        terms = self._seal(record)
        signature = self._signer.sign(canonical(terms))
        body = Intent(terms=terms, signature=base64.b64encode(signature).decode()).model_dump_json().encode()
        intent = self._orders.approve(
            change, intent=self._intent(record, terms), terms=terms, signature=signature, body=body
        )
        log.info("approved intent=%s prompt=%s", intent.id, prompt)
        self._wake()
        return intent

    def snooze(self, prompt: PromptId, *, hours: int, by: str) -> PromptRecord:
        """Ask again in so many hours.

        Raises: RefusedError when the prompt is not open, or `hours` is out of bounds.
        """
        if not 1 <= hours <= SNOOZE_HOURS_MAX:
            raise RefusedError(f"snooze for 1 to {SNOOZE_HOURS_MAX} hours, not {hours}")
        now = self._clock.now()
        record = self._find(prompt)
        change = prompts.step(record, PromptEvent.SNOOZE, now=now, by=by, wake_at=now + timedelta(hours=hours))
        return self._orders.change_prompt(change)

    def decline(self, prompt: PromptId, *, reason: DeclineReason, by: str) -> PromptRecord:
        """Do not buy, and say why.

        Raises: RefusedError when the prompt is not open.
        """
        change = prompts.step(
            self._find(prompt), PromptEvent.DECLINE, now=self._clock.now(), by=by, decline_reason=reason
        )
        return self._orders.change_prompt(change)

    def _find(self, prompt: PromptId) -> PromptRecord:
        record = self._orders.prompt(prompt)
        if record is None:
            raise RefusedError(f"there is no prompt {prompt}")
        return record

    def _seal(self, record: PromptRecord) -> Terms:
        return seal(
            record.offer,
            intent_id=IntentId(self._new_id()),
            household=self._home.household,
            hub=self._home.hub,
            customer_ref=self._signer.customer_ref(record.offer.merchant),
            nonce=self._new_id(),
        )

    def _intent(self, record: PromptRecord, terms: Terms) -> IntentRecord:
        item = self._household.load().item(record.item)
        if item is None:
            raise RefusedError(f"the household no longer keeps {record.item}: decline this prompt instead")
        now = self._clock.now()
        return IntentRecord(
            id=IntentId(terms.intent_id),
            prompt=record.id,
            item=record.item,
            state=IntentState.APPROVED,
            version=1,
            merchant=terms.merchant,
            quantity=terms.quantity,
            amount=terms.quantity * item.product.pack_amount,
            total_minor=terms.total_minor,
            currency=terms.currency,
            created_at=now,
            changed_at=now,
        )
