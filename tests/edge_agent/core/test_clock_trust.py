"""How far the wall clock is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.clock_trust import ClockDoubt, ClockState, advance, bounds_for, compare, start, vouch
from tests.edge_agent.samples import NOW

BOUNDS = bounds_for(speed=1.0, timeout_s=10.0)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("wall", "high_water", "doubt"),
    [
        (NOW, None, None),
        (datetime(1970, 1, 1, tzinfo=UTC), None, ClockDoubt.BEFORE_RELEASE),
        (NOW + 365 * 50 * DAY, None, ClockDoubt.AHEAD),
        (NOW, NOW - DAY, None),
        (NOW, NOW + timedelta(minutes=4), None),
        (NOW, NOW + DAY, ClockDoubt.BEHIND),
        (NOW, NOW - 29 * DAY, None),
        (NOW, NOW - 31 * DAY, ClockDoubt.AHEAD),
    ],
)
def test_the_clock_at_start(wall: datetime, high_water: datetime | None, doubt: ClockDoubt | None) -> None:
    """A first start, an ordinary one, one after a clock went wrong either way."""
    state = start(wall, high_water=high_water, bounds=BOUNDS)
    assert state.doubt is doubt
    assert state.effective == (max(wall, high_water or wall) if doubt is None else high_water or wall)


def test_a_jump_is_told_from_time_that_passed() -> None:
    """Fifty days that really went by are believed; fifty days in a minute are not, and drag nothing along."""
    state = start(NOW, high_water=NOW, bounds=BOUNDS)
    passed = advance(state, wall=NOW + 50 * DAY, elapsed=50 * DAY, bounds=BOUNDS)
    assert (passed.doubt, passed.effective) == (None, NOW + 50 * DAY)
    jumped = advance(state, wall=NOW + 50 * DAY, elapsed=timedelta(minutes=1), bounds=BOUNDS)
    assert (jumped.doubt, jumped.effective) == (ClockDoubt.AHEAD, NOW + timedelta(minutes=1))


def test_a_clock_that_was_right_and_is_set_right_again_stays_believed() -> None:
    """A wall clock that is an hour behind the effective time, backed by the bridge, is not doubted at every look."""
    state = start(NOW, high_water=NOW + timedelta(hours=1), bounds=BOUNDS)
    assert state.doubt is ClockDoubt.BEHIND
    backed = compare(state, other=NOW, bounds=BOUNDS)
    later = advance(backed, wall=NOW + timedelta(minutes=1), elapsed=timedelta(minutes=1), bounds=BOUNDS)
    assert (later.doubt, later.effective) == (None, NOW + timedelta(hours=1))


def test_what_backed_a_clock_does_not_back_the_next_setting() -> None:
    """A person's word is for the time that the page showed."""
    vouched = vouch(start(NOW, high_water=NOW, bounds=BOUNDS))
    again = advance(vouched, wall=NOW - DAY, elapsed=timedelta(0), bounds=BOUNDS)
    assert again.doubt is ClockDoubt.BEHIND


def test_a_person_outweighs_another_source() -> None:
    """A bridge with a wrong clock cannot undo what an owner confirmed."""
    vouched = vouch(start(NOW, high_water=NOW, bounds=BOUNDS))
    assert compare(vouched, other=NOW + DAY, bounds=BOUNDS).doubt is None
    assert compare(start(NOW, high_water=NOW, bounds=BOUNDS), other=NOW + DAY, bounds=BOUNDS).doubt is (
        ClockDoubt.DISAGREES
    )


def test_a_simulation_is_not_doubted_for_its_speed() -> None:
    """At 25,000 times, a restart of ten seconds is three days and a slow answer half a day: nothing of it is a jump."""
    bounds = bounds_for(speed=25_000.0, timeout_s=10.0)
    restarted = start(NOW + timedelta(seconds=300) * 25_000, high_water=NOW, bounds=bounds)
    assert restarted.doubt is None
    assert compare(restarted, other=restarted.wall - timedelta(seconds=9) * 25_000, bounds=bounds).doubt is None


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e6), st.sampled_from(["look", "agree", "vouch"]))))
def test_the_effective_time_never_goes_back(looks: list[tuple[float, float, str]]) -> None:
    """Whatever the wall clock does and whoever says what of it."""
    state: ClockState = start(NOW, high_water=NOW, bounds=BOUNDS)
    for moved_s, elapsed_s, said in looks:
        before = state.effective
        wall, elapsed = NOW + timedelta(seconds=moved_s), timedelta(seconds=elapsed_s)
        state = advance(state, wall=wall, elapsed=elapsed, bounds=BOUNDS)
        if said == "agree":
            state = compare(state, other=wall, bounds=BOUNDS)
        if said == "vouch":
            state = vouch(state)
        assert state.effective >= before
        assert state.doubt is not None or state.effective >= wall
