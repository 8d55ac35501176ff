"""A new model against the old one on the home's own past: fair, and decided by the days that have passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.challenge import CASES_MIN, REPLAY_DAYS, pinball, replays, verdict
from edge_agent.core.forecast import built_in, gamma_demand
from edge_agent.core.messages import Forecast
from tests.edge_agent.consumables import DETERGENT, MILK, stock_estimate

STEADY = stock_estimate(MILK, use_packs=[0.5] * 120)


def forecast_of(rate: float) -> Forecast:
    """A forecast of milk at some packs a day."""
    return replace(built_in(MILK, STEADY), demand=gamma_demand(rate, rate_spread=0.2))


def test_a_replay_knows_the_days_before_it_and_no_other() -> None:
    """Each replay sees less than the estimate does, and the truth is what was used from its day on."""
    found = replays(MILK, STEADY)
    assert len(found) == (REPLAY_DAYS - 3 + 2) // 3
    for case in found:
        assert max(day for day, _ in case.estimate.daily_use) < case.estimate.as_of.date()
        assert case.used_packs[3] == pytest.approx(2.0)
    assert min(len(case.used_packs) for case in found) == 4


@pytest.mark.parametrize("days", [0, 1, 10, 17])
def test_too_young_a_home_has_no_replays(days: int) -> None:
    """Two weeks before and four days after are the least."""
    assert replays(DETERGENT, stock_estimate(DETERGENT, use_packs=[0.1] * days)) == []


def test_days_that_nobody_watched_are_no_truth() -> None:
    """A gap in the days leaves out the replays whose future it lies in."""
    days = tuple((day, used) for day, used in STEADY.daily_use if (STEADY.as_of.date() - day).days != 10)
    holed = replays(MILK, replace(STEADY, daily_use=days))
    gap = STEADY.as_of.date() - timedelta(days=10)
    assert 0 < len(holed) < len(replays(MILK, STEADY))
    assert all(case.estimate.as_of.date() > gap for case in holed)


def test_the_truth_loses_least() -> None:
    """Half a pack a day is foretold best by a forecast of half a pack a day."""
    case = replays(MILK, STEADY)[-1]
    losses = [pinball(forecast_of(rate), case) for rate in (0.3, 0.5, 0.8)]
    assert losses[1] < min(losses[0], losses[2])


@pytest.mark.parametrize(
    ("champion", "challenger", "serves", "says"),
    [
        pytest.param([1.0] * 40, [0.9] * 40, True, "10.0 % better on 40", id="better"),
        pytest.param([1.0] * 40, [1.2] * 40, False, "20.0 % worse on 40", id="worse"),
        pytest.param([1.0] * 40, [1.0] * 40, True, "0.0 %", id="as good: the newer one"),
        pytest.param([1.0] * 40, [float("nan")] * 40, False, "worse", id="no number"),
        pytest.param([1.0] * (CASES_MIN - 1), [9.0] * (CASES_MIN - 1), True, "only 29", id="too few days"),
        pytest.param([], [], True, "only 0", id="no days"),
    ],
)
def test_the_better_one_serves(champion: list[float], challenger: list[float], *, serves: bool, says: str) -> None:
    """By the mean loss of the same days; with too few of them the newer one, and the words say so."""
    found = verdict(champion, challenger)
    assert found.challenger_serves is serves
    assert says in found.why
