"""Orders as rows for the pages that list them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from edge_agent.core.intent import IntentRecord
from edge_agent.web import timeline
from edge_agent.web.parts import Overview
from edge_agent.web.wording import INTENT_STATES


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order with its words. `deliver_by` is the day that was agreed to."""

    intent: IntentRecord
    item_name: str
    title: str
    state: str
    meaning: str
    tone: str
    detail: str | None
    handoff: tuple[str, str] | None
    steps: tuple[timeline.Step, ...]
    deliver_by: date | None


def rows(intents: Iterable[IntentRecord], overview: Overview) -> list[OrderRow]:
    """The orders in the order given."""
    return [row(intent, overview) for intent in intents]


def row(intent: IntentRecord, overview: Overview) -> OrderRow:
    """One order; an item that the household no longer keeps is named by its id."""
    known = overview.item(intent.item)
    prompt = overview.prompt(intent.prompt)
    state, meaning, tone = INTENT_STATES[intent.state]
    return OrderRow(
        intent=intent,
        item_name=known.item.name if known else intent.item,
        title=known.item.product.title if known else intent.item,
        state=state,
        meaning=meaning,
        tone=tone,
        detail=timeline.detail(intent),
        handoff=timeline.handoff(intent),
        steps=timeline.steps(intent),
        deliver_by=prompt.offer.deliver_by if prompt else None,
    )
