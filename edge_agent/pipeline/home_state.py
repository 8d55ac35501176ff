"""What all items of a home share in one review: its preferences, who is there, its orders and questions so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import Preferences
from edge_agent.core.choosing.dealing import dealing
from edge_agent.core.choosing.scorecard import Scorecard, scorecard
from edge_agent.core.deciding import away
from edge_agent.core.deciding.budget import budget_left_minor
from edge_agent.core.deciding.lead_time import LeadTime, answer_time, lead_time
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.deciding.situation import ANSWER_D
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import ItemId, Reason, StockEstimate
from edge_agent.core.prompt import PromptRecord
from edge_agent.ports import OrderStore

_ORDERS_MAX = 1_000
_PROMPTS_MAX = 1_000
_DRAWN = "mandate:"


@dataclass(frozen=True, slots=True)
class HomeState:
    """A home at `now`; `orders` and `prompts` are newest first; `question` is what to ask everybody."""

    preferences: Preferences
    now: datetime
    zone: ZoneInfo
    presence: Presence
    orders: tuple[IntentRecord, ...]
    prompts: tuple[PromptRecord, ...]
    question: Reason | None
    budget_left_minor: int | None

    @property
    def last_asked_at(self) -> datetime | None:
        """When the household was asked last; what a mandate paid for asked nobody."""
        asked = (one for one in self.prompts if not _is_drawn(one))
        return max((one.created_at for one in asked), default=None)

    def lead_time(self, merchant: str) -> LeadTime:
        """How long a merchant takes, as far as this home's orders tell."""
        expected_d = float(self.preferences.lead_time_d)
        return lead_time(self.orders, merchant=merchant, expected_d=expected_d, now=self.now)

    def scorecard(self, merchant: str) -> Scorecard:
        """How far a merchant keeps its word, as far as this home's orders tell."""
        asked = {one.id: one for one in self.prompts}
        dealings = (dealing(one, asked.get(one.prompt)) for one in self.orders if one.merchant == merchant)
        return scorecard(dealings, merchant=merchant, now=self.now, zone=self.zone)

    @property
    def answer_time(self) -> LeadTime:
        """How long the household takes to answer, as far as its answers tell."""
        return answer_time((one for one in self.prompts if not _is_drawn(one)), expected_d=ANSWER_D)

    def orders_of(self, item: ItemId, *, last: IntentRecord | None) -> list[IntentRecord]:
        """Orders of one item, newest first, from its `last` one on: what was overtaken since is none."""
        if last is None:
            return []
        older = (one for one in self.orders if one.item == item and one.created_at <= last.created_at)
        return [last, *(one for one in older if one.id != last.id)]

    def prompts_of(self, item: ItemId) -> list[PromptRecord]:
        """Questions about one item, newest first."""
        return [one for one in self.prompts if one.item == item]


def home_state(
    orders: OrderStore,
    stocks: Sequence[StockEstimate],
    *,
    preferences: Preferences,
    zone: ZoneInfo,
    now: datetime,
) -> HomeState:
    """The home as its stores and sensors tell."""
    told = Presence(preferences, zone=zone.key)
    seen = away.seen_shift(stocks, presence=told, now=now) if preferences.notice_changes else None
    history = tuple(orders.intents(live=False, limit=_ORDERS_MAX))
    return HomeState(
        preferences=preferences,
        now=now,
        zone=zone,
        presence=Presence(preferences, zone=zone.key, seen=seen, seen_on=told.day(now)),
        orders=history,
        prompts=tuple(orders.prompts(live=False, limit=_PROMPTS_MAX)),
        question=away.question(seen, presence=told, now=now),
        budget_left_minor=budget_left_minor(preferences, history, zone=zone, now=now),
    )


def _is_drawn(prompt: PromptRecord) -> bool:
    """Whether a mandate paid for it, so that nobody was asked."""
    return (prompt.answered_by or "").startswith(_DRAWN)
