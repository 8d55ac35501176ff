"""What a person says of an order: take it back, I looked, it came, it never came, mended, let be, wanted; its record.

The outcome is told as it is: a cancellation that came too late says so, one that the order service has not confirmed
is shown as asked for, and a word that may not have arrived there is told as not known.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.deciding.problem import Word
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import IntentId
from edge_agent.core.overview import CancelResult
from edge_agent.core.said import say
from edge_agent.errors import BridgeUnreachableError
from edge_agent.web.entries import Entries
from edge_agent.web.order_rows import CANCELLABLE
from edge_agent.web.pages import prompt
from edge_agent.web.pages.problem import Problem
from edge_agent.web.visit import Visit
from edge_agent.web.wording import INTENT_STATES

ORDER_NUMBER_MAX = 255

_NO_ANSWER = Problem(
    503,
    say("The order service did not answer"),
    say("Whether your word reached it is not known. Nothing is ordered twice because of it."),
    say("Look at the order again in a minute: it shows what is known. If nothing has changed by then, say it again."),
)


async def cancel(visit: Visit) -> Response:
    """Take an approval back while the order is held."""
    order = _order(visit)
    try:
        result = await visit.site.parts.answers.cancel(order.id, by=visit.person.account)
    except BridgeUnreachableError:
        return _back_to(order)  # the wish is kept and asked again, as the order's page says
    if result.cancelled or result.state in CANCELLABLE:
        return _back_to(order)
    return _told(visit, _too_late(result), order=order)


async def settle(visit: Visit) -> Response:
    """The person looked at the merchant: the order is there, or it is not."""
    order = _order(visit)
    found = {"there": True, "not_there": False}.get(visit.form.get("found", ""))
    if found is None:
        return _not_taken(visit, order, whole=say("Say whether it is there or not. Nothing was changed."))
    entries = Entries(visit.form)
    number = _order_number(visit, entries) if found else None
    if entries.errors:
        return _not_taken(visit, order, number=entries.errors["merchant_order_id"])
    try:
        await visit.site.parts.answers.settle(order.id, found=found, merchant_order_id=number, by=visit.person.account)
    except BridgeUnreachableError:
        return _told(visit, _NO_ANSWER, order=order)
    return _back_to(order)


async def arrived(visit: Visit) -> Response:
    """The goods are here."""
    order = _order(visit)
    visit.site.parts.answers.arrived(order.id, by=visit.person.account)
    return _back_to(order)


async def never_came(visit: Visit) -> Response:
    """The goods did not come."""
    order = _order(visit)
    visit.site.parts.answers.never_came(order.id, by=visit.person.account)
    return _back_to(order)


async def see_to(visit: Visit) -> Response:
    """What was in the way of the order is mended, or let be."""
    order = _order(visit)
    word = {each.value: each for each in Word}.get(visit.form.get("word", ""))
    if word is None:
        raise HTTPException(400)
    visit.site.parts.answers.see_to(order.id, word=word, by=visit.person.account)
    return _back_to(order)


async def want(visit: Visit) -> Response:
    """The order came to nothing and is wanted after all: on to the new question, on terms of now."""
    asked = visit.site.parts.after_all.want(_order(visit).id, by=visit.person.account)
    return RedirectResponse(f"/prompts/{asked.id}", status_code=303)


async def record(visit: Visit) -> Response:
    """All that is kept of the order, signed by the household, for whoever is to check it."""
    order = _order(visit)
    document = await visit.site.parts.records.of(order.id)
    if document is None:
        raise HTTPException(404)
    named = {
        "Content-Disposition": f'attachment; filename="restock-order-{order.id}.json"',
        "Cache-Control": "no-store",
    }
    return Response(document, media_type="application/json", headers=named)


def _order(visit: Visit) -> IntentRecord:
    order = visit.site.parts.overview.intent(IntentId(visit.path_id("intent")))
    if order is None:
        raise HTTPException(404)
    return order


def _order_number(visit: Visit, entries: Entries) -> str | None:
    """The merchant's number, where the person has one; `entries` holds why it cannot be taken."""
    if not visit.form.get("merchant_order_id", "").strip():
        return None
    return entries.text("merchant_order_id", length_max=ORDER_NUMBER_MAX, wanted=say("The order number"))


def _not_taken(visit: Visit, order: IntentRecord, **wrong: str) -> Response:
    """The order's page again, with what is wrong beside its field and what was typed."""
    asked = visit.site.parts.overview.prompt(order.prompt)
    if asked is None:
        raise HTTPException(400)
    typed = visit.form.get("merchant_order_id", "")
    return prompt.page(visit, asked, status=422, said_wrong={"order": order.id, "typed": typed, **wrong})


def _too_late(result: CancelResult) -> Problem:
    name, meaning, _ = INTENT_STATES[result.state]
    return Problem(
        409,
        say("Too late to cancel"),
        say("The order was not cancelled. It stands at “{state}”: {meaning}", state=name, meaning=meaning),
        say("If the merchant lets you, cancel it or send it back there. Wait first if it is being checked."),
    )


def _told(visit: Visit, problem: Problem, *, order: IntentRecord) -> Response:
    back = (f"/prompts/{order.prompt}", say("Back to the order"))
    return visit.page("problem.html", status=problem.status, problem=problem, back=back)


def _back_to(order: IntentRecord) -> Response:
    return RedirectResponse(f"/prompts/{order.prompt}", status_code=303)
