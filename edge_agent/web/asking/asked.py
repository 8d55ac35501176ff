"""The questions on Home: the ripest first, those that one delivery would bring together.

A question that was put off waits behind those that are open, and is never joined with one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.said import Said, say

_LOW = say("It is running low.")


@dataclass(frozen=True, slots=True)
class Question:
    """One question with just enough to know what it is about; the terms stand on its own page.

    `is_overdue`: the day to order by has passed.
    """

    prompt: PromptRecord
    item_name: str
    why: str
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """Questions that the same merchant would answer by the same day: one alone, or several to look at together."""

    questions: tuple[Question, ...]

    @property
    def merchant(self) -> str:
        """Who would bring it."""
        return self.questions[0].prompt.offer.merchant

    @property
    def order_by(self) -> datetime:
        """When the ripest of them has to be answered."""
        return self.questions[0].prompt.order_by


def question(prompt: PromptRecord, *, item_name: str, is_overdue: bool) -> Question:
    """A live prompt as a question."""
    first: Said | str = prompt.reasons[0].text if prompt.reasons else _LOW
    return Question(prompt=prompt, item_name=item_name, why=first, is_overdue=is_overdue)


def deliveries(questions: Iterable[Question]) -> list[Delivery]:
    """The questions by delivery, the ripest first in each, and the delivery with the ripest one first."""
    together: dict[object, list[Question]] = {}
    for asked in sorted(questions, key=_urgency):
        together.setdefault(_delivery(asked.prompt), []).append(asked)
    return [Delivery(tuple(asked)) for asked in together.values()]


def cut(asked: Iterable[Delivery], *, cards_max: int) -> tuple[list[Delivery], list[Question]]:
    """As many deliveries as hold so many questions, and the questions that are left; a large delivery is cut in two."""
    shown: list[Delivery] = []
    left: list[Question] = []
    for delivery in asked:
        room = cards_max - sum(len(one.questions) for one in shown)
        if room > 0 and not left:
            shown.append(Delivery(delivery.questions[:room]))
        left += delivery.questions[max(0, room) :]
    return shown, left


def _delivery(prompt: PromptRecord) -> object:
    if prompt.state is PromptState.SNOOZED or prompt.offer.is_listed:  # nobody delivers what stands on a list
        return prompt.id
    return prompt.offer.merchant, prompt.offer.deliver_by, prompt.offer.delivery_ref


def _urgency(asked: Question) -> tuple[bool, float]:
    return asked.prompt.state is PromptState.SNOOZED, asked.prompt.order_by.timestamp()
