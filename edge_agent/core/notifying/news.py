"""What a person is told of an order that was made: what needs them, and what they would otherwise count on.

    told                                                       once, when           and once more
    refused for payment, address or stock                      it was refused       24 h before its 72 h are over
    to be finished at the merchant                             it begins to wait    24 h before its 72 h are over
    nobody can tell whether it was made                        nobody can
    something else came, and nobody knows how much it holds    it came
    taken back by this hub: bought elsewhere                   it was taken back
    cancelled by the merchant, or the rest of it               it was cancelled
    a part of it does not come                                 the rest is closed
    never arrived                                              it counts as lost

The first four need a person. Anything else stands on the order's page and is not told: what goes as it should, what a
person said or did, a substitute that the household accepts (its packs count by themselves), goods and money that go
back, and refusals after which the item is asked about again anyway. What a newer order of the item has overtaken is
told no more, but for goods and money that may be missing. What is three days old is old news.

Like a question it waits for the end of the quiet hours and counts for the caps (`core.notifying.plan`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from edge_agent.core.arrivals import came_packs, is_to_be_counted
from edge_agent.core.catalogue import Household
from edge_agent.core.deciding.problem import Kind, Problem, Stand, problem_of
from edge_agent.core.intent import CANCELLED_BY_MERCHANT, SAID_BY_HOUSEHOLD, IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.notifying.plan import Question, Receipt

TOLD_WITHIN = timedelta(hours=72)
ENDS_WITHIN = timedelta(hours=24)
_MARK = "/"  # in no name of a question


class About(StrEnum):
    """What is told of an order."""

    REFUSED = "refused"
    REFUSED_ENDS = "refused_ends"
    UNFINISHED = "unfinished"
    UNFINISHED_ENDS = "unfinished_ends"
    IN_DOUBT = "in_doubt"
    TO_BE_COUNTED = "to_be_counted"
    TAKEN_BACK = "taken_back"
    CANCELLED = "cancelled"
    SHORT = "short"
    LOST = "lost"


NEEDS_A_PERSON = frozenset(
    {
        About.REFUSED,
        About.REFUSED_ENDS,
        About.UNFINISHED,
        About.UNFINISHED_ENDS,
        About.IN_DOUBT,
        About.TO_BE_COUNTED,
    }
)
_OVERTAKEN = frozenset({About.REFUSED, About.REFUSED_ENDS, About.TAKEN_BACK, About.CANCELLED})


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell of one order. It has been so since `since`; after `until` it is told no more.

    `prompt` is the question that the order came of, whose page is the order's.
    """

    about: About
    order: IntentId
    prompt: PromptId
    item: ItemId
    since: datetime
    until: datetime

    @property
    def topic(self) -> PromptId:
        """Under which receipts are kept: no question has such a name."""
        return PromptId(f"{self.order}{_MARK}{self.about}")


def news(orders: Sequence[IntentRecord], *, household: Household, now: datetime) -> list[News]:
    """What there is to tell now; `orders` are the home's, newest first."""
    newest: dict[ItemId, IntentId] = {}
    for order in orders:
        newest.setdefault(order.item, order.id)
    return [
        told
        for order in orders
        for told in _of(order, household=household, now=now)
        if told.since <= now < told.until and (newest[order.item] == order.id or told.about not in _OVERTAKEN)
    ]


def need_a_person(told: Iterable[News]) -> frozenset[IntentId]:
    """The orders that somebody has to see to."""
    return frozenset(each.order for each in told if each.about in NEEDS_A_PERSON)


def as_question(told: News) -> Question:
    """The same as the plan sees it."""
    return Question(told.topic, told.since, told.until, is_news=True)


def over(receipts: Iterable[Receipt], *, told: Iterable[News]) -> list[Question]:
    """What was told of and is no news any more, as questions that ended."""
    now = {each.topic for each in told}
    gone = {receipt.prompt: receipt.changed_at for receipt in receipts if is_topic(receipt.prompt)}
    return [
        Question(topic, at, at, is_live=False, is_answered=True, is_news=True)
        for topic, at in gone.items()
        if topic not in now
    ]


def is_topic(name: PromptId) -> bool:
    """Whether receipts under this name are of news, and of no question."""
    return _MARK in name


def _of(order: IntentRecord, *, household: Household, now: datetime) -> Iterator[News]:
    def since(about: About, at: datetime) -> News:
        return News(about, order.id, order.prompt, order.item, at, at + TOLD_WITHIN)

    problem, item = problem_of(order, now=now), household.item(order.item)
    if problem is not None and problem.stand is Stand.OPEN:
        yield _to_mend(order, problem, now=now)
    if order.state is IntentState.PARKED:
        yield since(About.IN_DOUBT, order.changed_at)
    if item is not None and is_to_be_counted(order, item):
        yield since(About.TO_BE_COUNTED, order.delivered_at or order.changed_at)
    ended = _ended(order)
    if ended is not None:
        yield since(ended, order.changed_at)


def _to_mend(order: IntentRecord, problem: Problem, *, now: datetime) -> News:
    """It opened, or it is about to be over: one of the two."""
    at_first, at_last = (
        (About.UNFINISHED, About.UNFINISHED_ENDS) if problem.kind is Kind.BUYER else (About.REFUSED, About.REFUSED_ENDS)
    )
    last_call = problem.until - ENDS_WITHIN
    if now < last_call:
        return News(at_first, order.id, order.prompt, order.item, order.changed_at, problem.until)
    return News(at_last, order.id, order.prompt, order.item, last_call, problem.until)


def _ended(order: IntentRecord) -> About | None:
    """What came of an order that ended otherwise than agreed, where no person of the home said so."""
    match order.state:
        case IntentState.CANCELLED if order.withdrawn_for is not None:
            return About.TAKEN_BACK
        case IntentState.CANCELLED if order.detail == CANCELLED_BY_MERCHANT:
            return About.CANCELLED
        case IntentState.NEVER_ARRIVED if order.detail != SAID_BY_HOUSEHOLD:
            return About.LOST
        case IntentState.DELIVERED if came_packs(order) < order.quantity:
            return About.SHORT
        case _:
            return None
