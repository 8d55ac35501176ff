"""What programs may read. Nothing here changes anything."""

from __future__ import annotations

from starlette.responses import Response

from edge_agent.core.api_token import Scope
from edge_agent.core.messages import IntentId, ItemId, MandateId, PromptId, Propose
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.web.api.answers import (
    Devices,
    DeviceTold,
    Health,
    Items,
    Mandates,
    Me,
    Merchants,
    Orders,
    Prompts,
    Recalls,
    Sent,
    Sentence,
    SentRow,
    Shadow,
    Why,
)
from edge_agent.web.api.call import Call, told
from edge_agent.web.api.making import (
    decision_word,
    item_told,
    mandate_told,
    merchant_told,
    order_told,
    prompt_told,
    recall_told,
    sentences,
)
from edge_agent.web.api.problems import Refusal, unknown
from edge_agent.web.api.streams import EventStream
from edge_agent.web.merchants.views import merchant_views

ORDERS_MAX = 200
SENT_MAX = 200
_DIGITS_MAX = 15


async def me(call: Call) -> Response:
    """For whom this token acts."""
    parts, caller = call.site.parts, call.by
    token = next((one for one in parts.tokens.all() if one.id == caller.token), None)
    if token is None:
        raise unknown("token")
    scopes = tuple(scope for scope in Scope if scope in token.scopes)
    return told(
        Me(account=caller.account, role=caller.role, token=token.label, scopes=scopes, expires_at=token.expires_at)
    )


async def items(call: Call) -> Response:
    """Every item."""
    parts = call.site.parts
    now = parts.clock.now()
    return told(Items(items=tuple(item_told(known, now=now) for known in parts.overview.items())))


async def item(call: Call) -> Response:
    """One item."""
    return told(item_told(_item(call), now=call.site.parts.clock.now()))


async def why(call: Call) -> Response:
    """Why the hub does with an item what it does."""
    parts, known = call.site.parts, _item(call)
    ident, decision = ItemId(known.item.id), known.decision
    shadow = parts.decisions.shadow(ident) if known.item.mode == "shadow" else None
    proposed = decision if isinstance(decision, Propose) else None
    return told(
        Why(
            item=item_told(known, now=parts.clock.now()),
            decision=decision_word(decision),
            packs=proposed.packs if proposed else None,
            order_by=proposed.order_by if proposed else None,
            reasons=sentences(decision.reasons if decision else ()),
            doubts=sentences(known.estimate.doubts if known.estimate else ()),
            advice=sentences(parts.decisions.advice(ident)),
            shadow=None
            if shadow is None
            else Shadow(
                since=shadow.since,
                orders=shadow.orders,
                packs=shadow.packs,
                total_minor=shadow.total_minor,
                currency=shadow.currency,
            ),
        )
    )


async def decision(call: Call) -> Response:
    """What the newest decision about an item rests on, redacted, to be made again elsewhere."""
    bundle = call.site.parts.decisions.bundle(ItemId(_item(call).item.id))
    if bundle is None:
        raise unknown("decision")
    return Response(bundle, media_type="application/json")


async def prompts(call: Call) -> Response:
    """The questions that are open or put off."""
    parts = call.site.parts
    live = [known.prompt for known in parts.overview.items() if known.prompt is not None]
    live.sort(key=lambda one: (one.state is PromptState.SNOOZED, one.order_by))
    return told(Prompts(prompts=tuple(prompt_told(parts, one, name=call.by.account) for one in live)))


async def prompt(call: Call) -> Response:
    """One question, whatever its state."""
    return told(prompt_told(call.site.parts, found_prompt(call), name=call.by.account))


async def orders(call: Call) -> Response:
    """Orders, newest first."""
    overview = call.site.parts.overview
    wanted_back = overview.wanted_back()
    found = overview.intents(limit=ORDERS_MAX)
    now = call.site.parts.clock.now()
    return told(Orders(orders=tuple(order_told(one, wanted_back=wanted_back, now=now) for one in found)))


async def order(call: Call) -> Response:
    """One order, whatever its state."""
    overview = call.site.parts.overview
    found = overview.intent(IntentId(call.path_id("order")))
    if found is None:
        raise unknown("order")
    return told(order_told(found, wanted_back=overview.wanted_back(), now=call.site.parts.clock.now()))


async def order_record(call: Call) -> Response:
    """All that is kept of an order, signed by the household."""
    record = await call.site.parts.records.of(IntentId(call.path_id("order")))
    if record is None:
        raise unknown("order")
    return Response(record, media_type="application/json")


async def merchants(call: Call) -> Response:
    """Every merchant, and how it keeps its word."""
    views = merchant_views(call.site.parts, call.site.moments)
    return told(Merchants(merchants=tuple(merchant_told(view) for view in views)))


async def mandates(call: Call) -> Response:
    """Every mandate."""
    return told(Mandates(mandates=tuple(mandate_told(view) for view in call.site.parts.mandates.all())))


async def mandate(call: Call) -> Response:
    """One mandate."""
    view = call.site.parts.mandates.mandate(MandateId(call.path_id("mandate")))
    if view is None:
        raise unknown("mandate")
    return told(mandate_told(view))


async def recalls(call: Call) -> Response:
    """What was called back, and what of it may be here."""
    kept = call.site.parts.recalls
    found = kept.matches()
    return told(Recalls(recalls=tuple(recall_told(each, found) for each in kept.all())))


async def devices(call: Call) -> Response:
    """Every device, and how much was kept apart."""
    overview = call.site.parts.overview
    listed = tuple(
        DeviceTold(
            device=one.device, profile=one.profile, firmware=one.firmware, online=one.online, seen_at=one.seen_at
        )
        for one in overview.devices()
    )
    counts = {str(reason): count for reason, count in overview.quarantine_counts().items()}
    return told(Devices(devices=listed, kept_apart=counts))


async def sent(call: Call) -> Response:
    """What left the home: the newest, or those before the one that `before` names."""
    before = call.request.query_params.get("before")
    if before is not None and not (before.isascii() and before.isdecimal() and len(before) <= _DIGITS_MAX):
        raise Refusal(
            400, "bad_request", title="Cannot be read", what="before is no number.", what_to_do="Send `older` as it is."
        )
    found = call.site.parts.ledger.rows(limit=SENT_MAX, before_id=None if before is None else int(before))
    rows = tuple(
        SentRow(
            id=row.id,
            at=row.at,
            purpose=row.purpose,
            recipient=row.recipient,
            method=row.method,
            path=row.path,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
        )
        for row in found
    )
    return told(Sent(rows=rows, older=rows[-1].id if len(rows) == SENT_MAX else None))


async def events(call: Call) -> Response:
    """A stream that says that something may have changed."""
    caller = call.by
    call.streams.check_room(caller.credential)
    return EventStream(call.streams, credential=caller.credential, still_holds=caller.still_holds)


async def health(call: Call) -> Response:
    """Whether all is well, and if not, what is wrong."""
    return told(health_of(call))


def health_of(call: Call) -> Health:
    """What stands against sending, storing and reaching the bridge."""
    parts = call.site.parts
    bridge, stops = parts.overview.bridge(), parts.safety.problems()
    problems = [Sentence(code=str(problem.code), text=problem.text) for problem in stops]
    for code, text in (("household_file", parts.overview.file_problem()), ("no_room", parts.no_room())):
        if text is not None:
            problems.append(Sentence(code=code, text=text))
    return Health(
        status="ok" if bridge.reachable and not problems else "trouble",
        sends=not stops,
        bridge_reachable=bridge.reachable,
        waiting_since=bridge.waiting_since,
        problems=tuple(problems),
    )


def found_prompt(call: Call) -> PromptRecord:
    """The prompt that the address names.

    Raises: Refusal 404.
    """
    found = call.site.parts.overview.prompt(PromptId(call.path_id("prompt")))
    if found is None:
        raise unknown("prompt")
    return found


def _item(call: Call) -> ItemOverview:
    known = call.site.parts.overview.item(ItemId(call.path_id("item")))
    if known is None:
        raise unknown("item")
    return known
