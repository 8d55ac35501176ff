"""An order that could not be made as it was: the table of what is said of it, and its laws."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.tracking import BUYER_HAS
from edge_agent.core.deciding.back_off import quiet
from edge_agent.core.deciding.problem import (
    ANSWERS,
    MENDED_WITHIN,
    REFUSED_FOR,
    Kind,
    Stand,
    Word,
    answered,
    problem_of,
    wants_a_person,
)
from edge_agent.core.intent import TRANSITIONS, IntentRecord, IntentState
from edge_agent.errors import RefusedError
from tests.edge_agent.consumables import MILK, START, stock_estimate
from tests.edge_agent.core.deciding.test_position import ORDER

STOCK = stock_estimate(MILK, packs=1.0)
REFUSED = replace(ORDER, state=IntentState.REJECTED, detail="payment_failed")


def test_every_stand_has_its_answers() -> None:
    """Nobody can say anything of what is over; the hub and the order service wait as long."""
    assert set(ANSWERS) == set(Stand)
    assert {stand for stand, answers in ANSWERS.items() if not answers} == {Stand.MENDED, Stand.OVER}
    assert MENDED_WITHIN == BUYER_HAS


@pytest.mark.parametrize("state", IntentState)
@pytest.mark.parametrize("detail", [*REFUSED_FOR, "merchant_refused", "terms_changed", None])
def test_which_orders_have_a_problem(state: IntentState, detail: str | None) -> None:
    """What was refused for something that can be mended, and what a buyer has to finish; nothing else."""
    problem = problem_of(replace(ORDER, state=state, detail=detail), now=START)
    if state is IntentState.NEEDS_BUYER:
        assert problem is not None
        assert (problem.kind, problem.answers) == (Kind.BUYER, frozenset())
        assert TRANSITIONS[state], "its order is alive"
    else:
        assert (problem is not None) == (state is IntentState.REJECTED and detail in REFUSED_FOR)


@given(
    detail=st.sampled_from(sorted(REFUSED_FOR)),
    said=st.lists(st.tuples(st.integers(0, 30), st.none() | st.sampled_from(Word)), max_size=8),
)
def test_an_open_problem_keeps_its_item_from_being_asked_about(
    detail: str, said: list[tuple[int, Word | None]]
) -> None:
    """Until somebody says that it is mended, or three days are over; and never longer."""
    order, now = replace(REFUSED, detail=detail), START
    for hours, word in said:
        now += timedelta(hours=hours)
        problem = problem_of(order, now=now)
        assert problem is not None
        if word is not None and word in problem.answers:
            order = answered(order, word, now=now).after
        elif word is not None:
            with pytest.raises(RefusedError):
                answered(order, word, now=now)
        waits = now < START + MENDED_WITHIN and order.problem_word != Word.MENDED
        assert (_asked_at(order, hours_later=(now - START) / timedelta(hours=1)) is None) == waits
    assert _asked_at(order, hours_later=72) is not None


def _asked_at(order: IntentRecord, *, hours_later: float) -> float | None:
    """That hour, if the item may be asked about then."""
    now = START + timedelta(hours=hours_later)
    found = quiet(MILK, prompts=(), orders=[order], estimate=STOCK, price=None, now=now)
    return hours_later if found is None else None


@pytest.mark.parametrize(
    ("detail", "word", "wants"),
    [
        ("payment_failed", None, True),
        ("address_undeliverable", None, True),
        ("out_of_stock", None, False),
        ("out_of_stock", "mended", True),
        ("merchant_refused", None, False),
    ],
)
def test_a_person_is_asked_before_it_is_tried_again(detail: str, word: str | None, wants: bool) -> None:
    """A mandate repeats nothing that was refused for its payment or its address, and nothing that was called mended."""
    assert wants_a_person(replace(REFUSED, detail=detail, problem_word=word)) == wants
    assert not wants_a_person(None)
