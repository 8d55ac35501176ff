"""Rows of use: the traps of the data, each pinned on purchases made up for it."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.core.feature_names import FEATURES
from edge_agent.core.forecast import HORIZONS_D
from models import use_rows
from models.dataset import Purchases
from models.use_rows import SCORING, SENSED, TRAINING, YOUNG, Origins, Rows, build_rows, steady_rows

WEEKLY = Purchases(household=1, category=1, days=np.arange(3, 360, 7), packs=np.full(51, 2))


def rows_of(*series: Purchases, origins: Origins = SCORING, seed: int = 1) -> Rows:
    """Rows from one seed."""
    return build_rows(series, origins=origins, rng=np.random.default_rng(seed))


def column(rows: Rows, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """One feature of all rows."""
    return np.asarray(rows.inputs[:, FEATURES.index(name)])


def test_demand_of_a_steady_household() -> None:
    """Two packs a week are about two, four and eight packs in the horizons."""
    rows = rows_of(WEEKLY)
    assert rows.demand.mean(axis=0)[-3:] == pytest.approx([2, 4, 8], rel=0.1)
    assert (np.diff(rows.demand, axis=1) >= 0).all()


def test_packs_are_spread_at_random_and_never_after_the_next_purchase() -> None:
    """The last pack of a purchase ends with the next one, the others anywhere before; other seeds, other days."""
    one, two = (use_rows._finished_at(WEEKLY, rng=np.random.default_rng(seed)) for seed in (1, 2))
    assert one[1::2] == pytest.approx(np.append(WEEKLY.days[1:], WEEKLY.days[-1] + 7))
    assert not np.allclose(one[::2], two[::2])
    assert one.std() > 0


@pytest.mark.parametrize("portions", [1, 8])
def test_no_use_is_lost_by_portions(portions: int) -> None:
    """In whole packs or in portions, the year holds the same packs."""
    rng = np.random.default_rng(1)
    daily = use_rows._daily_use(np.array([10.5, 20.0, 364.9, 400.0]), start=3.0, portions=portions, rng=rng)
    assert len(daily) == 365
    assert daily[:21].sum() == pytest.approx(2.0)
    assert daily.sum() <= 4.0


def test_origins_never_use_the_future() -> None:
    """What is bought from an origin on changes neither the choice of the origin nor the history before it."""
    faded = Purchases(1, 1, WEEKLY.days[:29], WEEKLY.packs[:29])
    origin = min(use_rows._origins_of(WEEKLY, origins=SCORING), key=lambda day: abs(day - 200))
    assert origin in use_rows._origins_of(faded, origins=SCORING)
    last = int(faded.days[-1])
    assert all(chosen - last <= 84 for chosen in use_rows._origins_of(faded, origins=SCORING))


def test_a_target_is_always_observed() -> None:
    """The longest horizon of the last origin ends within the year."""
    assert max(use_rows._origins_of(WEEKLY, origins=TRAINING)) + max(HORIZONS_D) <= 365


def test_a_faded_item_ends() -> None:
    """After the last purchase has lasted its time, demand is zero: a series that ended is no steady one."""
    faded = Purchases(1, 1, np.arange(3, 200, 7), np.full(29, 1))
    late = rows_of(faded).demand[-1]
    assert late == pytest.approx([0.0] * 6)


def test_views_hide_what_they_say() -> None:
    """A young view shows at most two months, a sensed one shows use on most days; scoring shows all, with its name."""
    series = [Purchases(household, 1, WEEKLY.days, WEEKLY.packs) for household in range(40)]
    assert column(rows_of(*series), "history_days").min() == 112
    assert column(rows_of(*series, origins=YOUNG), "history_days").max() < 60
    sensed, packs = (column(rows_of(*series, origins=view), "used_share").mean() for view in (SENSED, SCORING))
    assert sensed > 2 * packs
    hidden = (column(rows_of(*series, origins=TRAINING), "category") == 0).mean()
    assert 0.05 < hidden < 0.3


def test_steady_homes_are_steady() -> None:
    """Made-up homes use an item on many days, and the next weeks look like the last ones."""
    rows = steady_rows(400, rng=np.random.default_rng(1))
    assert column(rows, "used_share").mean() > 0.5
    ratio = rows.demand[:, -1] / np.maximum(column(rows, "rate_28") * 28, 1e-3)
    assert 0.8 < float(np.median(ratio)) < 1.2
    assert (np.diff(rows.demand, axis=1) >= 0).all()


def test_rows_are_seeded() -> None:
    """The same seed gives the same rows."""
    assert (rows_of(WEEKLY).inputs == rows_of(WEEKLY).inputs).all()
