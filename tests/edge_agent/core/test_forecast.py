"""The forecast: a rule that always answers, and a model that is believed only while it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.forecast import (
    DAYS_MAX,
    HORIZONS_D,
    QUANTILES,
    Beside,
    Table,
    built_in,
    chance_used,
    checked,
    days_until_used,
    demand_within,
    gamma_demand,
    quantiles_of_days,
    rule_demand,
)
from edge_agent.core.messages import Forecast, Range
from tests.edge_agent.consumables import DETERGENT, ITEMS, MILK, stock_estimate

MEDIAN = QUANTILES.index(0.5)


def is_rising(table: Table) -> bool:
    """True where demand rises with probability and with the horizon."""
    return all(low <= high for line in (*table, *zip(*table, strict=True)) for low, high in pairwise(line))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.id)
def test_the_rule_answers_from_the_guess_alone(item: object) -> None:
    """Before any use was seen, the median demand is near the household's own guess."""
    assert isinstance(item, type(MILK))
    forecast = built_in(item, stock_estimate(item))
    expected = item.prior_use_per_day / item.product.pack_amount * 28
    assert forecast.demand[-1][MEDIAN] == pytest.approx(expected, rel=0.2)
    assert forecast.source == "built-in rule 1"


def test_the_rule_has_the_moments_of_its_gamma() -> None:
    """The quantiles are those of the gamma distribution that was meant, within the approximation."""
    rng = np.random.default_rng(1)
    mean, variance = 0.5 * 28, 0.5 * 14 + (0.2 * 14) ** 2
    draws = rng.gamma(mean**2 / variance, variance / mean, 200_000)
    table = gamma_demand(0.5, rate_spread=0.2, variance_per_pack=0.5)
    assert table[-1] == pytest.approx(np.quantile(draws, QUANTILES).tolist(), rel=0.03)


@given(rate=st.floats(1e-6, 50), spread=st.floats(0, 2), packs=st.floats(0, 1_000))
def test_every_rule_forecast_is_monotone_and_capped(rate: float, spread: float, packs: float) -> None:
    """Demand rises with probability and horizon; days to empty rise with probability and end at a year."""
    assert is_rising(gamma_demand(rate, rate_spread=spread))
    use = Range(rate * 1035, rate * 500, rate * 1035 * (1 + spread))
    forecast = built_in(MILK, replace(stock_estimate(MILK, packs=packs), use_per_day=use))
    assert all(low <= high for low, high in pairwise(forecast.days_to_empty))
    assert all(0 <= days <= DAYS_MAX for days in forecast.days_to_empty)


@given(days=st.floats(0.05, 200), rate=st.floats(0.01, 5), level=st.sampled_from(QUANTILES))
def test_demand_and_days_are_two_sides_of_one_thing(days: float, rate: float, level: float) -> None:
    """What is used up within some days with a probability is used up in those days with the other one."""
    forecast = replace(built_in(MILK, stock_estimate(MILK)), demand=gamma_demand(rate, rate_spread=0.3))
    packs = demand_within(forecast, days, probability=level)
    if packs > 1e-3 and days < DAYS_MAX:
        assert days_until_used(forecast, packs, probability=1 - level) == pytest.approx(days, rel=0.01, abs=0.01)


def test_demand_starts_at_nothing_and_has_no_jumps() -> None:
    """Demand over time is continuous at the horizons and starts at zero."""
    forecast = built_in(MILK, stock_estimate(MILK))
    assert demand_within(forecast, 0, probability=0.95) == 0.0
    for days, row in zip(HORIZONS_D, forecast.demand, strict=True):
        for near in (days - 1e-6, days, days + 1e-6):
            assert demand_within(forecast, near, probability=0.95) == pytest.approx(row[13], rel=1e-4)


def test_no_stock_is_empty_now_and_no_use_never_runs_out() -> None:
    """The ends of the scale."""
    none_left = built_in(MILK, stock_estimate(MILK, packs=0.0))
    assert set(none_left.days_to_empty) == {0.0}
    idle = replace(none_left, demand=((0.0,) * len(QUANTILES),) * len(HORIZONS_D))
    assert days_until_used(idle, 1.0, probability=0.5) == DAYS_MAX


def table_of(rate: float) -> list[list[float]]:
    """A sane answer of a model."""
    return [list(row) for row in gamma_demand(rate, rate_spread=0.3)]


def answer(demand: list[list[float]], *, horizons_d: tuple[int, ...] = HORIZONS_D) -> Forecast:
    """What becomes of a model's answer for detergent."""
    estimate = stock_estimate(DETERGENT, use_packs=[0.15] * 30)
    return checked(DETERGENT, estimate, demand=demand, quantiles=QUANTILES, horizons_d=horizons_d, source="model 1")


def _set(row: int, column: int, value: float) -> Callable[[list[list[float]]], None]:
    def change(table: list[list[float]]) -> None:
        table[row][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(_set(1, 3, float("nan")), "no number", id="NaN"),
        pytest.param(_set(2, 14, float("inf")), "no number", id="infinite"),
        pytest.param(_set(0, 0, -1.0), "negative demand", id="negative"),
        pytest.param(_set(0, 5, 0.0), "out of order", id="quantiles out of order"),
        pytest.param(lambda table: table.reverse(), "falls with time", id="horizons out of order"),
        pytest.param(lambda table: table.pop(), "another shape", id="a horizon is missing"),
        pytest.param(lambda table: table[0].pop(), "another shape", id="a quantile is missing"),
    ],
)
def test_garbage_gets_the_built_in_rule(change: Callable[[list[list[float]]], None], fault: str) -> None:
    """A model's answer that cannot be is replaced, and the source says so."""
    table = table_of(0.15)
    change(table)
    forecast = answer(table)
    assert forecast.source.startswith("built-in rule 1 (model 1")
    assert fault in forecast.source
    assert forecast.demand == rule_demand(DETERGENT, stock_estimate(DETERGENT, use_packs=[0.15] * 30))


@pytest.mark.parametrize("rate", [20.0, 1_000.0, 1e30])
def test_absurd_demand_gets_the_built_in_rule(rate: float) -> None:
    """A thousand packs a day are no household, and a hundred times of what was seen is not this one."""
    assert "absurd" in answer([[rate * days] * len(QUANTILES) for days in HORIZONS_D]).source


def test_other_horizons_are_not_taken_for_ours() -> None:
    """A model of other horizons is not read as if it had ours."""
    assert "other quantiles or horizons" in answer(table_of(0.15), horizons_d=(7, 14, 30)).source


def test_a_sane_answer_is_kept_and_smoothed() -> None:
    """Rounding dents are ironed out, nothing else is changed."""
    table = table_of(0.15)
    table[0][0] = -1e-6
    forecast = answer(table)
    assert forecast.source == "model 1"
    assert forecast.demand[0][0] == 0.0
    assert forecast.demand[1:] == tuple(tuple(row) for row in table[1:])
    assert is_rising(forecast.demand)


@given(packs=st.floats(-5, 500), days=st.floats(0, 400), rate=st.floats(0.01, 5))
def test_the_chance_of_use_is_a_chance_and_falls_with_packs(packs: float, days: float, rate: float) -> None:
    """Between 0 and 1, never no number; more packs are less likely used, and sooner is less likely than later."""
    forecast = replace(built_in(MILK, stock_estimate(MILK)), demand=gamma_demand(rate, rate_spread=0.3))
    chance = chance_used(forecast, packs, days=days)
    assert 0.0 <= chance <= 1.0
    assert chance_used(forecast, packs + 1, days=days) <= chance + 1e-9


@given(days=st.floats(0.5, 60), rate=st.floats(0.05, 3), level=st.sampled_from(QUANTILES))
def test_the_chance_of_use_turns_demand_around(days: float, rate: float, level: float) -> None:
    """What is not exceeded with a probability is used up with the rest of it."""
    forecast = replace(built_in(MILK, stock_estimate(MILK)), demand=gamma_demand(rate, rate_spread=0.5))
    packs = demand_within(forecast, days, probability=level)
    if packs > 1e-3:
        assert chance_used(forecast, packs, days=days) == pytest.approx(1 - level, abs=0.02)


def test_the_ends_of_chances() -> None:
    """Nothing is needed surely, no time uses nothing, and far more than ever seen has next to no chance."""
    forecast = built_in(MILK, stock_estimate(MILK, use_packs=[0.5] * 30))
    assert chance_used(forecast, 0, days=0) == 1
    assert chance_used(forecast, 1, days=0) == 0
    assert chance_used(forecast, float("nan"), days=3) == 0
    assert chance_used(forecast, 10_000, days=7) < 1e-6


@pytest.mark.parametrize(
    ("chances", "median"),
    [
        pytest.param([0.1, 0.4, 0.6] + [0.9] * 52, 3.0, id="on the third day"),
        pytest.param([0.01] * 55, 56.0, id="later than all days"),
        pytest.param([0.5, float("nan")], None, id="NaN"),
        pytest.param([0.5, 0.2], None, id="falling"),
        pytest.param([0.5, 1.7], None, id="no chance"),
        pytest.param([], None, id="none"),
    ],
)
def test_days_to_the_next_need(chances: list[float], median: float | None) -> None:
    """The first day that reaches each probability; nothing where a model does not give rising chances."""
    found = quantiles_of_days(chances)
    assert (found[MEDIAN] if found else None) == median


def test_what_stands_beside_demand_is_kept_or_left_out() -> None:
    """Sane chances are kept with the demand; broken ones are left out and the demand stays."""
    kept = checked(
        DETERGENT, stock_estimate(DETERGENT), demand=table_of(0.1), quantiles=QUANTILES, horizons_d=HORIZONS_D,
        source="m", beside=Beside((3.0,) * len(QUANTILES), ((0.1, 0.0), (0.2, 0.1))),
    )  # fmt: skip
    assert kept.source == "m"
    assert set(kept.days_to_next) == {3.0}
    assert kept.order_chances == ((0.1, 0.0), (0.2, 0.1))
    broken = checked(
        DETERGENT, stock_estimate(DETERGENT), demand=table_of(0.1), quantiles=QUANTILES, horizons_d=HORIZONS_D,
        source="m", beside=Beside(order_chances=((float("nan"),),)),
    )  # fmt: skip
    assert broken.demand == kept.demand
    assert broken.order_chances == ()


def width(use_packs: list[float]) -> float:
    """How wide 80 % of the rule's demand of milk within a week is, against its median."""
    row = rule_demand(MILK, stock_estimate(MILK, use_packs=use_packs))[HORIZONS_D.index(7)]
    return (row[QUANTILES.index(0.9)] - row[QUANTILES.index(0.1)]) / row[MEDIAN]


def test_the_rule_is_as_wide_as_the_items_own_days() -> None:
    """An even use is foretold closely, a use in heaps is not, though both have the same mean."""
    even, uneven = width([0.7, 0.8, 0.9] * 20), width([0.0, 0.0, 2.4] * 20)
    assert even < 0.5
    assert uneven > 1.5 * even


def test_a_week_of_days_is_needed_for_their_own_spread() -> None:
    """Before that the household's guess makes the spread."""
    assert width([0.8] * 6) > 1.5 * width([0.8] * 7)


def test_the_rule_follows_the_newer_days() -> None:
    """Who used one pack a day and now uses two is foretold nearer to two."""
    table = rule_demand(MILK, stock_estimate(MILK, use_packs=[1.0] * 40 + [2.0] * 30))
    assert 1.6 < table[-1][MEDIAN] / 28 < 2.0


def test_the_rules_interval_holds_what_it_says() -> None:
    """Days drawn from one household: 80 % of the next weeks lie in the interval, within what a rule can promise."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        days = rng.gamma(4.0, 0.2, 47)
        row = rule_demand(MILK, stock_estimate(MILK, use_packs=days[:40].tolist()))[HORIZONS_D.index(7)]
        inside += row[QUANTILES.index(0.1)] <= days[40:].sum() <= row[QUANTILES.index(0.9)]
    assert 0.78 < inside / 300 < 0.97


@pytest.mark.parametrize(
    "use", [[0.0] * 30, [1e6] * 30, [float("nan")] * 30, [float("inf"), -3.0] * 15, [0.0] * 29 + [40.0]]
)
def test_the_rule_is_sane_on_any_days(use: list[float]) -> None:
    """Whatever a scale said, the rule's demand is finite and rises."""
    table = rule_demand(MILK, stock_estimate(MILK, use_packs=use))
    assert np.isfinite(np.array(table)).all()
    assert is_rising(table)
