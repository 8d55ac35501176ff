"""One question: the binding terms, then the answers, then what became of it.

The terms on the page are the fields of the offer whose hash is in the form, and nothing else; an approval of any other
hash is stale. Whoever has a PIN gives it with the approval: without the right one nothing is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core import intent
from edge_agent.core.messages import ItemId, Price, PromptId
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import LIVE, DeclineReason, PromptRecord, PromptState, quiet_after_decline
from edge_agent.web.leave import Leave, leave_for
from edge_agent.web.moments import Moments, count, span
from edge_agent.web.order_rows import OrderRow, row
from edge_agent.web.outlook import chance_empty_by
from edge_agent.web.visit import Visit
from edge_agent.web.wording import DECLINE_REASONS, PROMPT_STATES

SNOOZE_HOURS = (6, 24, 48)
_EARLIER_PRICES = 3


@dataclass(frozen=True, slots=True)
class Earlier:
    """The unit prices before this offer, newest first, and how the offer compares."""

    prices: tuple[Price, ...]
    verdict: str


async def show(visit: Visit) -> Response:
    """The question with its terms, or what became of it."""
    prompt = visit.site.parts.overview.prompt(PromptId(visit.path_id("prompt")))
    if prompt is None:
        raise HTTPException(404)
    return _page(visit, prompt, pin_error=None)


def _page(visit: Visit, prompt: PromptRecord, *, pin_error: str | None) -> Response:
    overview, moments = visit.site.parts.overview, visit.site.moments
    known = overview.item(ItemId(prompt.item))
    order = _order(prompt, visit)
    can_answer = _can_answer(visit, prompt)
    return visit.page(
        "prompt.html",
        status=200 if pin_error is None else 403,
        prompt=prompt,
        offer=prompt.offer,
        item_name=known.item.name if known else prompt.item,
        item=known.item if known else None,
        has_bundle=visit.site.parts.decisions.bundle_of(prompt.id) is not None,
        state=PROMPT_STATES[prompt.state],
        is_live=prompt.state in LIVE,
        can_answer=can_answer,
        leave=leave_for(visit.site.parts, prompt, name=visit.person.account) if can_answer else Leave(None),
        pin_error=pin_error,
        earlier=_earlier(prompt, known.prices if known else ()),
        waiting=_waiting(prompt, known, moments),
        hold=span(prompt.offer.hold_s) if prompt.offer.hold_s else None,
        snooze_hours=SNOOZE_HOURS,
        decline_reasons=_decline_reasons(),
        declined_for=DECLINE_REASONS[prompt.decline_reason] if prompt.decline_reason else None,
        order=order,
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
            return _page(visit, asked, pin_error=pin_error)
    visit.site.parts.answers.approve(
        prompt, terms_hash=visit.form.get("terms_hash", ""), by=visit.person.account, pin_checked=needs_pin
    )
    return _back_to(prompt)


async def snooze(visit: Visit) -> Response:
    """Ask again later."""
    prompt = PromptId(visit.path_id("prompt"))
    hours = {str(hours): hours for hours in SNOOZE_HOURS}.get(visit.form.get("hours", ""))
    if hours is None:
        raise HTTPException(400)
    visit.site.parts.answers.snooze(prompt, hours=hours, by=visit.person.account)
    return _back_to(prompt)


async def decline(visit: Visit) -> Response:
    """Do not buy, for a reason."""
    prompt = PromptId(visit.path_id("prompt"))
    reason = {str(reason): reason for reason in DeclineReason}.get(visit.form.get("reason", ""))
    if reason is None:
        raise HTTPException(400)
    visit.site.parts.answers.decline(prompt, reason=reason, by=visit.person.account)
    return _back_to(prompt)


def _can_answer(visit: Visit, prompt: PromptRecord) -> bool:
    return prompt.state is PromptState.OPEN and visit.site.moments.now() < prompt.offer.expires_at


def _back_to(prompt: PromptId) -> Response:
    return RedirectResponse(f"/prompts/{prompt}", status_code=303)


def _order(prompt: PromptRecord, visit: Visit) -> OrderRow | None:
    overview = visit.site.parts.overview
    intent = overview.intent_of(prompt.id)
    return row(intent, overview) if intent is not None else None


def _earlier(prompt: PromptRecord, prices: tuple[Price, ...]) -> Earlier:
    """The last prices of the same product before the one that the offer was made from."""
    offer = prompt.offer
    before = [
        price
        for price in prices
        if price.available
        and (price.merchant, price.sku) == (offer.merchant, offer.sku)
        and price.currency == offer.currency
        and price.fetched_at <= prompt.created_at
    ]
    if before and before[0].unit_price_minor == offer.unit_price_minor:
        before = before[1:]
    last = tuple(before[:_EARLIER_PRICES])
    return Earlier(last, _verdict(offer.unit_price_minor, [price.unit_price_minor for price in last]))


def _verdict(price_minor: int, before_minor: list[int]) -> str:
    if not before_minor:
        return "no earlier prices are known"
    usual = sum(before_minor) / len(before_minor)
    off = round(100 * (price_minor - usual) / usual) if usual else 0
    if off == 0:
        return "the same as lately"
    return f"{abs(off)} % {'more' if off > 0 else 'less'} than lately"


def _waiting(prompt: PromptRecord, known: ItemOverview | None, moments: Moments) -> list[str]:
    """What happens if nobody answers."""
    ends = prompt.offer.expires_at
    lines = [f"Nothing is ordered without your answer. The offer ends {moments.time(ends)}."]
    forecast = known.forecast if known else None
    if forecast is not None and known is not None and forecast.days_to_empty:
        lead_d = max(1, (prompt.offer.deliver_by - moments.day_of(prompt.created_at)).days)
        arrives = ends + timedelta(days=lead_d)
        chance = chance_empty_by(forecast, arrives)
        lines.append(f"If you wait until then, an order would come {moments.day(arrives)}.")
        lines.append(f"The chance that {known.item.name} has run out before that is {chance}.")
    return lines


def _decline_reasons() -> list[tuple[str, str, str]]:
    return [
        (reason.value, label, f"Not asked again for {count(quiet_after_decline(reason).days, 'day')}.")
        for reason, label in DECLINE_REASONS.items()
    ]
