"""What programs may do for a person: the acts of the pages, through the same calls, with the same rules.

A PIN is asked for where the page asks for it, checked before anything else, and throttled with the page's.
"""

from __future__ import annotations

from pydantic import SecretStr
from starlette.responses import Response

from edge_agent.core import gs1
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.messages import IntentId, ItemId, MandateId, PromptId
from edge_agent.core.overview import MandateView
from edge_agent.core.recall import Notice
from edge_agent.errors import BridgeUnreachableError
from edge_agent.web.api.answers import Approved, Cancelled, Done, OrderTold
from edge_agent.web.api.bodies import (
    Approve,
    Decline,
    FileRecall,
    SeeTo,
    Settle,
    SettleRecall,
    Snooze,
    TellPresence,
    TellStock,
    WithPin,
)
from edge_agent.web.api.call import Call, told
from edge_agent.web.api.making import can_answer, mandate_told, order_told, prompt_told, recall_told
from edge_agent.web.api.problems import NOTHING_CHANGED, Refusal, unknown
from edge_agent.web.api.reads import found_prompt
from edge_agent.web.leave import gives_pin, leave_for, leave_to_confirm
from edge_agent.web.order_rows import CANCELLABLE
from edge_agent.web.proof import Proof, words


async def approve(call: Call) -> Response:
    """Buy on the terms whose hash the body carries; the PIN, where one is asked for, is checked first."""
    parts, body, by = call.site.parts, call.said(Approve), call.by.account
    asked = found_prompt(call)
    needs_pin = can_answer(parts, asked) and leave_for(parts, asked, name=by).needs_pin
    if needs_pin:
        await _check_pin(call, body.pin)
    order = parts.answers.approve(asked.id, terms_hash=body.terms_hash, by=by, pin_checked=needs_pin)
    if order is None:
        return told(Approved(outcome="waits_for_second", order=None))
    return told(Approved(outcome="ordered", order=_order_told(call, order)))


async def snooze(call: Call) -> Response:
    """Ask again later."""
    parts, by = call.site.parts, call.by.account
    after = parts.answers.snooze(found_prompt(call).id, hours=call.said(Snooze).hours, by=by)
    return told(prompt_told(parts, after, name=by))


async def decline(call: Call) -> Response:
    """Do not buy, for a reason."""
    parts, by = call.site.parts, call.by.account
    after = parts.answers.decline(PromptId(found_prompt(call).id), reason=call.said(Decline).reason, by=by)
    return told(prompt_told(parts, after, name=by))


async def cancel(call: Call) -> Response:
    """Take an approval back while the order is held; told as it is where it was too late."""
    order = _order(call)
    try:
        result = await call.site.parts.answers.cancel(order.id, by=call.by.account)
    except BridgeUnreachableError:
        return told(Cancelled(outcome="asked", state=order.state))  # the wish is kept and asked again
    if result.cancelled:
        return told(Cancelled(outcome="cancelled", state=result.state))
    return told(Cancelled(outcome="asked" if result.state in CANCELLABLE else "too_late", state=result.state))


async def settle(call: Call) -> Response:
    """The person looked at the merchant: the order is there, or it is not."""
    order, body = _order(call), call.said(Settle)
    try:
        after = await call.site.parts.answers.settle(
            order.id, found=body.found, merchant_order_id=body.merchant_order_id, by=call.by.account
        )
    except BridgeUnreachableError as exc:
        raise Refusal(
            503,
            "no_answer",
            title="The order service did not answer",
            what="Whether the word reached it is not known. Nothing is ordered twice because of it.",
            what_to_do="Read the order in a minute. If nothing has changed by then, say it again.",
        ) from exc
    return told(_order_told(call, after))


async def arrived(call: Call) -> Response:
    """The goods are here."""
    return told(_order_told(call, call.site.parts.answers.arrived(_order(call).id, by=call.by.account)))


async def never_came(call: Call) -> Response:
    """The goods did not come."""
    return told(_order_told(call, call.site.parts.answers.never_came(_order(call).id, by=call.by.account)))


async def see_to(call: Call) -> Response:
    """What was in the way of the order is mended, or let be."""
    order, body = _order(call), call.said(SeeTo)
    return told(_order_told(call, call.site.parts.answers.see_to(order.id, word=body.word, by=call.by.account)))


async def want(call: Call) -> Response:
    """The order came to nothing and is wanted after all: the new question, to be answered as any other."""
    parts, by = call.site.parts, call.by.account
    return told(prompt_told(parts, parts.after_all.want(_order(call).id, by=by), name=by))


async def confirm_mandate(call: Call) -> Response:
    """Agree as the second person."""
    view, parts = _mandate(call), call.site.parts
    proposed = view.record.state is MandateState.PROPOSED
    needs_pin = proposed and leave_to_confirm(parts, view.record, name=call.by.account).needs_pin
    if needs_pin:
        await _check_pin(call, call.said(WithPin).pin)
    call.site.parts.mandates.confirm(view.record.id, by=call.by.account, pin_checked=needs_pin)
    return told(mandate_told(_mandate(call)))


async def decline_mandate(call: Call) -> Response:
    """Do not agree: it never begins."""
    call.site.parts.mandates.decline(_mandate(call).record.id, by=call.by.account)
    return told(mandate_told(_mandate(call)))


async def pause_mandate(call: Call) -> Response:
    """Nothing is drawn until it is resumed."""
    call.site.parts.mandates.pause(_mandate(call).record.id, by=call.by.account)
    return told(mandate_told(_mandate(call)))


async def resume_mandate(call: Call) -> Response:
    """It may draw again."""
    view, needs_pin = _mandate(call), gives_pin(call.site.parts, call.by.account)
    if needs_pin:
        await _check_pin(call, call.said(WithPin).pin)
    call.site.parts.mandates.resume(view.record.id, by=call.by.account, pin_checked=needs_pin)
    return told(mandate_told(_mandate(call)))


async def revoke_mandate(call: Call) -> Response:
    """End it at once and for good."""
    call.site.parts.mandates.revoke(_mandate(call).record.id, by=call.by.account)
    return told(mandate_told(_mandate(call)))


async def tell_stock(call: Call) -> Response:
    """What a person says of a stock."""
    ident, body = ItemId(call.path_id("item")), call.said(TellStock)
    if call.site.parts.overview.item(ident) is None:
        raise unknown("item")
    label = None if body.code is None else gs1.label(gs1.read(body.code))
    call.site.parts.stock.tell(ident, what=body.what, packs=body.packs or 0.0, by=call.by.account, label=label)
    return told(Done())


async def file_recall(call: Call) -> Response:
    """Keep a notice; one that was filed before is told as it was."""
    body, kept = call.said(FileRecall), call.site.parts.recalls
    notice = Notice(gtin=body.gtin, batch=body.batch, until=body.until, text=body.text, source=body.source)
    recall = kept.file(notice, by=call.by.account)
    return told(recall_told(recall, kept.matches()))


async def settle_recall(call: Call) -> Response:
    """What was done about a recall with one item."""
    body, recall = call.said(SettleRecall), call.path_id("recall")
    call.site.parts.recalls.settle(recall, ItemId(body.item), what=body.what, packs=body.packs, by=call.by.account)
    return told(Done())


async def tell_presence(call: Call) -> Response:
    """Who is at home."""
    body = call.said(TellPresence)
    call.site.parts.decisions.tell(body.said, last=body.last)
    return told(Done())


async def _check_pin(call: Call, given: SecretStr | None) -> None:
    """The person's PIN, and that the token still holds once it was checked, which takes a while.

    Raises: Refusal 403 or 429, or 401 when the token ended meanwhile.
    """
    typed = given.get_secret_value() if given is not None else ""
    proof = await call.site.proofs.pin(call.by.account, typed)
    if not call.by.still_holds():
        raise Refusal(
            401,
            "token_ended",
            title="The token has ended",
            what=f"The token ended while the PIN was checked. {NOTHING_CHANGED}",
            what_to_do="Ask the owner of this home for another one.",
        )
    if proof is Proof.RIGHT:
        return
    status, code = {Proof.LOCKED: (429, "too_many_wrong_pins"), Proof.MISSING: (403, "pin_needed")}.get(
        proof, (403, "pin_wrong")
    )
    what_to_do = "Wait 15 minutes." if proof is Proof.LOCKED else "Send the person's PIN in the field `pin`."
    raise Refusal(status, code, title="The PIN is needed", what=words(proof, what="PIN"), what_to_do=what_to_do)


def _order(call: Call) -> IntentRecord:
    order = call.site.parts.overview.intent(IntentId(call.path_id("order")))
    if order is None:
        raise unknown("order")
    return order


def _order_told(call: Call, order: IntentRecord) -> OrderTold:
    parts = call.site.parts
    return order_told(order, wanted_back=parts.overview.wanted_back(), now=parts.clock.now())


def _mandate(call: Call) -> MandateView:
    view = call.site.parts.mandates.mandate(MandateId(call.path_id("mandate")))
    if view is None:
        raise unknown("mandate")
    return view
