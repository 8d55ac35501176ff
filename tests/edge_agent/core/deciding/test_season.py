"""Seasons change what is foreseen a little, and only where the household said on which half of the earth it lives."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.deciding.season import Hemisphere, factor, is_cold


@pytest.mark.parametrize(
    ("category", "hemisphere", "month", "is_more"),
    [
        ("washer_fluid", "north", 11, True),
        ("washer_fluid", "north", 4, False),
        ("washer_fluid", "south", 5, True),
        ("air_conditioner_filter", "north", 5, True),
        ("air_conditioner_filter", "north", 10, False),
    ],
)
def test_the_coming_weeks_against_those_behind(
    category: str, hemisphere: Hemisphere, month: int, is_more: bool
) -> None:
    """More as the season comes, less as it goes."""
    found = factor(category, hemisphere=hemisphere, now=datetime(2026, month, 1, tzinfo=UTC))
    assert (found > 1.02) if is_more else (found < 0.98)


def test_nothing_is_assumed() -> None:
    """Without a hemisphere, and for what has no season, the factor is 1."""
    winter = datetime(2026, 11, 1, tzinfo=UTC)
    assert factor("washer_fluid", hemisphere=None, now=winter) == factor("milk", hemisphere="north", now=winter) == 1.0
    assert not is_cold(hemisphere=None, now=winter)


@given(day=st.integers(1, 366), category=st.sampled_from(["washer_fluid", "road_salt", "air_conditioner_filter"]))
def test_the_factor_is_bounded(day: int, category: str) -> None:
    """Never below half and never above twice."""
    now = datetime.strptime(f"2028-{day}", "%Y-%j").replace(tzinfo=UTC)
    assert 0.5 <= factor(category, hemisphere="north", now=now) <= 2.0


def test_cold_begins_before_it_is_cold() -> None:
    """Time to change what is bought: from the end of September, in the north."""
    assert is_cold(hemisphere="north", now=datetime(2026, 10, 15, tzinfo=UTC))
    assert not is_cold(hemisphere="north", now=datetime(2026, 8, 1, tzinfo=UTC))
    assert is_cold(hemisphere="south", now=datetime(2026, 6, 1, tzinfo=UTC))
