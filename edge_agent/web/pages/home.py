"""Home: what needs you now, then what is in stock, then what is on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import LIVE
from edge_agent.core.messages import Alert, Reason
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.web.charts import amount_bar
from edge_agent.web.moments import days_range
from edge_agent.web.order_rows import rows
from edge_agent.web.outlook import outlook
from edge_agent.web.visit import Visit
from edge_agent.web.wording import MODES, amounts, trust
from edge_agent.web.wording import amount as amount_words

_ORDERS_MAX = 50
_ABOUT_SENSOR = frozenset({"stock_unknown", "stock_stale", "binding_refused"})


@dataclass(frozen=True, slots=True)
class PromptCard:
    """One question with just enough to know what it is about; the terms stand on its own page."""

    prompt: PromptRecord
    item_name: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """Something a person must look at; `about_sensor`: where devices are listed."""

    item: Item
    text: str
    about_sensor: bool


@dataclass(frozen=True, slots=True)
class ItemCard:
    """One item: what is left, how long it lasts, how sure that is."""

    item: Item
    left: str | None
    between: str
    room: str
    bar: Markup
    lasts: str | None
    trust: str | None
    mode: str
    note: str | None


async def show(visit: Visit) -> Response:
    """The first page after signing in."""
    overview = visit.site.parts.overview
    items = overview.items()
    prompts = [_prompt_card(known.prompt, known.item) for known in items if known.prompt is not None]
    alerts = _alerts(items)
    orders = rows((intent for intent in overview.intents(limit=_ORDERS_MAX) if intent.state in LIVE), overview)
    to_check = [order for order in orders if order.tone == "look"]
    open_now = any(card.prompt.state is PromptState.OPEN for card in prompts)
    question = visit.site.parts.decisions.question()
    return visit.page(
        "home.html",
        nothing_needed=not (open_now or alerts or to_check or question),
        question=question,
        today=visit.site.moments.today(),
        prompts=sorted(prompts, key=_urgency),
        alerts=alerts,
        items=[_item_card(known, visit) for known in items],
        orders=orders,
        to_check=to_check,
        bridge=overview.bridge(),
        refresh=True,
    )


def full_amount(item: Item) -> float:
    """What the home has room for, in the item's unit."""
    return item.room_packs * item.product.pack_amount


def stock_bar(known: ItemOverview) -> Markup:
    """What is left as a bar against what the home has room for."""
    amount = known.estimate.amount if known.estimate else None
    unit = known.item.unit
    room = amount_words(full_amount(known.item), unit)
    label = f"About {amount_words(amount.value, unit)} of {room}" if amount else "Amount left is not known"
    return amount_bar(amount, full=full_amount(known.item), label=label)


def _prompt_card(prompt: PromptRecord, item: Item) -> PromptCard:
    why = prompt.reasons[0].text if prompt.reasons else "It is running low."
    return PromptCard(prompt=prompt, item_name=item.name, title=prompt.offer.title, why=why)


def _urgency(card: PromptCard) -> tuple[bool, float]:
    return card.prompt.state is PromptState.SNOOZED, card.prompt.order_by.timestamp()


def _alerts(items: Sequence[ItemOverview]) -> list[AlertRow]:
    return [
        _alert(known.item, known.decision.reasons[-1])  # those before it say what is left
        for known in items
        if isinstance(known.decision, Alert) and known.decision.reasons
    ]


def _alert(item: Item, reason: Reason) -> AlertRow:
    text = reason.text.removeprefix(f"{item.name}: ")
    about_sensor = reason.code in _ABOUT_SENSOR and item.binding is not None
    return AlertRow(item, text[:1].upper() + text[1:], about_sensor=about_sensor)


def _item_card(known: ItemOverview, visit: Visit) -> ItemCard:
    estimate, ahead = known.estimate, outlook(known)
    amount = estimate.amount if estimate else None
    unit = known.item.unit
    return ItemCard(
        item=known.item,
        left=amount_words(amount.value, unit) if amount else None,
        between=amounts(amount.low, amount.high, unit) if amount else "",
        room=amount_words(full_amount(known.item), unit),
        bar=stock_bar(known),
        lasts=days_range(*ahead.left_d(visit.site.moments.now())) if ahead and amount else None,
        trust=trust(estimate.trust) if estimate and amount else None,
        mode=MODES[known.item.mode][0],
        note=_note(known),
    )


def _note(known: ItemOverview) -> str | None:
    if known.prompt is not None:
        return "Question open" if known.prompt.state is PromptState.OPEN else "Question put off"
    return "On order" if known.intent is not None else None
