"""The terms of a mandate, and its life."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pydantic import ValidationError

from edge_agent.core.leave.ap2 import as_ap2
from edge_agent.core.leave.mandate import (
    LIVE,
    TRANSITIONS,
    MandateDraft,
    MandateEvent,
    MandateState,
    MandateTerms,
    canonical_mandate,
    period_of,
    step,
)
from edge_agent.errors import NotAllowedError, RefusedError
from tests.edge_agent.leave import MADE_AT, draft, mandate, mandate_terms
from tests.edge_agent.samples import NOW


def test_the_table_names_every_state() -> None:
    """No state is missing, and what has ended never changes again."""
    assert set(TRANSITIONS) == set(MandateState)
    assert {state for state, steps in TRANSITIONS.items() if steps} == LIVE


def test_the_signed_bytes_are_canonical_and_whole() -> None:
    """Every field of the terms is signed, in one form, and reads back the same."""
    signed = canonical_mandate(mandate_terms())
    fields = json.loads(signed)
    assert list(fields) == sorted(fields)
    assert set(fields) == set(MandateTerms.model_fields)
    assert MandateTerms.model_validate_json(signed) == mandate_terms()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budget", {"currency": "EUR", "max_minor": 3000}),
        ("amount_range", {"currency": "USD", "min_minor": 2001, "max_minor": 2000}),
        ("execution_date", {"not_before": "2027-01-01", "not_after": "2026-12-31"}),
        ("budget", {"currency": "USD", "max_minor": 30.0}),
        ("budget", {"currency": "USD", "max_minor": -1}),
        ("recurrence", {"frequency": "ON_DEMAND"}),
        ("recurrence", {"frequency": "MONTHLY", "max_occurrences": 0}),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("items", []),
    ],
)
def test_what_contradicts_itself_is_refused(field: str, value: object) -> None:
    """Two currencies, an empty range, a float or an unknown zone make no mandate."""
    document = json.loads(draft().model_dump_json()) | {field: value}
    with pytest.raises(ValidationError):
        MandateDraft.model_validate_json(json.dumps(document))


def test_an_item_stands_once() -> None:
    """Two limits for one item would leave open which one holds."""
    with pytest.raises(ValidationError, match="twice"):
        draft("milk", "milk")


def test_who_proposed_does_not_confirm() -> None:
    """Two people means two."""
    proposed = mandate(state=MandateState.PROPOSED)
    with pytest.raises(NotAllowedError, match="second person"):
        step(proposed, MandateEvent.CONFIRM, now=NOW, by="anna", signature=b"m" * 64)
    after = step(proposed, MandateEvent.CONFIRM, now=NOW, by="ben", signature=b"m" * 64).after
    assert (after.state, after.confirmed_by, after.signature) == (MandateState.ACTIVE, "ben", b"m" * 64)


@pytest.mark.parametrize("event", [MandateEvent.PAUSE, MandateEvent.REVOKE, MandateEvent.EXPIRE])
def test_a_mandate_that_stands_still_has_no_signature(event: MandateEvent) -> None:
    """So a row that somebody makes active again behind the hub's back gives no leave."""
    assert step(mandate(), event, now=NOW, by="anna").after.signature is None


@pytest.mark.parametrize("event", [MandateEvent.CONFIRM, MandateEvent.RESUME])
def test_leave_is_not_given_after_the_end_nor_by_a_clock_that_went_back(event: MandateEvent) -> None:
    """Stopping works at any time; starting needs a time that can be."""
    state = MandateState.PROPOSED if event is MandateEvent.CONFIRM else MandateState.PAUSED
    record = mandate(state=state)
    with pytest.raises(RefusedError, match="ended"):
        step(record, event, now=NOW + timedelta(days=400), by="ben", signature=b"m" * 64)
    with pytest.raises(RefusedError, match="clock"):
        step(record, event, now=MADE_AT - timedelta(seconds=1), by="ben", signature=b"m" * 64)
    assert step(record, MandateEvent.REVOKE, now=MADE_AT - timedelta(days=9), by="ben").after.state not in LIVE


def test_the_first_day_is_that_of_the_household() -> None:
    """A mandate made on 1 March at 08:00 UTC counts from the evening before where the home is in Samoa."""
    terms = mandate_terms(draft(timezone="Pacific/Pago_Pago"))
    assert terms.first_day == date(2026, 2, 28)
    assert period_of(terms, MADE_AT).index == 0
    assert mandate_terms(draft(timezone="Pacific/Auckland")).first_day == date(2026, 3, 1)


class MandateMachine(RuleBasedStateMachine):
    """Any order of events: what has ended stays ended, versions only rise, only an active one is signed."""

    def __init__(self) -> None:
        super().__init__()
        self.record = mandate(state=MandateState.PROPOSED)
        self.ended: MandateState | None = None
        self.changes = 0

    @rule(event=st.sampled_from(MandateEvent), hours=st.integers(-48, 9_000), by=st.sampled_from(["anna", "ben"]))
    def happen(self, event: MandateEvent, hours: int, by: str) -> None:
        """Try an event at some hour, by somebody."""
        try:
            change = step(self.record, event, now=NOW + timedelta(hours=hours), by=by, signature=b"m" * 64)
        except RefusedError:
            return
        self.record = change.after
        self.changes += 1
        if self.record.state not in LIVE:
            assert self.ended is None, "a mandate that had ended changed again"
            self.ended = self.record.state

    @invariant()
    def it_is_signed_while_active(self) -> None:
        """Absorbing states absorb, each change counts once, and leave is where the signature is."""
        assert self.record.version == 1 + self.changes
        assert (self.record.signature is not None) == (self.record.state is MandateState.ACTIVE)
        assert self.record.state is not MandateState.ACTIVE or self.record.confirmed_by == "ben"
        if self.ended is not None:
            assert self.record.state is self.ended


TestMandateMachine = MandateMachine.TestCase


@pytest.mark.parametrize(
    ("currency", "budget_minor", "major"), [("USD", 3_001, 30.01), ("JPY", 3_001, 3001.0), ("BHD", 3_001, 3.001)]
)
def test_ap2_counts_a_budget_in_major_units(currency: str, budget_minor: int, major: float) -> None:
    """The export converts the budget by its currency, and nothing else."""
    terms = mandate_terms(draft(currency=currency, budget_minor=budget_minor))
    exported = as_ap2(terms)
    constraints = {one["type"]: one for one in exported["open_payment_mandate"]["constraints"]}
    assert constraints["payment.budget"]["max"] == major
    assert (constraints["payment.amount_range"]["min"], constraints["payment.amount_range"]["max"]) == (100, 2_000)
    [line] = exported["open_checkout_mandate"]["line_items"]
    assert [product["id"] for product in line["acceptable_items"]] == ["milk-whole-1l", "milk-skimmed-1l"]
    json.dumps(exported)
