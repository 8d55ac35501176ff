"""From leave to an order: receipt, terms, signature and body, handed to the store in one transaction.

A person's approval and a draw on a mandate end here alike; what differs is who is named, and whether the ledger asks
the mandate.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cloud_bridge.wire import Intent, order_trace_id
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import DrawRequest
from edge_agent.core.leave.receipt import canonical_receipt, consent_hash, receipt_for
from edge_agent.core.leave.terms import Terms, canonical, seal
from edge_agent.core.messages import IntentId
from edge_agent.core.prompt import PromptChange, PromptRecord
from edge_agent.core.tracing import Stage, question_trace_id
from edge_agent.ports import NO_TRACING, OrderStore, Signer, Tracing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Home:
    """Who signs: the names under which the bridge knows this household and this hub."""

    household: str
    hub: str


class HandOver:
    """Makes orders. `wake` is called after each, so that the outbox is drained at once."""

    def __init__(
        self,
        *,
        home: Home,
        orders: OrderStore,
        signer: Signer,
        new_id: Callable[[], str],
        wake: Callable[[], None],
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._home = home
        self._orders = orders
        self._signer = signer
        self._new_id = new_id
        self._wake = wake
        self._tracing = tracing

    def give(
        self, change: PromptChange, *, item: Item, by: tuple[str, ...], draw: DrawRequest | None = None
    ) -> IntentRecord:
        """Buy what the prompt of `change` offered. `by` names everyone whose leave it is.

        Raises: RefusedError when the prompt has moved on, or the item has an order; BudgetError when a draw does not
        fit.
        """
        prompt, now = change.after, change.after.changed_at
        receipt = canonical_receipt(
            receipt_for(
                prompt.offer,
                item=prompt.item,
                item_name=item.name,
                prompt=prompt.id,
                by=by,
                mandate=None if draw is None else draw.mandate,
                at=now,
                salt=self._new_id(),
            )
        )
        terms = self._seal(prompt, receipt=receipt, draw=draw)
        signature = self._signer.sign(canonical(terms))
        with self._tracing.span(
            Stage.APPROVE, trace=order_trace_id(terms.intent_id), after=question_trace_id(prompt.id)
        ):
            intent = self._orders.approve(
                change,
                intent=_intent(prompt, terms, now=now),
                terms=terms,
                signature=signature,
                body=Intent(terms=terms, signature=base64.b64encode(signature).decode()).model_dump_json().encode(),
                receipt=receipt,
                draw=draw,
            )
        log.info("handed_over intent=%s prompt=%s leave=%s", intent.id, prompt.id, terms.leave)
        self._wake()
        return intent

    def _seal(self, prompt: PromptRecord, *, receipt: bytes, draw: DrawRequest | None) -> Terms:
        return seal(
            prompt.offer,
            intent_id=IntentId(self._new_id()),
            household=self._home.household,
            hub=self._home.hub,
            customer_ref=self._signer.customer_ref(prompt.offer.merchant),
            nonce=self._new_id(),
            leave="approval" if draw is None else "draw",
            consent_hash=consent_hash(receipt),
            handover=self._orders.next_handover(),
        )


def _intent(prompt: PromptRecord, terms: Terms, *, now: datetime) -> IntentRecord:
    return IntentRecord(
        id=IntentId(terms.intent_id),
        prompt=prompt.id,
        item=prompt.item,
        state=IntentState.APPROVED,
        version=1,
        merchant=terms.merchant,
        quantity=terms.quantity,
        amount=terms.quantity * prompt.offer.pack_amount,
        total_minor=terms.total_minor,
        currency=terms.currency,
        created_at=now,
        changed_at=now,
    )
