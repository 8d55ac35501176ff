"""Orders that a mandate pays for: the offer is made as for a prompt, the rules decide, one transaction draws.

Whatever a forecast asked for reaches this place as an offer only. Where no mandate pays, the household is asked, and is
told why.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from edge_agent.core import prompt as prompts
from edge_agent.core.catalogue import Item, Preferences
from edge_agent.core.choosing.delivering import is_accepted
from edge_agent.core.deciding import substitute
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.draw import DrawRequest, Grant, Refusal, choose
from edge_agent.core.leave.mandate import MandateRecord, canonical_mandate, period_of
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.messages import ItemId, Reason
from edge_agent.core.prompt import PromptEvent, PromptRecord
from edge_agent.core.said import say
from edge_agent.errors import AuthorityTamperedError, RefusedError
from edge_agent.leave_ports import MandateStore, MerchantClasses
from edge_agent.pipeline.hand_over import HandOver
from edge_agent.ports import OrderStore, Safety, Signer

log = logging.getLogger(__name__)

DRAWS_A_DAY_MAX = 20
_DAY = timedelta(days=1)


class Drawing:
    """Draws on mandates; holds no authority of its own."""

    def __init__(
        self,
        *,
        orders: OrderStore,
        mandates: MandateStore,
        merchants: MerchantClasses,
        signer: Signer,
        safety: Safety,
        hand_over: HandOver,
    ) -> None:
        self._orders = orders
        self._mandates = mandates
        self._merchants = merchants
        self._signer = signer
        self._safety = safety
        self._hand_over = hand_over

    def draw(
        self, asked: PromptRecord, *, item: Item, preferences: Preferences, instead: Sequence[PromptRecord] = ()
    ) -> IntentRecord | Reason:
        """Order what would have been asked, or say why the household must be asked. `asked` is not stored yet.

        `instead` is the same question with what else could be bought: tried where `core.leave.draw.choose` allows it.
        """
        problem = self._not_now(asked.created_at)
        if problem is not None:
            return problem
        try:
            mandates = self._mandates.mandate_for(ItemId(item.id))
        except AuthorityTamperedError as exc:
            return _tampered(exc.args[0])
        refused = Reason("mandate_missing", say("No mandate pays for {item}, so you are asked.", item=item.name))
        if not _is_accepted(asked, preferences=preferences):
            text = say("{item} would come in a way that you have not accepted, so you are asked.", item=item.name)
            return Reason("mandate_delivery", text)
        instead = [question for question in instead if _is_accepted(question, preferences=preferences)]
        hold_s = max(preferences.hold_s, preferences.mandate_hold_s)
        held = [_held(question, hold_s=hold_s) for question in (asked, *instead)]
        for mandate in mandates:
            outcome = self._draw_on(mandate, held, item=item)
            if isinstance(outcome, IntentRecord):
                return outcome
            refused = outcome
        return refused

    def _not_now(self, now: datetime) -> Reason | None:
        problems = self._safety.problems()
        if problems:
            text = say("Nothing is drawn on mandates now. {problem}", problem=problems[0].text)
            return Reason("mandate_unsafe", text)
        if self._orders.drawn_since(now - _DAY) >= DRAWS_A_DAY_MAX:
            text = say("Mandates paid for {number} orders in a day: that is enough.", number=DRAWS_A_DAY_MAX)
            return Reason("mandate_daily_cap", text)
        return None

    def _draw_on(
        self, mandate: MandateRecord, questions: Sequence[PromptRecord], *, item: Item
    ) -> IntentRecord | Reason:
        if mandate.signature is None or not self._signer.verify(canonical_mandate(mandate.terms), mandate.signature):
            return _tampered(say("mandate {mandate} does not bear the household's signature", mandate=mandate.id))
        asked, *instead = questions
        now = asked.created_at
        outcome = choose(
            mandate,
            wanted=asked.offer,
            instead=[question.offer for question in instead],
            item=ItemId(item.id),
            usage=self._mandates.usage(mandate.id, period_of(mandate.terms, now).index),
            class_of=self._merchants.merchant_class,
            now=now,
        )
        if isinstance(outcome, Refusal):
            log.info("draw_refused mandate=%s item=%s reason=%s", mandate.id, item.id, outcome.reason)
            return Reason(outcome.reason, outcome.text)
        chosen = next(question for question in questions if question.offer == outcome.offer)
        if chosen is not asked and asked.offer.instead_of is None:
            too_dear = substitute.too_dear(item, merchant=asked.offer.merchant)
            chosen = replace(chosen, reasons=(*chosen.reasons, too_dear))
        return self._hand(chosen, mandate, outcome.grant, item=item)

    def _hand(
        self, record: PromptRecord, mandate: MandateRecord, granted: Grant, *, item: Item
    ) -> IntentRecord | Reason:
        """One transaction; the ledger has the last word."""
        change = prompts.step(record, PromptEvent.APPROVE, now=record.created_at, by=f"mandate:{mandate.id}")
        request = DrawRequest(
            mandate=mandate.id,
            seen_version=mandate.version,
            period_index=granted.period.index,
            amount_minor=granted.amount_minor,
            currency=granted.currency,
        )
        by = tuple(name for name in (mandate.proposed_by, mandate.confirmed_by) if name is not None)
        try:
            return self._hand_over.give(change, item=item, by=by, draw=request)
        except RefusedError as exc:
            return Reason("mandate_refused", say("The mandate could not pay: {why}.", why=exc.args[0]))


def _is_accepted(question: PromptRecord, *, preferences: Preferences) -> bool:
    """Whether the household lets goods come the way that is offered: by the list of now, whenever it was offered."""
    offer = question.offer
    return is_accepted(offer.delivery_kind, merchant=offer.merchant, preferences=preferences)


def _held(question: PromptRecord, *, hold_s: int) -> PromptRecord:
    """The same question with the time for which a mandate's order is held."""
    offer = replace(question.offer, hold_s=hold_s)
    return replace(question, offer=offer, terms_hash=terms_hash(offer))


def _tampered(what: str) -> Reason:
    log.critical("mandate_refused error=%s", what)
    text = say("A mandate is not the one that was signed ({what}): look at it before you answer.", what=what)
    return Reason("mandate_tampered", text)
