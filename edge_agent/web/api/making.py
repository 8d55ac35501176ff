"""Records of the hub made into what programs are told. Nothing here decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from edge_agent.core.choosing.dealing import Charge
from edge_agent.core.choosing.scorecard import Share
from edge_agent.core.deciding.problem import problem_of
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import Alert, Decision, Hold, Propose, Range, Reason
from edge_agent.core.overview import ItemOverview, MandateView
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.recall import Match, Recall
from edge_agent.web.api.answers import (
    ChargesTold,
    ItemTold,
    Lasts,
    LateTold,
    LeaveTold,
    MandateTold,
    MerchantTold,
    OrderTold,
    PromptTold,
    RecallMatch,
    RecallTold,
    Sentence,
    ShareTold,
    Span,
    TermsTold,
)
from edge_agent.web.leave import leave_for
from edge_agent.web.merchants.views import MerchantView
from edge_agent.web.outlook import outlook
from edge_agent.web.parts import WebParts
from edge_agent.web.timeline import handoff, tracking

_TERMS = frozenset(TermsTold.model_fields)


def item_told(known: ItemOverview, *, now: datetime) -> ItemTold:
    """One item as it stands now."""
    item, estimate, ahead = known.item, known.estimate, outlook(known)
    return ItemTold(
        id=item.id,
        name=item.name,
        category=item.category,
        unit=item.unit,
        mode=item.mode,
        product=item.product.title,
        room_packs=item.room_packs,
        as_of=estimate.as_of if estimate else None,
        amount=_span(estimate.amount) if estimate else None,
        use_per_day=_span(estimate.use_per_day) if estimate else None,
        trust=estimate.trust if estimate else None,
        lasts=_lasts(*ahead.left_d(now)) if ahead else None,
        prompt=known.prompt.id if known.prompt else None,
        order=known.intent.id if known.intent else None,
    )


def sentences(reasons: Iterable[Reason]) -> tuple[Sentence, ...]:
    """Reasons in their own words."""
    return tuple(Sentence(code=reason.code, text=reason.text) for reason in reasons)


def decision_word(decision: Decision | None) -> Literal["hold", "propose", "alert"] | None:
    """The decision as one word."""
    match decision:
        case Hold():
            return "hold"
        case Propose():
            return "propose"
        case Alert():
            return "alert"
        case _:
            return None


def prompt_told(parts: WebParts, prompt: PromptRecord, *, name: str) -> PromptTold:
    """One question, with what this person may say to it now."""
    known = parts.overview.item(prompt.item)
    order = parts.overview.intent_of(prompt.id)
    return PromptTold(
        id=prompt.id,
        item=prompt.item,
        item_name=known.item.name if known else prompt.item,
        state=prompt.state,
        terms=_terms(prompt.offer),
        terms_hash=prompt.terms_hash,
        reasons=sentences(prompt.reasons),
        order_by=prompt.order_by,
        created_at=prompt.created_at,
        wake_at=prompt.wake_at,
        answered_by=prompt.answered_by,
        decline_reason=prompt.decline_reason,
        leave=_leave(parts, prompt, name=name) if can_answer(parts, prompt) else None,
        order=order_told(order, wanted_back=parts.overview.wanted_back(), now=parts.clock.now()) if order else None,
    )


def can_answer(parts: WebParts, prompt: PromptRecord) -> bool:
    """Whether the question is open, and its offer stands."""
    return prompt.state is PromptState.OPEN and parts.clock.now() < prompt.offer.expires_at


def recall_told(recall: Recall, matches: Iterable[Match]) -> RecallTold:
    """One recall with what is to be looked at."""
    return RecallTold(
        id=recall.id,
        gtin=recall.gtin14,
        batch=recall.batch,
        until=recall.until,
        text=recall.text,
        source=recall.source,
        filed_by=recall.filed_by,
        filed_at=recall.filed_at,
        matches=tuple(
            RecallMatch(item=one.item.id, certainty=one.certainty, packs=one.packs, orders=one.orders)
            for one in matches
            if one.recall.id == recall.id
        ),
    )


def order_told(order: IntentRecord, *, wanted_back: frozenset[str], now: datetime) -> OrderTold:
    """One order."""
    problem = problem_of(order, now=now)
    open_now = problem if problem is not None and problem.waits else None
    shown = tracking(order)
    return OrderTold(
        id=order.id,
        prompt=order.prompt,
        item=order.item,
        state=order.state,
        merchant=order.merchant,
        quantity=order.quantity,
        total_minor=order.total_minor,
        charged_minor=order.charged_minor,
        currency=order.currency,
        created_at=order.created_at,
        changed_at=order.changed_at,
        merchant_order_id=order.merchant_order_id,
        detail=order.detail,
        handoff_url=_handoff_url(order),
        ordered_quantity=order.facts.ordered_quantity,
        delivered_quantity=order.facts.delivered_quantity,
        returned_quantity=order.facts.returned_quantity,
        refunded_minor=order.facts.refunded_minor,
        substitute_sku=order.facts.substitute_sku,
        expected_on=order.facts.expected_on,
        tracking_url=None if shown is None else shown[0],
        problem=None if open_now is None else open_now.kind,
        problem_until=None if open_now is None else open_now.until,
        withdrawn_for=order.withdrawn_for,
        cancel_wanted=order.id in wanted_back,
    )


def merchant_told(view: MerchantView) -> MerchantTold:
    """One merchant with its scorecard."""
    card = view.card
    return MerchantTold(
        merchant=view.merchant,
        merchant_class=view.merchant_class,
        is_list=view.is_list,
        currencies=view.currencies,
        products=dict(view.products),
        orders=card.orders,
        under_way=card.under_way,
        on_time=_share(card.on_time),
        late=LateTold(
            orders=len(card.days_late), overdue=card.overdue, median_d=card.late_median_d, worst_d=card.late_worst_d
        ),
        whole=_share(card.whole),
        price_held=_share(card.price_held),
        charges=ChargesTold(**{str(kind): card.charges.get(kind, 0) for kind in Charge}),
        substituted=card.substituted,
        sold_out=card.sold_out,
        cancelled=card.cancelled,
        never_arrived=card.never_arrived,
        returned=card.returned,
        refunded=card.refunded,
        lead_d=round(view.lead.mean_d, 2),
        lead_orders=view.lead.orders,
        kept_expected=round(card.kept.expected, 4),
        charged=float(card.charged),
    )


def _share(share: Share) -> ShareTold:
    low, high = share.interval or (None, None)
    return ShareTold(kept=share.kept, known=share.known, share=share.value, low=low, high=high)


def mandate_told(view: MandateView) -> MandateTold:
    """One mandate."""
    terms = view.record.terms
    return MandateTold(
        id=terms.id,
        state=view.record.state,
        items=tuple(entry.item for entry in terms.items),
        order_max_minor=terms.amount_range.max_minor,
        budget_minor=terms.budget.max_minor,
        left_minor=view.left_minor,
        currency=terms.budget.currency,
        frequency=str(terms.recurrence.frequency),
        first_day=terms.first_day,
        last_day=terms.execution_date.not_after,
        proposed_by=view.record.proposed_by,
    )


def _span(known: Range | None) -> Span | None:
    return None if known is None else Span(value=known.value, low=known.low, high=known.high)


def _lasts(early_d: float, middle_d: float, late_d: float) -> Lasts:
    return Lasts(early_d=early_d, middle_d=middle_d, late_d=late_d)


def _terms(offer: Offer) -> TermsTold:
    """The offer but for the name of the address, which stays inside."""
    told = {name: value for name, value in asdict(offer).items() if name in _TERMS}
    return TermsTold(**told | {"on_list": offer.is_listed})


def _leave(parts: WebParts, prompt: PromptRecord, *, name: str) -> LeaveTold:
    leave = leave_for(parts, prompt, name=name)
    return LeaveTold(
        may_approve=leave.refusal is None,
        refusal=leave.refusal,
        needs_pin=leave.needs_pin,
        needs_second=leave.needs_second,
        agreed=leave.agreed,
        others=leave.others,
    )


def _handoff_url(order: IntentRecord) -> str | None:
    """The merchant's page, where it is one that a browser may be sent to."""
    found = handoff(order)
    return None if found is None else found[0]
