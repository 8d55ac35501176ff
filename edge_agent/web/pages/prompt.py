"""One question: the binding terms, then the answers, then what became of it.

The terms on the page are the fields of the offer whose hash is in the form, and nothing else; an approval of any other
hash is stale. Whoever has a PIN gives it with the approval: without the right one nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core import intent
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prices.shrinking import SHRUNK
from edge_agent.core.prompt import LIVE, DeclineReason, PromptRecord, PromptState, quiet_after_decline
from edge_agent.core.said import Said, say, say_many
from edge_agent.errors import RefusedError, StaleTermsError
from edge_agent.web.asking.arrival import arrivals
from edge_agent.web.asking.price_check import of_question
from edge_agent.web.asking.receipts import if_unanswered, receipt_rows
from edge_agent.web.asking.seen_terms import carried, seen
from edge_agent.web.asking.unit_price import compared
from edge_agent.web.leave import Leave, leave_for
from edge_agent.web.moments import Moments, span
from edge_agent.web.order_rows import OrderRow, row
from edge_agent.web.outlook import chance_empty_by
from edge_agent.web.visit import Visit
from edge_agent.web.wording import DECLINE_REASONS, PROMPT_STATES

SNOOZE_HOURS = (6, 24, 48)
_NONE_WRONG: Mapping[str, str] = MappingProxyType({})


async def show(visit: Visit) -> Response:
    """The question with its terms, or what became of it."""
    prompt = visit.site.parts.overview.prompt(PromptId(visit.path_id("prompt")))
    if prompt is None:
        raise HTTPException(404)
    return page(visit, prompt)


def page(
    visit: Visit,
    prompt: PromptRecord,
    *,
    status: int = 200,
    wrong: Mapping[str, str] = _NONE_WRONG,
    said_wrong: Mapping[str, str] | None = None,
    too_late: Said | None = None,
) -> Response:
    """The question. Why an answer was not taken: `wrong` says it by field, `too_late` who was first.

    `said_wrong` is why a word about its order was not taken.
    """
    overview, moments = visit.site.parts.overview, visit.site.moments
    known = overview.item(ItemId(prompt.item))
    order = _order(prompt, visit)
    can_answer = _can_answer(visit, prompt)
    here_by = arrivals(visit).here_by(prompt.offer)
    return visit.page(
        "prompt.html",
        status=status,
        prompt=prompt,
        offer=prompt.offer,
        item_name=known.item.name if known else prompt.item,
        item=known.item if known else None,
        has_bundle=visit.site.parts.decisions.bundle_of(prompt.id) is not None,
        state=PROMPT_STATES[prompt.state],
        is_live=prompt.state in LIVE,
        can_answer=can_answer,
        leave=leave_for(visit.site.parts, prompt, name=visit.person.account) if can_answer else Leave(None),
        wrong=wrong,
        said_wrong=said_wrong,
        too_late=too_late,
        terms_seen=carried(prompt.offer),
        prices=compared(prompt, known.prices if known else ()),
        here_by=here_by if here_by > prompt.offer.deliver_by else None,
        price_check=of_question(prompt, known, name=moments.day),
        reasons=[reason for reason in prompt.reasons if reason.code != SHRUNK],
        waiting=_waiting(prompt, known, moments, here_by=here_by),
        hold=span(prompt.offer.hold_s) if prompt.offer.hold_s else None,
        snooze_hours=SNOOZE_HOURS,
        decline_reasons=_decline_reasons(),
        declined_for=DECLINE_REASONS[prompt.decline_reason] if prompt.decline_reason else None,
        order=order,
        may_want=order is not None and visit.site.parts.after_all.may_want(order.intent),
        redirections=visit.site.parts.road.redirections(prompt.id) if can_answer and visit.is_member else (),
        told=receipt_rows(visit, prompt.id),
        if_unanswered=if_unanswered(visit, prompt),
        bridge=overview.bridge(),
        refresh=prompt.state in LIVE or (order is not None and order.intent.state in intent.LIVE),
    )


async def approve(visit: Visit) -> Response:
    """Buy on the terms whose hash the form carries; the PIN, where one is asked for, is checked first."""
    prompt = PromptId(visit.path_id("prompt"))
    asked = visit.site.parts.overview.prompt(prompt)
    needs_pin = (
        asked is not None
        and _can_answer(visit, asked)
        and leave_for(visit.site.parts, asked, name=visit.person.account).needs_pin
    )
    if asked is not None and needs_pin:
        pin_error = await visit.wrong_pin()
        if pin_error is not None:
            return page(visit, asked, status=403, wrong={"pin": pin_error})
    terms_hash = visit.form.get("terms_hash", "")
    try:
        visit.site.parts.answers.approve(prompt, terms_hash=terms_hash, by=visit.person.account, pin_checked=needs_pin)
    except StaleTermsError as exc:
        stands = visit.site.parts.overview.prompt(prompt)
        if stands is None or stands.state is not PromptState.OPEN:
            return _too_late(visit, prompt, refusal=exc)
        return _stale(visit, stands, before=seen(visit.form.get("terms_seen", ""), by_hash=terms_hash))
    except RefusedError as exc:
        return _too_late(visit, prompt, refusal=exc)
    return _back_to(prompt)


def _stale(visit: Visit, prompt: PromptRecord, *, before: Offer | None) -> Response:
    """The terms of the page that the person came from, where it brought them along, beside those that stand."""
    known = visit.site.parts.overview.item(ItemId(prompt.item))
    return visit.page(
        "stale.html",
        status=409,
        prompt=prompt,
        item_name=known.item.name if known else prompt.item,
        before=before,
        now_stands=prompt.offer,
        hold_before=span(before.hold_s) if before is not None and before.hold_s else None,
        hold_now=span(prompt.offer.hold_s) if prompt.offer.hold_s else None,
    )


async def bring(visit: Visit) -> Response:
    """Have it brought elsewhere: on other terms, which still need an approval."""
    prompt = PromptId(visit.path_id("prompt"))
    try:
        visit.site.parts.road.bring(prompt, terms_hash=visit.form.get("terms_hash", ""), by=visit.person.account)
    except StaleTermsError as exc:
        stands = visit.site.parts.overview.prompt(prompt)
        if stands is None or stands.state is not PromptState.OPEN:
            return _too_late(visit, prompt, refusal=exc)
        return page(visit, stands, status=409, too_late=say("This is no longer offered. Nothing was changed."))
    except RefusedError as exc:
        return _too_late(visit, prompt, refusal=exc)
    return _back_to(prompt)


async def snooze(visit: Visit) -> Response:
    """Ask again later."""
    prompt = PromptId(visit.path_id("prompt"))
    hours = {str(hours): hours for hours in SNOOZE_HOURS}.get(visit.form.get("hours", ""))
    if hours is None:
        return _not_taken(visit, prompt, wrong={"hours": say("Choose one of these.")})
    try:
        visit.site.parts.answers.snooze(prompt, hours=hours, by=visit.person.account)
    except RefusedError as exc:
        return _too_late(visit, prompt, refusal=exc)
    return _back_to(prompt)


async def decline(visit: Visit) -> Response:
    """Do not buy, for a reason."""
    prompt = PromptId(visit.path_id("prompt"))
    reason = {str(reason): reason for reason in DeclineReason}.get(visit.form.get("reason", ""))
    if reason is None:
        return _not_taken(visit, prompt, wrong={"reason": say("Choose why; it decides when you are asked again.")})
    try:
        visit.site.parts.answers.decline(prompt, reason=reason, by=visit.person.account)
    except RefusedError as exc:
        return _too_late(visit, prompt, refusal=exc)
    return _back_to(prompt)


def _too_late(visit: Visit, prompt: PromptId, *, refusal: RefusedError) -> Response:
    """The question as it stands, where another answer came first.

    Raises: the refusal, where that is not why.
    """
    stands = visit.site.parts.overview.prompt(prompt)
    if stands is None or stands.state is PromptState.OPEN:
        raise refusal
    return page(visit, stands, status=409, too_late=_who_was_first(stands, reader=visit.person.account))


def _who_was_first(prompt: PromptRecord, *, reader: str) -> Said:
    first = prompt.answered_by
    if first == reader:
        return say("You have answered this already. This time nothing was changed.")
    if first is None or first.startswith("mandate:"):
        return say("This question is over. Your answer changed nothing.")
    if prompt.state is PromptState.SNOOZED:
        return say("{person} has put this question off. Your answer changed nothing.", person=first)
    return say("{person} was first: this is answered already. Your answer changed nothing.", person=first)


def _not_taken(visit: Visit, prompt: PromptId, *, wrong: Mapping[str, str]) -> Response:
    asked = visit.site.parts.overview.prompt(prompt)
    if asked is None:
        raise HTTPException(404)
    return page(visit, asked, status=422, wrong=wrong)


def _can_answer(visit: Visit, prompt: PromptRecord) -> bool:
    return prompt.state is PromptState.OPEN and visit.site.moments.now() < prompt.offer.expires_at


def _back_to(prompt: PromptId) -> Response:
    return RedirectResponse(f"/prompts/{prompt}", status_code=303)


def _order(prompt: PromptRecord, visit: Visit) -> OrderRow | None:
    overview = visit.site.parts.overview
    intent = overview.intent_of(prompt.id)
    return row(intent, overview, now=visit.site.parts.clock.now()) if intent is not None else None


def _waiting(prompt: PromptRecord, known: ItemOverview | None, moments: Moments, *, here_by: date) -> list[Said]:
    """What happens if nobody answers, beside what happens if it is ordered now: then it is here `here_by`."""
    offer, ends = prompt.offer, prompt.offer.expires_at
    if offer.is_listed:
        return [say("Nothing is put on the list without your answer. The offer ends {when}.", when=moments.time(ends))]
    lines = [say("Nothing is ordered without your answer. The offer ends {when}.", when=moments.time(ends))]
    if moments.is_over(prompt.order_by):
        overdue = say(
            "It should have been ordered by {day}; ordered now it may come after it runs out.",
            day=moments.day(prompt.order_by),
        )
        lines.insert(0, overdue)
    forecast = known.forecast if known else None
    if forecast is None or known is None or not forecast.days_to_empty:
        return lines
    lead = timedelta(days=max(1, (here_by - moments.today()).days))
    arrives = ends + lead
    return [
        *lines,
        say(
            "Ordered now, it is here by {day}. The chance that {item} runs out before that is {chance}.",
            day=moments.day(here_by),
            item=known.item.name,
            chance=chance_empty_by(forecast, moments.now() + lead),
        ),
        say(
            "If you wait until then, an order would come {day}. "
            "The chance that {item} has run out before that is {chance}.",
            day=moments.day(arrives),
            item=known.item.name,
            chance=chance_empty_by(forecast, arrives),
        ),
    ]


def _decline_reasons() -> list[tuple[str, str, Said]]:
    return [
        (reason.value, label, _quiet_for(quiet_after_decline(reason).days)) for reason, label in DECLINE_REASONS.items()
    ]


def _quiet_for(days: int) -> Said:
    return say_many("Not asked again for {number} day.", "Not asked again for {number} days.", days)
