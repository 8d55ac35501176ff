"""The model's inputs: one definition, in packs, finite whatever the history."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.features import FEATURES, HISTORY_DAYS, Floats, features, history

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
        pytest.param([0.0] * 10, {"days_since_pack": 10, "busy_share": 0, "used_share": 0}, id="never used"),
        pytest.param([0.25] * 40, {"peak_day": 0.25, "used_share": 1.0, "days_since_pack": 2}, id="inside a pack"),
        pytest.param([2.0] * 120, {"history_days": 120, "busy_share": 1.0, "dispersion": 0.1 / 14.1}, id="steady"),
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
        (ORIGIN - timedelta(days=200), 100.0),
        (ORIGIN - timedelta(days=3), -5.0),
        (ORIGIN - timedelta(days=2), 100.0),
        (ORIGIN - timedelta(days=1), float("nan")),
        (ORIGIN, 100.0),
        (ORIGIN + timedelta(days=1), 100.0),
    ]
    row = history(daily, origin=ORIGIN, pack_amount=50.0)
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
    assert batch[0].tolist() == list(of(days).values())
