"""Mandates: the list, one mandate with what it drew, and the words that change it.

Whoever runs the home may stop a mandate at once. An owner gives leave, and a second person where two are asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.leave.ap2 import as_ap2
from edge_agent.core.leave.draw import LedgerRow, LedgerState
from edge_agent.core.leave.mandate import LIVE, TRANSITIONS, MandateEvent, MandateState
from edge_agent.core.messages import IntentId, ItemId, MandateId
from edge_agent.core.overview import MandateView
from edge_agent.core.said import say
from edge_agent.web.leave import Leave, gives_pin, leave_to_confirm
from edge_agent.web.visit import Visit
from edge_agent.web.wording import FREQUENCIES, LEDGER_STATES, MANDATE_STATES


@dataclass(frozen=True, slots=True)
class MandateLine:
    """One item of a mandate in words: its products, the wanted one first."""

    item_name: str
    quantity_max: int
    products: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DrawLine:
    """The money of one order. `prompt` is the page of the order, where it is still kept, and `title` what it bought."""

    draw: LedgerRow
    state: str
    item_name: str
    prompt: str | None
    title: str | None
    instead_of: str | None


@dataclass(frozen=True, slots=True)
class MandateCard:
    """One mandate in words. `frequency` reads after "for": `a month`."""

    view: MandateView
    title: str
    state: str
    meaning: str
    tone: str
    lines: tuple[MandateLine, ...]
    frequency: str
    is_live: bool


async def show_all(visit: Visit) -> Response:
    """Every mandate, those that live first."""
    cards = [_card(visit, view) for view in visit.site.parts.mandates.all()]
    return visit.page(
        "mandates.html",
        live=[card for card in cards if card.is_live],
        over=[card for card in cards if not card.is_live],
        refresh=True,
    )


async def show(visit: Visit) -> Response:
    """One mandate."""
    return _page(visit, _view(visit), pin_error=None)


async def confirm(visit: Visit) -> Response:
    """Agree as the second person."""
    view = _view(visit)
    needs_pin = view.record.state is MandateState.PROPOSED and _leave(visit, view).needs_pin
    if needs_pin:
        pin_error = await visit.wrong_pin()
        if pin_error is not None:
            return _page(visit, view, pin_error=pin_error)
    visit.site.parts.mandates.confirm(view.record.id, by=visit.person.account, pin_checked=needs_pin)
    return _back_to(view)


async def decline(visit: Visit) -> Response:
    """Do not agree: it never begins."""
    view = _view(visit)
    visit.site.parts.mandates.decline(view.record.id, by=visit.person.account)
    return _back_to(view)


async def pause(visit: Visit) -> Response:
    """Nothing is drawn until it is resumed."""
    view = _view(visit)
    visit.site.parts.mandates.pause(view.record.id, by=visit.person.account)
    return _back_to(view)


async def resume(visit: Visit) -> Response:
    """It may draw again."""
    view, needs_pin = _view(visit), gives_pin(visit.site.parts, visit.person.account)
    if needs_pin:
        pin_error = await visit.wrong_pin()
        if pin_error is not None:
            return _page(visit, view, pin_error=pin_error)
    visit.site.parts.mandates.resume(view.record.id, by=visit.person.account, pin_checked=needs_pin)
    return _back_to(view)


async def revoke(visit: Visit) -> Response:
    """End it at once and for good."""
    view = _view(visit)
    visit.site.parts.mandates.revoke(view.record.id, by=visit.person.account)
    return _back_to(view)


def _view(visit: Visit) -> MandateView:
    view = visit.site.parts.mandates.mandate(MandateId(visit.path_id("mandate")))
    if view is None:
        raise HTTPException(404)
    return view


def _page(visit: Visit, view: MandateView, *, pin_error: str | None) -> Response:
    record = view.record
    proposed = record.state is MandateState.PROPOSED
    is_proposer = record.proposed_by == visit.person.account
    return visit.page(
        "mandate.html",
        status=200 if pin_error is None else 403,
        card=_card(visit, view),
        draws=[_draw(visit, draw) for draw in view.draws],
        may=frozenset(TRANSITIONS[record.state]) - ({MandateEvent.CONFIRM} if is_proposer else frozenset()),
        leave=_leave(visit, view) if proposed and not is_proposer else Leave(None),
        pin_error=pin_error,
        has_pin=gives_pin(visit.site.parts, visit.person.account),
        document=json.dumps(as_ap2(record.terms), indent=2, ensure_ascii=False),
    )


def _leave(visit: Visit, view: MandateView) -> Leave:
    return leave_to_confirm(visit.site.parts, view.record, name=visit.person.account)


def _card(visit: Visit, view: MandateView) -> MandateCard:
    terms = view.record.terms
    state, meaning, tone = MANDATE_STATES[view.record.state]
    lines = tuple(
        MandateLine(
            item_name=_item_name(visit, entry.item),
            quantity_max=entry.quantity_max,
            products=tuple(
                (_title(visit, entry.item, one.merchant, one.sku), one.merchant) for one in entry.acceptable
            ),
        )
        for entry in terms.items
    )
    return MandateCard(
        view=view,
        title=", ".join(line.item_name for line in lines),
        state=state,
        meaning=meaning,
        tone=tone,
        lines=lines,
        frequency=FREQUENCIES[terms.recurrence.frequency],
        is_live=view.record.state in LIVE,
    )


def _draw(visit: Visit, draw: LedgerRow) -> DrawLine:
    order = visit.site.parts.overview.intent(IntentId(draw.intent))
    asked = visit.site.parts.overview.prompt(order.prompt) if order else None
    return DrawLine(
        draw=draw,
        state=LEDGER_STATES[LedgerState(draw.state)],
        item_name=_item_name(visit, order.item) if order else say("an order"),
        prompt=order.prompt if order else None,
        title=asked.offer.title if asked else None,
        instead_of=asked.offer.instead_of if asked else None,
    )


def _item_name(visit: Visit, item: str) -> str:
    known = visit.site.parts.overview.item(ItemId(item))
    return known.item.name if known else item


def _title(visit: Visit, item: str, merchant: str, sku: str) -> str:
    """The product's title, where the household still keeps it; its article number otherwise."""
    known = visit.site.parts.overview.item(ItemId(item))
    products = known.item.products if known else ()
    return next((one.title for one in products if (one.merchant, one.sku) == (merchant, sku)), sku)


def _back_to(view: MandateView) -> Response:
    return RedirectResponse(f"/mandates/{view.record.id}", status_code=303)
