"""Orders as rows for the pages that list them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from edge_agent.core.arrivals import agreed_on
from edge_agent.core.deciding.problem import Problem, problem_of
from edge_agent.core.intent import IN_DOUBT, IntentRecord, IntentState
from edge_agent.core.messages import IntentId
from edge_agent.web import timeline
from edge_agent.web.order_news import OrderNews, order_news
from edge_agent.web.parts import Overview

CANCELLABLE = frozenset({IntentState.APPROVED, IntentState.HELD})
MAY_BE_MISSED = frozenset({IntentState.PLACED, IntentState.SHIPPED, IntentState.PARTLY_DELIVERED})
_NEWS_FOR = timedelta(days=1)
MAY_HAVE_COME = MAY_BE_MISSED | {IntentState.NEVER_ARRIVED}


@dataclass(frozen=True, slots=True)
class Acts:
    """What a person may say of an order at its state; the hub decides again when it is said."""

    cancel: bool
    settle: bool
    arrived: bool
    never_came: bool


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order with its words. `instead_of` is what this stands in for, `news` what was told since it was placed.

    `expected_on` is the day that the merchant promised last, or the one that was agreed to, later by the days that the
    question had stood when it was answered. `is_listed`: it was put on a list that the household shops from, so nothing
    is paid or delivered.
    """

    intent: IntentRecord
    item_name: str
    title: str
    instead_of: str | None
    state: str
    meaning: str
    tone: str
    detail: str | None
    next_step: str | None
    handoff: tuple[str, str] | None
    steps: tuple[timeline.Step, ...]
    tracking: tuple[str, str] | None
    news: OrderNews
    expected_on: date | None
    acts: Acts
    problem: Problem | None
    hold_ends_at: datetime | None
    is_wanted_back: bool
    is_listed: bool
    is_just_withdrawn: bool


def rows(intents: Iterable[IntentRecord], overview: Overview, *, now: datetime) -> list[OrderRow]:
    """The orders in the order given."""
    wanted_back = overview.wanted_back()
    return [_row(intent, overview, wanted_back=wanted_back, now=now) for intent in intents]


def row(intent: IntentRecord, overview: Overview, *, now: datetime) -> OrderRow:
    """One order."""
    return _row(intent, overview, wanted_back=overview.wanted_back(), now=now)


def _row(intent: IntentRecord, overview: Overview, *, wanted_back: frozenset[IntentId], now: datetime) -> OrderRow:
    """An item that the household no longer keeps is named by its id."""
    known = overview.item(intent.item)
    prompt = overview.prompt(intent.prompt)
    offer = prompt.offer if prompt else None
    is_listed = offer is not None and offer.is_listed
    state, meaning, tone = timeline.words(intent.state, is_listed=is_listed)
    return OrderRow(
        intent=intent,
        item_name=known.item.name if known else intent.item,
        title=offer.title if offer else intent.item,
        instead_of=offer.instead_of if offer else None,
        state=state,
        meaning=meaning,
        tone=tone,
        detail=timeline.detail(intent),
        next_step=timeline.next_step(intent),
        handoff=timeline.handoff(intent),
        steps=timeline.steps(intent, is_listed=is_listed),
        tracking=timeline.tracking(intent),
        news=order_news(intent, known.item if known else None),
        expected_on=None if is_listed else intent.facts.expected_on or agreed_on(intent, prompt),
        acts=acts(intent, is_listed=is_listed),
        problem=problem_of(intent, now=now),
        hold_ends_at=intent.created_at + timedelta(seconds=offer.hold_s) if offer and _is_held(intent) else None,
        is_wanted_back=intent.id in wanted_back,
        is_listed=is_listed,
        is_just_withdrawn=is_withdrawn(intent) and now < intent.changed_at + _NEWS_FOR,
    )


def is_withdrawn(intent: IntentRecord) -> bool:
    """Whether this hub took it back in time; where it was too late, the order stands or ended as the merchant says."""
    return intent.state is IntentState.CANCELLED and intent.withdrawn_for is not None


def acts(intent: IntentRecord, *, is_listed: bool = False) -> Acts:
    """What may be said of an order where it stands; what stands on a list is taken off there, and never lost."""
    return Acts(
        cancel=intent.state in CANCELLABLE,
        settle=intent.state in IN_DOUBT,
        arrived=intent.state in MAY_HAVE_COME,
        never_came=intent.state in MAY_BE_MISSED and not is_listed,
    )


def _is_held(intent: IntentRecord) -> bool:
    """Held for the person to think again, not because the merchant is away."""
    return intent.state in CANCELLABLE and intent.detail is None
