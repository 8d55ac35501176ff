"""The life of a prompt."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge_agent.core.prompt import LIVE, TRANSITIONS, DeclineReason, PromptEvent, PromptState, due_event, step
from edge_agent.errors import RefusedError
from tests.edge_agent.samples import NOW, prompt


def test_the_table_names_every_state() -> None:
    """No state is missing from the table, and only open and snoozed prompts can still change."""
    assert set(TRANSITIONS) == set(PromptState)
    assert {state for state, steps in TRANSITIONS.items() if steps} == LIVE


def test_an_approval_after_the_offer_is_refused() -> None:
    """An offer that has ended cannot be approved, however open the prompt still looks."""
    open_prompt = prompt()
    with pytest.raises(RefusedError, match="ended"):
        step(open_prompt, PromptEvent.APPROVE, now=open_prompt.offer.expires_at, by="anna")


@pytest.mark.parametrize(
    ("state", "after", "event"),
    [
        (PromptState.OPEN, timedelta(hours=1), None),
        (PromptState.OPEN, timedelta(days=3), PromptEvent.EXPIRE),
        (PromptState.SNOOZED, timedelta(hours=5), None),
        (PromptState.SNOOZED, timedelta(hours=6), PromptEvent.WAKE),
        (PromptState.SNOOZED, timedelta(days=3), PromptEvent.EXPIRE),
        (PromptState.APPROVED, timedelta(days=30), None),
    ],
)
def test_what_time_does(state: PromptState, after: timedelta, event: PromptEvent | None) -> None:
    """Time wakes a snoozed prompt and ends a live one with its offer; it never touches an answered one."""
    record = prompt()
    if state is PromptState.SNOOZED:
        record = step(record, PromptEvent.SNOOZE, now=NOW, by="anna", wake_at=NOW + timedelta(hours=6)).after
    elif state is PromptState.APPROVED:
        record = step(record, PromptEvent.APPROVE, now=NOW, by="anna").after
    assert due_event(record, now=NOW + after) is event


class PromptMachine(RuleBasedStateMachine):
    """Any order of events: an answered prompt never changes again, and versions only rise."""

    def __init__(self) -> None:
        super().__init__()
        self.record = prompt()
        self.final: PromptState | None = None
        self.changes = 0

    @rule(event=st.sampled_from(PromptEvent), hours=st.integers(0, 80))
    def happen(self, event: PromptEvent, hours: int) -> None:
        """Try an event at some hour."""
        now = NOW + timedelta(hours=hours)
        try:
            change = step(self.record, event, now=now, by="anna", wake_at=now, decline_reason=DeclineReason.NOT_NOW)
        except RefusedError:
            return
        assert change.seen_version == self.record.version
        self.record = change.after
        self.changes += 1
        if self.record.state not in LIVE:
            assert self.final is None, "an answered prompt changed again"
            self.final = self.record.state

    @invariant()
    def final_states_stay(self) -> None:
        """Absorbing states absorb, and each change counts once."""
        assert self.record.version == 1 + self.changes
        if self.final is not None:
            assert self.record.state is self.final


TestPromptMachine = PromptMachine.TestCase
