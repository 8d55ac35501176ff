"""The people of a simulated home and the merchant: what they do between two hours, the same under every policy.

All chance is drawn from the seed, the ware and the day, so that a person is the same person under every policy. What
they know of their stock is what anybody knows who opens the door: whether there is plenty of it.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.campaign.homes.policies import Order, Policy, Question
from tests.campaign.homes.world import Stock, World

_AWAKE_H = (7, 22)
_ANSWERS_AFTER_H = (0.5, 14.0)
_NOT_NOW = 0.07
_ANSWERS_FOR_HOME = 0.5  # a day
_SAYS_AWAY = 0.3  # the share of questions that are answered while nobody is at home; the others wait
_PLENTY_D, _PLENTY_SPOILING_D = 14.0, 6.0
_LOOKS = 0.7  # the share of questions before which somebody opens the door
_SHOPS_WHEN_OUT = 0.35  # a day
_SHOPS_IN_PASSING = 0.02  # a day and everyday ware
_TELLS = 0.5
_TELLS_BEFORE = timedelta(days=4)
_CORRECTS = 0.05  # a day and ware that is shown wrong
_WRONG_PACKS = 0.5
_LEAD_D = (1.0, 3.0)
_DAY_S = 86_400.0


@dataclass(slots=True)
class Person:
    """Answers, puts things away, goes to the shop now and then."""

    world: World
    policy: Policy
    counts: Counter[str] = field(default_factory=Counter)
    _coming: list[tuple[datetime, Order]] = field(default_factory=list)
    _plans: dict[str, datetime] = field(default_factory=dict)

    def live(self, now: datetime) -> None:
        """The end of an hour: what came, what is filled up, what is answered, what is bought in passing."""
        self._take_in(now)
        if self._is_home(now) and _AWAKE_H[0] <= now.hour < _AWAKE_H[1]:
            self._fill_up()
        self._answer_all(now)
        if now.hour == 18:
            self._go_out(now)
            self._tell_of_absence(now)
            self._answer_for_the_home(now)

    def notice_spoiled(self, thrown: dict[str, float], *, now: datetime) -> None:
        """What was thrown away is sometimes told."""
        for name, amount in thrown.items():
            if self._chance("tells-thrown", name, now) < _TELLS:
                self.policy.told("thrown_away", name, amount, now=now)

    def _take_in(self, now: datetime) -> None:
        for arrives_at, order in [each for each in self._coming if each[0] <= now]:
            self._coming.remove((arrives_at, order))
            self.world.stocks[order.ware].receive(order.packs, now=now)
            self.policy.delivered(order, now=now)
            self.counts["orders"] += 1

    def _fill_up(self) -> None:
        for stock in self.world.stocks.values():
            if stock.wants_filling:
                stock.fill_up()

    def _tell_of_absence(self, now: datetime) -> None:
        """Half of the households say some days before that they will be away, where there is somebody to say it to."""
        away = self.world.home.away
        is_time = away.begins - _TELLS_BEFORE <= now < away.begins - _TELLS_BEFORE + timedelta(days=1)
        if is_time and self._chance("tells-away", "", away.begins) < _TELLS:
            self.policy.say_presence("away", away.begins.date(), (away.ends - timedelta(days=1)).date())

    def _answer_for_the_home(self, now: datetime) -> None:
        """Half of the days on which the home is asked whether it is away or has guests, somebody says how it is."""
        question = self.policy.home_question()
        if question is None or self._chance("home", question, now) >= _ANSWERS_FOR_HOME:
            return
        home, today = self.world.home, now.date()
        for what, span in (("away", home.away), ("guests", home.guests)):
            if span.covers(now):
                self.policy.say_presence(what, span.begins.date(), (span.ends - timedelta(days=1)).date())
                return
        self.policy.say_presence("as_usual", today, today + timedelta(days=7))

    def _answer_all(self, now: datetime) -> None:
        questions = self.policy.questions()
        for question in questions:
            due = self._plans.setdefault(question.id, self._answers_at(question))
            if due <= now and _AWAKE_H[0] <= now.hour < _AWAKE_H[1]:
                self._answer(question, now)
        still = {question.id for question in questions}
        self._plans = {ident: at for ident, at in self._plans.items() if ident in still}

    def _answers_at(self, question: Question) -> datetime:
        low, high = _ANSWERS_AFTER_H
        hours = low + (high - low) * self._chance("delay", question.ware, question.asked_at) ** 2
        return question.asked_at + timedelta(hours=hours)

    def _answer(self, question: Question, now: datetime) -> None:
        stock = self.world.stocks[question.ware]
        if not self._is_home(now):
            if self._chance("away", question.ware, question.asked_at) < _SAYS_AWAY:
                self._decline(question, "going_away", now)
        elif self._has_plenty(stock) and self._chance("looks", question.ware, now) < _LOOKS:
            self._decline(question, "have_spare", now)
        elif self._chance("not-now", question.ware, now) < _NOT_NOW:
            self._decline(question, "not_now", now)
        else:
            order = self.policy.approve(question, now=now)
            self.counts["approved"] += 1
            if order is not None:
                lead_d = _LEAD_D[0] + (_LEAD_D[1] - _LEAD_D[0]) * self._chance("lead", order.ware, now)
                self._coming.append((now + timedelta(days=lead_d), order))

    def _decline(self, question: Question, reason: str, now: datetime) -> None:
        self.policy.decline(question, reason=reason, now=now)
        self.counts[f"declined_{reason}"] += 1

    def _has_plenty(self, stock: Stock) -> bool:
        """Whether anybody who looks would say that there is enough."""
        plenty_d = _PLENTY_D if stock.kept.ware.keeps_d is None else _PLENTY_SPOILING_D
        return stock.amount / stock.kept.use_per_day > plenty_d

    def _go_out(self, now: datetime) -> None:
        if not self._is_home(now):
            return
        for name, stock in self.world.stocks.items():
            ware = stock.kept.ware
            is_out = stock.packs < 0.02
            chance = _SHOPS_WHEN_OUT if is_out else _SHOPS_IN_PASSING if ware.is_everyday else 0.0
            if self._chance("shops", name, now) < chance:
                stock.receive(1, now=now)
                self.counts["bought_elsewhere"] += 1
                if self._chance("tells", name, now) < _TELLS:
                    self.policy.told("bought", name, ware.pack, now=now)
            self._correct(name, stock, now)

    def _correct(self, name: str, stock: Stock, now: datetime) -> None:
        shown = self.policy.estimated(name)
        if shown is None or abs(shown - stock.amount) < _WRONG_PACKS * stock.kept.ware.pack:
            return
        if self._chance("corrects", name, now) < _CORRECTS:
            self.policy.told("corrected", name, stock.amount, now=now)
            self.counts["corrected"] += 1

    def _is_home(self, now: datetime) -> bool:
        return not self.world.home.away.covers(now)

    def _chance(self, what: str, ware: str, at: datetime) -> float:
        """0 to 1, always the same for this home, ware and day."""
        return random.Random(f"{self.world.home.seed}:{what}:{ware}:{at.date()}").random()
