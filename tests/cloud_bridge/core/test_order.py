"""The table of states, and what every change keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_bridge.core.order import (
    FOLLOWING,
    PLACING,
    TRANSITIONS,
    Attempt,
    OrderRecord,
    advance,
    cancel,
    dispatch,
    is_followed,
    note,
    route,
)
from cloud_bridge.errors import BugError
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import START, Signer

S = OrderState
ENDS = {S.REJECTED, S.EXPIRED, S.REFUNDED}


def order(state: S) -> OrderRecord:
    """An order in some state, claimed."""
    intent = Signer().intent()
    return OrderRecord(
        household="home-1",
        intent_id="i-1",
        merchant="grocer",
        state=state,
        terms=intent.terms,
        signature=intent.signature,
        body_sha256="0" * 64,
        accepted_at=START,
        hold_until=START,
        changed_at=START,
        due_at=START,
        lease_until=START,
    )


def test_every_state_is_in_the_table_and_only_ends_are_ends() -> None:
    """A state without a way on is one that nothing may change any more."""
    assert set(TRANSITIONS) == set(S)
    assert {state for state, after in TRANSITIONS.items() if not after} == ENDS


def test_no_state_comes_back_to_itself() -> None:
    """The table has no way round except that a proof of "not placed" allows to send again."""
    around = {state for state in S if route(state, state) is not None}
    assert around == {S.SENDING, S.UNKNOWN, S.NOT_PLACED, S.PARKED}


def test_worker_and_tracker_share_no_state_and_skip_no_open_one() -> None:
    """Each state that can still change by itself has exactly one who looks after it."""
    assert not PLACING & FOLLOWING
    passing = {S.NOT_PLACED}  # left in the transaction that enters it
    assert PLACING | FOLLOWING | ENDS | passing == set(S)


@pytest.mark.parametrize("state", list(S))
def test_the_tracker_looks_after_what_the_merchant_cancelled(state: S) -> None:
    """A cancelled order without a merchant's number has a session to close at the most, and no money to come back."""
    bought = replace(order(state), merchant_order_id="o-1")
    assert is_followed(order(state)) == (state in FOLLOWING)
    assert is_followed(bought) == (state in FOLLOWING | {S.CANCELLED})


@pytest.mark.parametrize("start", list(S))
@pytest.mark.parametrize("goal", list(S))
def test_a_step_is_taken_exactly_where_the_table_has_it(start: S, goal: S) -> None:
    """Everything else is our own contradiction."""
    if goal in TRANSITIONS[start]:
        change = advance(order(start), goal, now=START)
        assert (change.after.state, change.after.version, change.after.lease_until) == (goal, 2, None)
    else:
        with pytest.raises(BugError):
            advance(order(start), goal, now=START)


@pytest.mark.parametrize(
    ("start", "goal", "way"),
    [
        (S.PLACED, S.DELIVERED, (S.SHIPPED, S.DELIVERED)),
        (S.UNKNOWN, S.REJECTED, (S.NOT_PLACED, S.REJECTED)),
        (S.PARKED, S.EXPIRED, (S.NOT_PLACED, S.EXPIRED)),
        (S.UNKNOWN, S.NEEDS_BUYER, (S.NOT_PLACED, S.SENDING, S.NEEDS_BUYER)),
        (S.SHIPPED, S.CANCELLED, (S.CANCELLED,)),
        (S.PARTLY_DELIVERED, S.CANCELLED, (S.CANCELLED,)),
        (S.PLACED, S.NEVER_ARRIVED, (S.NEVER_ARRIVED,)),
        (S.DELIVERED, S.SHIPPED, None),
        (S.CANCELLED, S.PLACED, None),
        (S.CANCELLED, S.REFUNDED, (S.REFUNDED,)),
        (S.PLACED, S.REFUNDED, (S.CANCELLED, S.REFUNDED)),
        (S.DELIVERED, S.REFUNDED, (S.REFUNDED,)),
    ],
)
def test_a_way_names_every_state_in_between(start: S, goal: S, way: tuple[S, ...] | None) -> None:
    """The household is told each of them."""
    assert route(start, goal) == way


@pytest.mark.parametrize("state", list(S))
def test_only_an_order_in_the_hold_can_be_cancelled(state: S) -> None:
    """After the attempt's record a cancel changes nothing."""
    assert (cancel(order(state), now=START) is not None) == (state is S.HELD)


def test_an_attempt_keeps_the_claim() -> None:
    """Nobody else may take an order that is being sent."""
    change = dispatch(order(S.HELD), Attempt(1, "key", "0" * 64, START), now=START)
    assert (change.after.state, change.after.lease_until, change.attempt is not None) == (S.SENDING, START, True)


def test_the_same_note_is_told_once() -> None:
    """A merchant that stays away is not news."""
    first = note(order(S.HELD), now=START, detail="merchant_away")
    assert len(first.said) == 1
    assert note(first.after, now=START, detail="merchant_away").said == ()
