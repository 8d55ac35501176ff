"""Home: what needs you now, then what arrives when, then what is in stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from starlette.responses import Response

from edge_agent.core.catalogue import Item
from edge_agent.core.deciding.problem import Word
from edge_agent.core.intent import LIVE
from edge_agent.core.messages import Alert, Range, Reason
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import PromptState
from edge_agent.core.said import say
from edge_agent.web.asking.agenda import agenda
from edge_agent.web.asking.arrival import arrivals
from edge_agent.web.asking.asked import Question, cut, deliveries, question
from edge_agent.web.charts import AmountBar, amount_bar
from edge_agent.web.moments import Moments, days_range
from edge_agent.web.order_rows import OrderRow, rows
from edge_agent.web.outlook import outlook
from edge_agent.web.pages.recalls import match_rows
from edge_agent.web.visit import Visit
from edge_agent.web.wording import MODES, amounts, trust
from edge_agent.web.wording import amount as amount_words

_ORDERS_MAX = 50
_CARDS_MAX = 30  # of all kinds; further items stand in one line each: a page of 200 cards is 150 kB
_QUESTIONS_MAX = 10  # as cards; more than that in one line each, and beyond the lines only counted
_QUESTION_LINES_MAX = 12
_ARRIVALS_MAX = 12
_ALERTS_MAX = 20  # where everything is silent, one cause is behind most of them
_ABOUT_SENSOR = frozenset({"stock_unknown", "stock_stale", "binding_refused"})

_NEXT_STEPS: Mapping[str, str] = {
    "no_price": say(
        "Nothing is asked or ordered without a price. It may come by itself within a day; if not, the shop or the "
        "article number of the product may be wrong."
    ),
    "unavailable": say(
        "You are asked as soon as it can be had. Until then buy it elsewhere and say so on its page, or let the item "
        "have a substitute."
    ),
}


@dataclass(frozen=True, slots=True)
class AlertRow:
    """Something a person must look at. `about_sensor`: where devices are listed. `names_item`: the text does so.

    `next_step` is what to do about it, where the item's page alone does not say so.
    """

    item: Item
    text: str
    about_sensor: bool
    names_item: bool
    next_step: str | None


@dataclass(frozen=True, slots=True)
class ItemCard:
    """One item: what is left, how long it lasts, how sure that is. `trust` is in the sensor, or in people's count."""

    item: Item
    left: str | None
    between: str
    room: str
    bar: AmountBar
    lasts: str | None
    trust: str | None
    is_told_by_hand: bool
    mode: str
    note: str | None


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item of many, in one line."""

    item: Item
    lasts: str | None
    note: str | None


async def show(visit: Visit) -> Response:
    """The first page after signing in."""
    return page(visit)


def page(visit: Visit, *, typed: Mapping[str, str] | None = None, presence_error: str | None = None) -> Response:
    """Home; with what was typed about who is at home, and why it was not taken."""
    overview, today = visit.site.parts.overview, visit.site.moments.today()
    items = overview.items()
    asked = deliveries(_questions(items, visit.site.moments))
    alerts = _alerts(items)
    every = rows(overview.intents(limit=_ORDERS_MAX), overview, now=visit.site.parts.clock.now())
    orders = [order for order in every if order.intent.state in LIVE]
    to_check = [order for order in every if _is_to_check(order)]
    open_now = any(each.prompt.state is PromptState.OPEN for delivery in asked for each in delivery.questions)
    shown, lines = cut(asked, cards_max=_QUESTIONS_MAX)
    arriving = min(len(orders), _ARRIVALS_MAX)
    cards = _CARDS_MAX - sum(len(delivery.questions) for delivery in shown) - arriving
    recalls = match_rows(visit)
    to_everybody = visit.site.parts.decisions.question()
    return visit.page(
        "home.html",
        status=200 if presence_error is None else 422,
        nothing_needed=not (open_now or alerts or to_check or to_everybody or recalls),
        recalls=recalls,
        question=to_everybody,
        typed=typed or {},
        presence_error=presence_error,
        today=today,
        asked=shown,
        here_by=arrivals(visit).here_by,
        asked_more=lines[:_QUESTION_LINES_MAX],
        asked_unseen=max(0, len(lines) - _QUESTION_LINES_MAX),
        alerts=alerts[:_ALERTS_MAX],
        alerts_more=max(0, len(alerts) - _ALERTS_MAX),
        items=[_item_card(known, visit) for known in items[:cards]],
        more=[ItemLine(known.item, _lasts(known, visit), _note(known)) for known in items[cards:]],
        days=agenda(_soonest(orders), today=today),
        arrivals_more=len(orders) - arriving,
        to_check=to_check,
        bridge=overview.bridge(),
        refresh=True,
    )


def _questions(items: Sequence[ItemOverview], moments: Moments) -> list[Question]:
    return [
        question(known.prompt, item_name=known.item.name, is_overdue=moments.is_over(known.prompt.order_by))
        for known in items
        if known.prompt is not None
    ]


def _is_to_check(order: OrderRow) -> bool:
    """Whether somebody should look at an order: under way and unclear, refused, or taken back unasked."""
    is_open = order.problem is not None and Word.LET_BE in order.problem.answers
    return is_open or order.is_just_withdrawn or (order.tone == "look" and order.intent.state in LIVE)


def _soonest(orders: Sequence[OrderRow]) -> list[OrderRow]:
    return sorted(orders, key=lambda order: order.expected_on or date.max)[:_ARRIVALS_MAX]


def full_amount(item: Item) -> float:
    """What the home has room for, in the item's unit."""
    return item.room_packs * item.product.pack_amount


def likely(known: ItemOverview) -> Range | None:
    """What is left, as it is shown: at the most what the home has room for, unless more is there already."""
    amount = known.estimate.amount if known.estimate else None
    if amount is None:
        return None
    return replace(amount, high=max(amount.value, min(amount.high, full_amount(known.item))))


def stock_bar(known: ItemOverview) -> AmountBar:
    """What is left as a bar against what the home has room for."""
    amount = likely(known)
    unit = known.item.unit
    room = amount_words(full_amount(known.item), unit)
    label = say("Amount left is not known")
    if amount is not None:
        label = say("About {amount} of {room}", amount=amount_words(amount.value, unit), room=room)
    return amount_bar(amount, full=full_amount(known.item), label=label)


def _alerts(items: Sequence[ItemOverview]) -> list[AlertRow]:
    return [
        _alert(known.item, known.decision.reasons[-1])  # those before it say what is left
        for known in items
        if isinstance(known.decision, Alert) and known.decision.reasons
    ]


def _alert(item: Item, reason: Reason) -> AlertRow:
    about_sensor = reason.code in _ABOUT_SENSOR and item.binding is not None
    return AlertRow(
        item,
        reason.text,
        about_sensor=about_sensor,
        names_item=item.name in reason.text,
        next_step=_NEXT_STEPS.get(reason.code),
    )


def _lasts(known: ItemOverview, visit: Visit) -> str | None:
    ahead = outlook(known) if known.estimate and known.estimate.amount else None
    return days_range(*ahead.left_d(visit.site.moments.now())) if ahead else None


def _item_card(known: ItemOverview, visit: Visit) -> ItemCard:
    estimate, amount = known.estimate, likely(known)
    unit = known.item.unit
    return ItemCard(
        item=known.item,
        left=amount_words(amount.value, unit) if amount else None,
        between=amounts(amount.low, amount.high, unit) if amount else "",
        room=amount_words(full_amount(known.item), unit),
        bar=stock_bar(known),
        lasts=_lasts(known, visit),
        trust=trust(estimate.trust) if estimate and amount else None,
        is_told_by_hand=estimate is not None and estimate.is_told_by_hand,
        mode=MODES[known.item.mode][0],
        note=_note(known),
    )


def _note(known: ItemOverview) -> str | None:
    if known.prompt is not None:
        return say("Question open") if known.prompt.state is PromptState.OPEN else say("Question put off")
    return say("On order") if known.intent is not None else None
