"""A simulated household that answers prompts on the page, as a person would, from one seed.

It looks at the page every couple of hours, thinks for a while about each prompt, and mostly approves. Once in a run it
declines and once it snoozes: both go to items that last long, so that nothing runs out because of it. It keeps its own
log of what it answered; what the hub may buy is judged by this log and by nothing else.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from firmware_sim.clock import MappedClock
from firmware_sim.page_client import PageClient, PageError, PromptLink

Action = Literal["approve", "snooze", "decline"]

DONE = 303
_VISIT_EVERY_S = 2 * 3600.0  # virtual
_THINKING_H = (0.25, 4.0)  # virtual
_SNOOZE_H = 6  # one of those that the page offers
_TRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that was sent. `status` is the HTTP status; None: no answer came, so it may have counted or not."""

    prompt: str
    item: str
    action: Action
    at: datetime
    status: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be answered to a prompt, and when."""

    action: Action
    at: datetime


@dataclass(frozen=True, slots=True)
class Habits:
    """How this household answers.

    `patient_items` last long: the first prompt for one of them is declined, the second snoozed. From `settle_by` on,
    whichever of the two has not happened yet is made up for with the next prompt of any item.
    """

    seed: int
    patient_items: Sequence[str]
    settle_by: datetime


@dataclass(slots=True)
class Mind:
    """Decides, once for each time a prompt is open, what to answer and when. No clock and no page in here."""

    habits: Habits
    _asked: Counter[str] = field(default_factory=Counter)
    _declined: bool = False
    _snoozed: bool = False

    def consider(self, link: PromptLink, *, now: datetime) -> Plan:
        """The plan for a prompt that is open."""
        self._asked[link.item] += 1
        chance = random.Random(f"{self.habits.seed}/{link.item}/{self._asked[link.item]}")
        action = self._choose(link, now=now)
        return Plan(action=action, at=now + timedelta(hours=chance.uniform(*_THINKING_H)))

    def forget(self, plan: Plan) -> None:
        """The prompt went away before the plan was carried out, so another one must do."""
        if plan.action == "decline":
            self._declined = False
        if plan.action == "snooze":
            self._snoozed = False

    def _choose(self, link: PromptLink, *, now: datetime) -> Action:
        if link.item not in self.habits.patient_items and now < self.habits.settle_by:
            return "approve"
        if not self._declined:
            self._declined = True
            return "decline"
        if not self._snoozed:
            self._snoozed = True
            return "snooze"
        return "approve"


class Household:
    """The person at the page. `answers` is the log."""

    def __init__(self, page: PageClient, *, clock: MappedClock, habits: Habits, say: Callable[[str], None]) -> None:
        self.answers: list[Answer] = []
        self._page = page
        self._clock = clock
        self._mind = Mind(habits)
        self._say = say
        self._plans: dict[str, Plan] = {}
        self._tries: Counter[str] = Counter()

    async def run(self) -> None:
        """Look at the page for ever."""
        while True:
            await self.visit()
            await self._clock.sleep(_VISIT_EVERY_S)

    async def visit(self) -> None:
        """One look at the page: plan what is new, answer what is due. A page that is away is tried again later."""
        try:
            links = await self._page.prompts()
            self._drop_plans({link.id for link in links if link.state == "open"})
            for link in links:
                await self._attend(link)
        except PageError as exc:
            self._say(f"household: {exc}")

    async def _attend(self, link: PromptLink) -> None:
        if link.state != "open":
            return
        plan = self._plans.get(link.id)
        if plan is None:
            plan = self._plans[link.id] = self._mind.consider(link, now=self._clock.now())
        if plan.at <= self._clock.now() and self._tries[link.id] < _TRIES_MAX:
            await self._answer(link, plan.action)

    def _drop_plans(self, still_open: set[str]) -> None:
        """Plans for prompts that were withdrawn, or ended, before they were answered."""
        for prompt in self._plans.keys() - still_open:
            self._mind.forget(self._plans.pop(prompt))

    async def _answer(self, link: PromptLink, action: Action) -> None:
        form = await self._page.form(link.id)
        if form is None:
            return
        fields = {"csrf": form.csrf}
        match action:
            case "approve":
                fields["terms_hash"] = form.terms_hash
            case "snooze":
                fields["hours"] = str(_SNOOZE_H)
            case "decline":
                fields["reason"] = "not_now"
        self._tries[link.id] += 1
        await self._send(link, action, fields=fields)

    async def _send(self, link: PromptLink, action: Action, *, fields: dict[str, str]) -> None:
        status: int | None = None
        try:
            status = await self._page.answer(link.id, action, fields=fields)
        finally:
            at = self._clock.now()
            self.answers.append(Answer(prompt=link.id, item=link.item, action=action, at=at, status=status))
        if status == DONE:
            self._plans.pop(link.id, None)
            self._tries.pop(link.id, None)
        self._say(f"household: {action} {link.item}: {'done' if status == DONE else f'answered {status}'}")
