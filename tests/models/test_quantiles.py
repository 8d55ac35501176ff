"""From chances to quantiles and scores: exact on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.classical import _hazard, _own_past
from models.needs import NeedRows
from models.quantiles import LEVELS, PACK_EDGES, Answer, answer_of, coverage, losses, relative, resampled


def rows_of(days: list[int], packs: list[float] | None = None) -> NeedRows:
    """Rows with these answers and no inputs."""
    count = len(days)
    amounts = np.tile(np.array(packs or [0.0] * count)[:, None], (1, 3)).astype(np.float32)
    ones = np.ones(count, dtype=np.int64)
    return NeedRows(np.zeros((count, 1), np.float32), np.array(days), ones * 55, amounts, ones, np.arange(count))


def chances_of(days: np.ndarray[tuple[int], np.dtype[np.float64]], packs: float) -> Answer:
    """The answer of a head that gives these chances of days, and surely `packs`."""
    edges = (np.array(PACK_EDGES) >= packs).astype(float)
    return answer_of(1 - np.stack([days, edges, edges, edges])[None])


def test_quantiles_of_days_are_the_first_day_that_reaches_them() -> None:
    """One percent a day: the 10 % quantile is day 10, and what is never reached is 56."""
    answer = chances_of(np.arange(1, 56) / 100 + 1e-6, 3)
    assert answer.days[0, LEVELS.index(0.1)] == 10
    assert answer.days[0, LEVELS.index(0.5)] == 50
    assert answer.days[0, LEVELS.index(0.6)] == 56
    assert answer.week[0] == pytest.approx(0.07, abs=1e-4)


@pytest.mark.parametrize("packs", [0, 1, 12, 30])
def test_quantiles_of_packs_are_whole_packs(packs: int) -> None:
    """A sure number of packs is every quantile."""
    assert (chances_of(np.zeros(55), packs).packs == packs).all()


def test_quantiles_inside_a_coarse_step_are_spread_over_it() -> None:
    """Between 240 and 300 packs the median lies halfway."""
    edges = (np.array(PACK_EDGES) >= 300).astype(float)
    answer = answer_of(1 - np.stack([np.zeros(55), edges, edges, edges])[None])
    assert answer.packs[0, 0, LEVELS.index(0.5)] == pytest.approx(270, abs=1)


def test_a_forecast_is_as_good_as_itself() -> None:
    """The score relative to the same losses is 1; half the loss is 0.5, whatever the categories' sizes."""
    rng = np.random.default_rng(1)
    loss, category = rng.uniform(1, 2, (200, 4)), rng.integers(1, 5, 200)
    assert relative(loss, loss, category=category)[0] == pytest.approx(1)
    assert relative(loss / 2, loss, category=category)[1] == pytest.approx([0.5] * 4)


def test_losses_are_the_pinball_of_nine_levels() -> None:
    """A sure answer that is 10 days off costs 5 on average over levels around the middle."""
    sure = Answer(np.full((1, 15), 20.0), np.zeros((1, 3, 15)), np.zeros(1))
    assert losses(sure, rows_of([30]))[0].tolist() == pytest.approx([5, 0, 0, 0])


def test_true_chances_are_covered_as_promised() -> None:
    """Days drawn from the forecast itself lie in its intervals as often as it says."""
    rng = np.random.default_rng(1)
    chance = 1 - 0.95 ** np.arange(1, 56)
    days = np.minimum(rng.geometric(0.05, 40_000), 56)
    answer = Answer(
        np.tile(chances_of(chance, 0).days, (len(days), 1)), np.zeros((len(days), 3, 15)), np.zeros(len(days))
    )
    assert coverage(answer, rows_of(days.tolist()))["days"].mean(axis=0) == pytest.approx([0.5, 0.8, 0.95], abs=0.02)


def test_resamples_keep_households_whole() -> None:
    """All rows of a household get the same weight, and the weights add up to the number of households."""
    household = np.array([5, 5, 9, 9, 9, 7])
    for weights in resampled(household, rng=np.random.default_rng(1), draws=20):
        assert len(set(weights[:2])) == len(set(weights[2:5])) == 1
        assert weights[[0, 2, 5]].sum() == 3


def test_the_pooled_hazard_counts_from_where_a_wait_was_entered() -> None:
    """Waits without memory have the same hazard wherever they are entered: no bias to long ones."""
    rng = np.random.default_rng(1)
    waited = rng.integers(0, 20, 20_000).astype(float)
    days = np.minimum(rng.geometric(0.1, len(waited)), 56)
    ratio, total = _hazard(np.ones(len(waited)), waited, days)
    slope = np.polyfit(ratio[(ratio > 2) & (ratio < 40)], total[(ratio > 2) & (ratio < 40)], 1)[0]
    assert slope == pytest.approx(-np.log(0.9), rel=0.1)


def test_the_own_past_from_the_same_wait_on() -> None:
    """Of gaps of 5, 9 and 7 days, two lasted longer than five days: 4 and 2 days more."""
    days, packs = np.array([0, 5, 14, 21]), np.array([1, 2, 3, 4])
    left, spans = _own_past(days, packs, origin=27)
    assert left.tolist() == [4, 2]
    assert spans[0].tolist() == [3, 4]
