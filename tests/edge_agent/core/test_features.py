"""The model's inputs: one definition, in packs, finite whatever the history."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.feature_names import FEATURES, HISTORY_DAYS
from edge_agent.core.features import Floats, features
from edge_agent.core.model_rows import history

ORIGIN = date(2026, 3, 2)  # a Monday


def of(days: list[float], *, weekday: int = 0, prior: float = 0.2, category: int = 3) -> dict[str, float]:
    """The features by name of a history that ends on the day before the origin."""
    use = np.full((1, HISTORY_DAYS), np.nan)
    if days:
        use[0, -len(days) :] = days
    [row] = features(
        use, weekday=np.array([weekday]), prior_rate=np.array([prior]), category=np.array([category], dtype=np.int64)
    )
    return dict(zip(FEATURES, row.tolist(), strict=True))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param([], {"rate": 0.2, "rate_7": 0.2, "history_days": 0, "days_since_pack": 0}, id="no day"),
        pytest.param([1.0], {"rate": (4 * 0.2 + 1) / 5, "history_days": 1, "days_since_pack": 0}, id="one day"),
        pytest.param([1.0, 0.0], {"history_days": 2, "days_since_pack": 1, "peak_day": 1.0}, id="two days"),
        pytest.param([0.0] * 10, {"days_since_pack": 10, "events_in_84": 0, "used_share": 0}, id="never used"),
        pytest.param([0.25] * 40, {"peak_day": 0.25, "used_share": 1.0, "days_since_pack": 2}, id="inside a pack"),
        pytest.param([2.0] * 120, {"history_days": 112, "events_in_84": 84, "dispersion": 0.1 / 14.1}, id="steady"),
    ],
)
def test_features_of_known_histories(days: list[float], expected: dict[str, float]) -> None:
    """Each number is what its name says."""
    found = of(days)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_only_the_weekday_tells_the_time() -> None:
    """The weekday of the origin is one of seven; nothing else depends on it."""
    monday, friday = of([1.0] * 5), of([1.0] * 5, weekday=4)
    changed = {name for name in FEATURES if monday[name] != friday[name]}
    assert changed == {"weekday_0", "weekday_4"}


def test_gaps_are_not_zeros() -> None:
    """Days that nobody watched leave the rate where the watched days put it."""
    use = np.full((2, HISTORY_DAYS), np.nan)
    use[0, -30:] = 0.5
    use[1, -30::2] = 0.5
    rates = features(
        use, weekday=np.zeros(2, dtype=np.int64), prior_rate=np.full(2, 0.5), category=np.zeros(2, dtype=np.int64)
    )
    assert rates[:, : FEATURES.index("dispersion")] == pytest.approx(0.5)


def test_rates_scale_with_use() -> None:
    """Twice the use is twice the rate, at every window."""
    one, two = of([0.3, 0.0, 0.6] * 20, prior=0.2), of([0.6, 0.0, 1.2] * 20, prior=0.4)
    rates = [name for name in FEATURES if "rate" in name]
    assert [two[name] for name in rates] == pytest.approx([2 * one[name] for name in rates])


def test_history_places_days_and_drops_what_cannot_be() -> None:
    """Days go to their place before the origin; the origin itself, the far past and broken numbers are left out."""
    daily = [
        (ORIGIN - timedelta(days=400), 100.0),
        (ORIGIN - timedelta(days=3), -5.0),
        (ORIGIN - timedelta(days=2), 100.0),
        (ORIGIN - timedelta(days=1), float("nan")),
        (ORIGIN, 100.0),
        (ORIGIN + timedelta(days=1), 100.0),
    ]
    row = np.array(history(daily, origin=ORIGIN, pack_amount=50.0))
    assert np.flatnonzero(np.isfinite(row)).tolist() == [HISTORY_DAYS - 2]
    assert row[-2] == 2.0


@given(
    days=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=HISTORY_DAYS),
    prior=st.floats(0, 1e6),
)
@settings(max_examples=200, deadline=None)
def test_features_are_finite_and_not_negative(days: list[float], prior: float) -> None:
    """No history can make an input that is no number, negative, or beyond float32."""
    row: Floats = np.array(list(of(days, prior=prior).values())).astype(np.float32)
    assert np.isfinite(row).all()
    assert (row >= 0).all()


@given(days=st.lists(st.floats(0, 3), min_size=1, max_size=60), rows=st.integers(2, 4))
@settings(max_examples=50, deadline=None)
def test_a_row_does_not_depend_on_its_neighbours(days: list[float], rows: int) -> None:
    """A batch gives each item what it would get alone."""
    use = np.full((rows, HISTORY_DAYS), np.nan)
    use[0, -len(days) :] = days
    use[1:] = 7.0
    batch = features(
        use,
        weekday=np.zeros(rows, dtype=np.int64),
        prior_rate=np.full(rows, 0.2),
        category=np.full(rows, 3, dtype=np.int64),
    )
    assert batch[0].tolist() == pytest.approx(list(of(days).values()))


def trips_of(*ages: int, packs: float = 10.0) -> Floats:
    """A household that shopped so many days before the origin, and bought `packs` in all each time."""
    row = np.zeros((1, HISTORY_DAYS))
    row[0, [-age for age in ages]] = packs
    return row


def purchases(
    *ages: int, packs: float = 1.0, trips: Floats | None = None, first: int | None = None
) -> dict[str, float]:
    """The features by name of purchases so many days before the origin, known since the first one."""
    use = np.full((1, HISTORY_DAYS), np.nan)
    use[0, -(first or max(ages)) :] = 0.0
    use[0, [-age for age in ages]] = packs
    [row] = features(
        use, weekday=np.zeros(1, dtype=np.int64), prior_rate=np.full(1, 0.2), category=np.zeros(1, dtype=np.int64),
        trips=trips,
    )  # fmt: skip
    return dict(zip(FEATURES, row.tolist(), strict=True))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            purchases(31, 24, 14, 4),
            {"gaps": 3, "gap_mean": 9, "gap_median": 10, "gap_min": 7, "gap_max": 10, "gap_1": 10, "gap_2": 10,
             "gap_3": 7, "gap_4": 9, "days_since_pack": 3, "days_per_pack": 9,
             "events_in_14": 2, "packs_in_28": 3, "longer_gaps": 3, "longer_share": 1},
            id="three gaps",
        ),
        pytest.param(
            purchases(28, 21, 14, 7, packs=3.0),
            {"packs_1": 3, "packs_mean": 3, "packs_in_7": 3, "gap_deviation": 0, "days_per_pack": 7 / 3,
             "ends_within_7": (3 + 0.2) / 3.5, "ends_within_3": (3 + 0.1) / 3.5},
            id="a weekly household on day 6",
        ),
        pytest.param(
            purchases(9, first=60), {"gaps": 0, "gap_mean": 5, "gap_1": 5, "packs_1": 1, "longer_gaps": 0},
            id="one purchase: the guess makes the gap",
        ),
        pytest.param(purchases(4, 2), {"gap_mean": 2, "days_per_pack": 2, "context": 0, "trips_in_28": 0}, id="two"),
    ],
)  # fmt: skip
def test_features_of_known_purchases(found: dict[str, float], expected: dict[str, float]) -> None:
    """Gaps, packs and what usually follows, worked out by hand."""
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_shopping_days_are_told_apart_from_purchases() -> None:
    """Trips count whether or not this item was bought; without them their columns are 0."""
    found = purchases(40, 30, 20, trips=trips_of(1, 8, 20, 30, 40, packs=6.0))
    expected = {
        "context": 1, "days_since_trip": 0, "trips_in_7": 1, "trips_in_14": 2, "trips_in_28": 3, "trips_in_84": 5,
        "trips_since": 2, "basket_mean": 6, "basket_last": 6, "trip_gap": 84 / 5,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    alone = purchases(40, 30, 20)
    assert all(alone[name] == 0 for name in FEATURES if name.startswith(("trip", "basket", "days_since_trip")))


def test_weekdays_are_counted_from_the_origin() -> None:
    """Who always buys a multiple of seven days before the origin's weekday gets all weight on that weekday."""
    found = purchases(7, 14, 21, 28)
    assert found["event_after_0"] > 0.9
    assert sum(found[f"event_after_{day}"] for day in range(7)) == pytest.approx(1)
    assert purchases(6, 13, 20)["event_after_1"] > 0.9


def test_more_events_than_are_kept_are_the_newest() -> None:
    """A household that buys daily for a year is described by its newest purchases, in bounds."""
    found = purchases(*range(1, HISTORY_DAYS + 1))
    assert (found["gaps"], found["gap_mean"], found["packs_in_84"], found["history_days"]) == (24, 1, 84, 112)


@given(
    trips=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=HISTORY_DAYS),
    ages=st.sets(st.integers(1, HISTORY_DAYS), min_size=1, max_size=60),
)
@settings(max_examples=100, deadline=None)
def test_no_shopping_day_makes_an_input_that_is_no_number(trips: list[float], ages: set[int]) -> None:
    """Whatever is told of the household's trips, each input is finite and not negative."""
    row = np.zeros((1, HISTORY_DAYS))
    row[0, -len(trips) :] = trips
    found = np.array(list(purchases(*ages, trips=row).values()))
    assert np.isfinite(found).all()
    assert (found >= 0).all()
