"""What the items of a home share in one review: here how long its people take to answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import Preferences
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.deciding.situation import ANSWER_D
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.pipeline.home_state import HomeState
from tests.edge_agent.consumables import START
from tests.edge_agent.samples import prompt


def answered(hours: float, *, by: str) -> PromptRecord:
    """A question that somebody answered so many hours after it was asked."""
    asked = replace(prompt(), state=PromptState.APPROVED, created_at=START, answered_by=by)
    return replace(asked, changed_at=START + timedelta(hours=hours))


def home(*prompts: PromptRecord) -> HomeState:
    """A home that was asked these."""
    return HomeState(
        preferences=Preferences(),
        now=START + timedelta(days=9),
        zone=ZoneInfo("UTC"),
        presence=Presence(Preferences()),
        orders=(),
        prompts=prompts,
        question=None,
        budget_left_minor=None,
    )


def test_only_people_tell_how_long_people_take() -> None:
    """What a mandate paid for was answered at once, by nobody."""
    drawn, slow = answered(0.0, by="mandate:m1"), answered(30.0, by="anna")
    assert home().answer_time.mean_d == ANSWER_D
    assert home(*[drawn] * 9).answer_time.mean_d == ANSWER_D
    assert home(*[slow] * 9, *[drawn] * 9).answer_time.mean_d > 1.0
