"""Lead times: shrunk to what the household expects, taught by its own orders, never fooled by one that is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.deciding.lead_time import LEAD_TIME_MAX_D, answer_time, lead_time
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.prompt import PromptRecord, PromptState
from tests.edge_agent.consumables import START
from tests.edge_agent.core.deciding.test_position import ORDER
from tests.edge_agent.samples import prompt

NOW = START + timedelta(days=100)


def came(days: float, *, merchant: str = "grocer", ago_d: float = 20.0) -> IntentRecord:
    """An order that a sensor saw come after so many days."""
    made = NOW - timedelta(days=ago_d)
    return replace(
        ORDER,
        merchant=merchant,
        state=IntentState.DELIVERED,
        created_at=made,
        changed_at=made + timedelta(days=days + 3),
        arrived_at=made + timedelta(days=days),
    )


def test_without_orders_it_is_what_the_household_expects() -> None:
    """Nothing is made up, and nothing is added for safety."""
    found = lead_time([], merchant="grocer", expected_d=2.0, now=NOW)
    assert (found.mean_d, found.within(0.99), found.orders) == (2.0, 2.0, 0)


def test_orders_teach_it_slowly_and_then_well() -> None:
    """One slow order moves it a little; twenty nearly all the way. Other merchants teach nothing."""
    one = lead_time([came(6.0), came(20.0, merchant="other")], merchant="grocer", expected_d=2.0, now=NOW)
    many = lead_time([came(6.0)] * 20, merchant="grocer", expected_d=2.0, now=NOW)
    assert 2.5 < one.mean_d < 3.5
    assert 5.0 < many.mean_d < 6.0
    assert one.orders == 1


def test_an_uneven_merchant_needs_more_days_to_be_sure() -> None:
    """The quantile grows with the spread of the orders, not only with their mean."""
    even = lead_time([came(4.0)] * 10, merchant="grocer", expected_d=4.0, now=NOW)
    uneven = lead_time([came(1.0), came(7.0)] * 5, merchant="grocer", expected_d=4.0, now=NOW)
    assert even.mean_d == pytest.approx(uneven.mean_d)
    assert uneven.within(0.8) > even.within(0.8) > even.mean_d


def test_an_order_that_never_comes_does_not_look_fast() -> None:
    """On its way for nine days already: it counts for nine; one that is a day old says nothing yet."""
    late = replace(ORDER, state=IntentState.SHIPPED, created_at=NOW - timedelta(days=9))
    fresh = replace(ORDER, state=IntentState.SHIPPED, created_at=NOW - timedelta(days=1))
    assert lead_time([late], merchant="grocer", expected_d=2.0, now=NOW).mean_d > 3.5
    assert lead_time([fresh], merchant="grocer", expected_d=2.0, now=NOW).orders == 0


@pytest.mark.parametrize("state", [IntentState.CANCELLED, IntentState.REJECTED, IntentState.UNKNOWN, IntentState.HELD])
def test_what_never_was_on_its_way_teaches_nothing(state: IntentState) -> None:
    """An order that came to nothing has no lead time."""
    order = replace(ORDER, state=state, created_at=NOW - timedelta(days=30))
    assert lead_time([order], merchant="grocer", expected_d=2.0, now=NOW).orders == 0


def test_what_went_back_took_its_time_all_the_same() -> None:
    """Goods that were returned or paid for again had come first; without a word of when, nobody knows how fast."""
    made = NOW - timedelta(days=20)
    back = replace(ORDER, state=IntentState.RETURNED, created_at=made, changed_at=NOW)
    told = replace(back, delivered_at=made + timedelta(days=9))
    assert lead_time([told], merchant="grocer", expected_d=2.0, now=NOW).mean_d == pytest.approx(3.75)
    assert lead_time([back], merchant="grocer", expected_d=2.0, now=NOW).orders == 0


@given(
    days=st.lists(st.floats(-5, 500), max_size=40),
    expected=st.integers(0, 30),
    low=st.floats(0.01, 0.5),
    high=st.floats(0.5, 0.99),
)
@settings(max_examples=100, deadline=None)
def test_it_stays_within_sane_bounds(days: list[float], expected: int, low: float, high: float) -> None:
    """Whatever the orders say, also ones that came before they were made: 0 to the limit, rising with certainty."""
    found = lead_time([came(one) for one in days], merchant="grocer", expected_d=float(expected), now=NOW)
    assert 0 <= found.within(low) <= found.within(high) <= LEAD_TIME_MAX_D


def answered(hours: float, *, state: PromptState = PromptState.APPROVED) -> PromptRecord:
    """A question that ended so many hours after it was asked."""
    return replace(prompt(), state=state, created_at=START, changed_at=START + timedelta(hours=hours))


def test_how_long_people_take_to_answer_is_learned() -> None:
    """Nothing is made up without answers; quick ones shorten the wait, and what nobody answered counts as it stood."""
    assert answer_time([], expected_d=0.5).mean_d == 0.5
    assert answer_time([answered(1.0)] * 20, expected_d=0.5).mean_d < 0.2
    slow = answer_time([answered(72.0, state=PromptState.EXPIRED)] * 5, expected_d=0.5)
    assert slow.mean_d > 1.5
    assert slow.spread_d > 0


def test_a_question_that_is_still_open_or_was_withdrawn_says_nothing_of_answers() -> None:
    """Nobody has answered it, and perhaps nobody was to."""
    kept = [answered(90.0, state=state) for state in (PromptState.OPEN, PromptState.SNOOZED, PromptState.WITHDRAWN)]
    assert answer_time(kept, expected_d=0.5).orders == 0
