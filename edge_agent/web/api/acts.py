"""Every act of the API with its rule, its scope, its models: what is not in this table does not exist.

The document is made of the same table, and a test holds the two and the router together. What decides who may do what
(people, roles, limits, new mandates, passwords, tokens, and the answers to a stop of the sends) stays on the pages,
where an owner's password is asked for.
"""

from __future__ import annotations

from functools import cache

from starlette.responses import Response

from edge_agent.core.api_token import Scope
from edge_agent.web.api import answers, bodies, changing, metrics, reads
from edge_agent.web.api.call import PREFIX, Act, Body, Call, Handler, Told
from edge_agent.web.api.document import document
from edge_agent.web.api.streams import MEDIA as EVENTS
from edge_agent.web.rules import Rule
from edge_agent.web.sign_in import SESSION_COOKIE

_R, _W = Scope.READ, Scope.ANSWER
_ANY, _MEMBER = Rule.SIGNED_IN, Rule.MEMBER


async def show_document(call: Call) -> Response:
    """The OpenAPI document."""
    session_cookie = call.site.sign_in.cookies.name(SESSION_COOKIE)
    return Response(_document(session_cookie), media_type="application/json")


@cache
def _document(session_cookie: str) -> bytes:
    return document(ACTS, session_cookie=session_cookie)


def _read(path: str, handler: Handler, summary: str, answer: type[Told], rule: Rule = _ANY) -> Act:
    return Act("GET", PREFIX + path, rule, _R, handler, summary, answer=answer)


def _do(
    path: str,
    handler: Handler,
    summary: str,
    answer: type[Told],
    *,
    body: type[Body] = bodies.Nothing,
    rule: Rule = _MEMBER,
) -> Act:
    return Act("POST", PREFIX + path, rule, _W, handler, summary, body=body, answer=answer)


ACTS: tuple[Act, ...] = (
    Act("GET", f"{PREFIX}/openapi.json", _ANY, _R, show_document, "This document"),
    _read("/me", reads.me, "For whom this token acts, and what it may do", answers.Me),
    _read("/items", reads.items, "Every item, what is left, and how long it lasts", answers.Items),
    _read("/items/{item}", reads.item, "One item", answers.ItemTold),
    _read("/items/{item}/why", reads.why, "Why the hub does with an item what it does", answers.Why),
    Act(
        "GET",
        f"{PREFIX}/items/{{item}}/decision",
        _MEMBER,
        _R,
        reads.decision,
        "What the newest decision rests on, redacted, for `restock-hub replay`",
    ),
    _do("/items/{item}/stock", changing.tell_stock, "Say what is there", answers.Done, body=bodies.TellStock),
    _do("/presence", changing.tell_presence, "Say who is at home", answers.Done, body=bodies.TellPresence),
    _read("/prompts", reads.prompts, "The questions that are open or put off", answers.Prompts),
    _read("/prompts/{prompt}", reads.prompt, "One question with its binding terms", answers.PromptTold),
    _do(
        "/prompts/{prompt}/approve",
        changing.approve,
        "Buy on exactly the terms with this hash",
        answers.Approved,
        body=bodies.Approve,
        rule=_ANY,
    ),
    _do("/prompts/{prompt}/snooze", changing.snooze, "Ask again later", answers.PromptTold, body=bodies.Snooze),
    _do(
        "/prompts/{prompt}/decline",
        changing.decline,
        "Do not buy, and say why",
        answers.PromptTold,
        body=bodies.Decline,
    ),
    _read("/orders", reads.orders, "Orders, newest first", answers.Orders),
    _read("/orders/{order}", reads.order, "One order", answers.OrderTold),
    Act(
        "GET",
        f"{PREFIX}/orders/{{order}}/record",
        _MEMBER,
        _R,
        reads.order_record,
        "All that is kept of an order, signed by the household, for `restock-hub check-record`",
    ),
    _do("/orders/{order}/cancel", changing.cancel, "Take an approval back while it is held", answers.Cancelled),
    _do("/orders/{order}/settle", changing.settle, "Say what the merchant has", answers.OrderTold, body=bodies.Settle),
    _do("/orders/{order}/arrived", changing.arrived, "The goods are here", answers.OrderTold),
    _do("/orders/{order}/never-came", changing.never_came, "The goods did not come", answers.OrderTold),
    _do("/orders/{order}/see-to", changing.see_to, "It is mended, or let be", answers.OrderTold, body=bodies.SeeTo),
    _do("/orders/{order}/want", changing.want, "Ask anew about what came to nothing", answers.PromptTold),
    _read("/merchants", reads.merchants, "Every merchant, and how it keeps its word", answers.Merchants),
    _read("/mandates", reads.mandates, "Standing leave to buy", answers.Mandates, _MEMBER),
    _read("/mandates/{mandate}", reads.mandate, "One mandate", answers.MandateTold, _MEMBER),
    _do(
        "/mandates/{mandate}/confirm",
        changing.confirm_mandate,
        "Agree as the second person",
        answers.MandateTold,
        body=bodies.WithPin,
    ),
    _do("/mandates/{mandate}/decline", changing.decline_mandate, "Do not agree", answers.MandateTold),
    _do("/mandates/{mandate}/pause", changing.pause_mandate, "Draw nothing for now", answers.MandateTold),
    _do(
        "/mandates/{mandate}/resume",
        changing.resume_mandate,
        "Let it draw again",
        answers.MandateTold,
        body=bodies.WithPin,
        rule=Rule.OWNER,
    ),
    _do("/mandates/{mandate}/revoke", changing.revoke_mandate, "End it for good", answers.MandateTold),
    _read("/recalls", reads.recalls, "What was called back, and what of it may be here", answers.Recalls, _MEMBER),
    _do("/recalls", changing.file_recall, "File a recall", answers.RecallTold, body=bodies.FileRecall, rule=Rule.OWNER),
    _do(
        "/recalls/{recall}/done",
        changing.settle_recall,
        "Say what was done about it",
        answers.Done,
        body=bodies.SettleRecall,
    ),
    _read("/devices", reads.devices, "Every device", answers.Devices),
    _read("/sent", reads.sent, "What left the home, newest first", answers.Sent, _MEMBER),
    Act(
        "GET",
        f"{PREFIX}/events",
        _ANY,
        _R,
        reads.events,
        "Server-sent events: `changed` says to read again, `end` that the token has ended",
        media=EVENTS,
        takes_cookie=True,
    ),
    Act("GET", "/health", _ANY, _R, reads.health, "Whether all is well", answer=answers.Health, answers_locally=True),
    Act("GET", "/metrics", _ANY, _R, metrics.show, "Figures", media="text/plain", answers_locally=True),
)
