"""What happened to an item, newest first: what people said, refills that a sensor saw, orders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import Refill
from edge_agent.core.said import Said, say, say_many
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Labelled,
    Opened,
    Scanned,
    SentBack,
    StockEvent,
    ThrownAway,
)
from edge_agent.web.wording import INTENT_STATES, amount

ROWS_MAX = 12


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing that happened.

    `by` is who said so, "" where nobody did; `link` leads to more, "" where nothing does.
    """

    at: datetime
    text: Said
    by: str = ""
    link: str = ""


def history(
    item: Item, *, said: Iterable[StockEvent], refills: Sequence[Refill], orders: Iterable[IntentRecord]
) -> list[HistoryRow]:
    """The newest of all of them."""
    rows = [HistoryRow(event.at, in_words(event, item), by=event.by) for event in said]
    rows += [
        HistoryRow(each.at, say("The sensor saw a refill of about {amount}.", amount=amount(each.amount, item.unit)))
        for each in refills
    ]
    rows += [_order(order) for order in orders]
    return sorted(rows, key=lambda row: row.at, reverse=True)[:ROWS_MAX]


def in_words(event: StockEvent, item: Item) -> Said:
    """What somebody said, in a sentence."""
    match event:
        case Corrected():
            return say("Counted: {amount} in all.", amount=amount(event.amount, item.unit))
        case Scanned():
            packs = f"{abs(event.packs):g}"
            taken_in, finished = (
                say("Packs taken in: {packs}.", packs=packs),
                say("Packs finished: {packs}.", packs=packs),
            )
            return taken_in if event.packs > 0 else finished
        case BoughtElsewhere():
            return say("Packs bought elsewhere: {packs}.", packs=f"{event.packs:g}")
        case ThrownAway():
            return say("Thrown away: {amount}.", amount=amount(event.amount, item.unit))
        case Delivered() | SentBack():
            packs = f"{event.packs:g}"
            came, back = say("Packs delivered: {packs}.", packs=packs), say("Packs sent back: {packs}.", packs=packs)
            return came if isinstance(event, Delivered) else back
        case Opened() | Labelled():
            return _read(event) if isinstance(event, Labelled) else say("A new pack was opened.")
        case _:
            assert_never(event)


def _read(event: Labelled) -> Said:
    packs, batch = f"{event.packs:g}", event.label.batch
    if not batch:
        return say("Label read on packs: {packs}.", packs=packs)
    return say("Label read on packs: {packs}. Batch {batch}.", packs=packs, batch=batch)


def _order(order: IntentRecord) -> HistoryRow:
    state = INTENT_STATES[order.state][0]
    text = say_many(
        "Order of {number} pack: {state}.", "Order of {number} packs: {state}.", order.quantity, state=state
    )
    return HistoryRow(order.created_at, text, link=f"/prompts/{order.prompt}")
