"""When the hub asks: what is drawn stays between its bounds, and what begins together does not go on together."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core import pacing

chances = st.floats(0, 1, exclude_max=True)
periods = st.floats(1, 604_800)


@given(period_s=periods, chance=chances)
def test_a_first_pause_is_somewhere_in_the_period(period_s: float, chance: float) -> None:
    """So news are never later than they would be without it."""
    assert 0 <= pacing.first_pause_s(period_s, chance=chance) <= period_s


@given(period_s=periods, failures=st.integers(1, 5_000), longest_s=periods, chance=chances)
def test_a_pause_in_doubt_is_bounded(period_s: float, failures: int, longest_s: float, chance: float) -> None:
    """Half of the period at the least, and the longest at the most, however long the bridge is away."""
    pause_s = pacing.pause_in_doubt_s(period_s, failures=failures, longest_s=longest_s, chance=chance)
    assert period_s / 2 <= pause_s <= max(period_s, longest_s)


def test_a_pause_in_doubt_doubles() -> None:
    """Half a minute, a minute, two, four, and five from then on."""
    pauses = [pacing.pause_in_doubt_s(30, failures=n, longest_s=300, chance=0.0) for n in range(1, 7)]
    assert pauses == [30, 60, 120, 240, 300, 300]


@given(every_s=periods, chance=chances)
def test_a_list_is_asked_for_about_as_often_as_is_said(every_s: float, chance: float) -> None:
    """A tenth sooner and a twenty-fourth later at the most."""
    life_s, wait_s = pacing.price_life_s(every_s, chance=chance), pacing.wait_aside_s(every_s, chance=chance)
    assert 0.9 * every_s <= life_s <= every_s
    assert 0 <= wait_s <= every_s / 24


@pytest.mark.parametrize(("days", "share_max"), [(0, 1.0), (1, 0.45), (28, 0.12)])
def test_a_crowd_of_lists_is_drawn_apart(days: int, share_max: float) -> None:
    """Of hubs that all asked within a quarter of an hour, ever fewer ask in the same hour, day after day."""
    rng = random.Random(7)
    asked_h = [rng.uniform(0, 0.25) for _ in range(4_000)]
    for _ in range(days):
        asked_h = [
            at + pacing.price_life_s(24, chance=rng.random()) + pacing.wait_aside_s(24, chance=rng.random())
            for at in asked_h
        ]
    crowds = [0] * 24
    for at in asked_h:
        crowds[int(at) % 24] += 1
    assert max(crowds) / len(asked_h) <= share_max
