"""From a rate or a model's answer to a forecast: demand over time, and when the stock will be gone.

`built_in` is the rule that always works: a gamma distribution of demand around the item's rate, as wide as its own days
differ once a week of them was watched. `checked` takes a model's table of demand if it is sane and answers with the
built-in rule otherwise, so garbage never leads to an order.

Between the origin and the first horizon the median grows with time; the deviation grows with a power of time between
that of pure chance (1/2) and that of a wrong rate (1). Between horizons demand is linear, after the last one it goes
on at the same pace.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from math import isfinite, log, sqrt
from statistics import NormalDist
from typing import Final

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import Forecast, Range, StockEstimate
from edge_agent.core.said import Said, say

Table = tuple[tuple[float, ...], ...]  # demand[horizon][quantile] in packs

QUANTILES: Final = (0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995)
HORIZONS_D: Final = (1, 2, 4, 7, 14, 28)
DAYS_MAX: Final = 365.0
NEXT_DAYS_MAX: Final = 56  # "so many or more"
BUILT_IN: Final = say("built-in rule 1")

VARIANCE_PER_PACK: Final = 0.5  # beyond the uncertain rate, a household's use varies by half as much as Poisson's
RATE_SPREAD_MIN: Final = 0.4  # rates drift: a steady past promises less than it seems
RULE_DAYS: Final = 60  # older days say nothing about the next ones
RULE_DAYS_MIN: Final = 7  # fewer of them tell their spread no better than the guess does
_RATE_SPREAD_MAX = 1.5
OWN_SPREAD_MIN: Final = 0.15
DAYS_HALF_LIFE: Final = 21.0
GUESS_DAYS: Final = 3.0
ALIKE: Final = 1.3
_RATE_LEAST = 1e-6
_VARIANCE_LEAST = 1e-3
_Z80 = 1.2816
_DEVIATION_GROWTH = 0.75  # the trained model's deviation from 7 to 14 to 28 days grows like this
_BISECTIONS = 24
_TABLES_KEPT = 256  # a day's tables of a home: its reviews ask for the same ones again and again
_TAIL_FALL = 4.0  # beyond the last quantile the chance falls like this power of the packs
_NEGATIVE_MAX = 1e-3
_PACKS_PER_DAY_MAX = 50.0
_OVER_RULE_MAX = 8.0  # a median further than this from the rule's own bounds is absurd
_OVER_RULE_PACKS = 3.0


@dataclass(frozen=True, slots=True)
class Beside:
    """What a model says next to demand, as in `Forecast`; a forecast can stand for it."""

    days_to_next: Sequence[float] = ()
    order_chances: Sequence[Sequence[float]] = ()


NOTHING_BESIDE: Final = Beside()


def built_in(item: Item, estimate: StockEstimate, *, why: str = "") -> Forecast:
    """The forecast of the built-in rule; `why` says in the source why the model did not answer."""
    demand = rule_demand(item, estimate)
    return _forecast(item, estimate, demand=demand, source=say("built-in rule 1 ({why})", why=why) if why else BUILT_IN)


def checked(
    item: Item,
    estimate: StockEstimate,
    *,
    demand: Sequence[Sequence[float]],
    quantiles: tuple[float, ...],
    horizons_d: tuple[int, ...],
    source: str,
    beside: Beside | Forecast = NOTHING_BESIDE,
) -> Forecast:
    """The forecast of a model, or the built-in one where the model's demand is no sane table.

    `beside` is what the model says next to demand; a part of it that is not sane is left out.
    """
    if quantiles != QUANTILES or horizons_d != HORIZONS_D:
        return built_in(item, estimate, why=say("{model} has other quantiles or horizons", model=source))
    table = tuple(tuple(map(float, row)) for row in demand)
    fault = _fault(table, rule=rule_demand(item, estimate))
    if fault is not None:
        return built_in(item, estimate, why=say("{model} {fault}", model=source, fault=fault))
    forecast = _forecast(item, estimate, demand=_rising(table), source=source)
    return replace(
        forecast,
        days_to_next=_days(beside.days_to_next),
        order_chances=_chances(beside.order_chances),
    )


def quantiles_of_days(chances: Sequence[float]) -> tuple[float, ...]:
    """Days to the next need at QUANTILES, from P(within 1, 2, ... days); empty where these are no rising chances."""
    if not _are_chances(chances) or _falls(chances):
        return ()
    return tuple(float(min(bisect_left(chances, level) + 1, NEXT_DAYS_MAX)) for level in QUANTILES)


def chance_used(forecast: Forecast, packs: float, *, days: float) -> float:
    """P(demand within `days` >= `packs`), 0 to 1: from the chances that the model gave, else from its quantiles."""
    if not (isfinite(packs) and isfinite(days)) or days <= 0:
        return 1.0 if packs <= 0 else 0.0
    if packs <= 0:
        return 1.0
    levels = tuple(demand_within(forecast, days, probability=level) for level in forecast.quantiles)
    place = bisect_left(levels, packs)
    if place == 0:
        return 1.0 - forecast.quantiles[0] * (packs / levels[0] if levels[0] > 0 else 1.0)
    if place == len(levels):
        beyond: float = (levels[-1] / packs) ** _TAIL_FALL
        return (1.0 - forecast.quantiles[-1]) * beyond
    share = (packs - levels[place - 1]) / (levels[place] - levels[place - 1])
    return 1.0 - forecast.quantiles[place - 1] - share * (forecast.quantiles[place] - forecast.quantiles[place - 1])


def rule_demand(item: Item, estimate: StockEstimate) -> Table:
    """Demand in packs by the built-in rule; without any use seen, from the household's own guess."""
    days = _watched_packs(item, estimate)
    if len(days) >= RULE_DAYS_MIN:
        return own_demand(days, guess=min(item.prior_use_per_day / item.product.pack_amount, _PACKS_PER_DAY_MAX))
    use = estimate.use_per_day or Range(item.prior_use_per_day, item.prior_use_per_day / 2, item.prior_use_per_day * 2)
    rate = min(use.value / item.product.pack_amount, _PACKS_PER_DAY_MAX)
    spread = log(use.high / use.value) / _Z80 if use.high > use.value > 0 else 0.0
    return gamma_demand(rate, rate_spread=min(max(spread, RATE_SPREAD_MIN), _RATE_SPREAD_MAX))


def _watched_packs(item: Item, estimate: StockEstimate) -> list[tuple[int, float]]:
    """Age in days and packs used of the days that were watched, not older than RULE_DAYS."""
    today, pack = estimate.as_of.date(), item.product.pack_amount
    newest = estimate.daily_use[-RULE_DAYS:]
    aged = (((today - day).days, used / pack) for day, used in newest if isfinite(used) and used >= 0)
    return [(age, min(packs, _PACKS_PER_DAY_MAX)) for age, packs in aged if 0 < age <= RULE_DAYS]


def own_demand(days: Sequence[tuple[int, float]], *, guess: float) -> Table:
    """Demand from the item's own days: their mean and variance, newer ones weighing more, shrunk to the guess.

    The guess counts as `GUESS_DAYS` days that differ by half of it. Days in a row are a little alike, so demand over
    several of them varies by `ALIKE` times as much as if they were not.
    """
    weights = [0.5 ** (age / DAYS_HALF_LIFE) for age, _ in days]
    total = sum(weights)
    worth = total**2 / sum(weight**2 for weight in weights)
    used = sum(weight * packs for weight, (_, packs) in zip(weights, days, strict=True))
    mean = max((used + GUESS_DAYS * guess) / (total + GUESS_DAYS), _RATE_LEAST)
    squares = sum(weight * (packs - mean) ** 2 for weight, (_, packs) in zip(weights, days, strict=True)) / total
    variance = (worth * squares + GUESS_DAYS * (guess / 2) ** 2) / (worth - 1 + GUESS_DAYS)
    spread = max(OWN_SPREAD_MIN, sqrt(variance / (worth + GUESS_DAYS)) / mean)
    return gamma_demand(
        mean,
        rate_spread=min(spread, _RATE_SPREAD_MAX),
        variance_per_pack=ALIKE * max(variance / mean, _VARIANCE_LEAST),
    )


@lru_cache(maxsize=_TABLES_KEPT)
def gamma_demand(rate: float, *, rate_spread: float, variance_per_pack: float = VARIANCE_PER_PACK) -> Table:
    """Quantiles of demand from a rate in packs a day and its relative standard deviation.

    Source: the Wilson-Hilferty approximation of the gamma distribution.
    """
    scores = [NormalDist().inv_cdf(level) for level in QUANTILES]
    rows = []
    for days in HORIZONS_D:
        mean = max(rate * days, 1e-9)
        shape = mean**2 / (variance_per_pack * mean + (rate_spread * mean) ** 2)
        rows.append(tuple(_gamma_quantile(mean, shape=shape, score=score) for score in scores))
    return _rising(tuple(rows))


def demand_within(forecast: Forecast, days: float, *, probability: float) -> float:
    """Demand in packs within `days` that is not exceeded with `probability`."""
    medians, levels = _at(forecast, probability=0.5), _at(forecast, probability=probability)
    horizons = forecast.horizons_d
    if days <= 0:
        return 0.0
    if days < horizons[0]:
        share = days / horizons[0]
        grown: float = share**_DEVIATION_GROWTH
        return max(0.0, medians[0] * share + (levels[0] - medians[0]) * grown)
    for before, after in pairwise(range(len(horizons))):
        if days <= horizons[after]:
            share = (days - horizons[before]) / (horizons[after] - horizons[before])
            return levels[before] + share * (levels[after] - levels[before])
    return levels[-1] * days / horizons[-1]


def days_until_used(forecast: Forecast, packs: float, *, probability: float) -> float:
    """Days within which `packs` are used up with `probability`, at most DAYS_MAX. The inverse of `demand_within`."""
    if packs <= 0:
        return 0.0
    levels, horizons = _at(forecast, probability=1 - probability), forecast.horizons_d
    if packs <= levels[0]:
        median = _at(forecast, probability=0.5)[0]
        return _crossing(median, deviation=levels[0] - median, packs=packs) * horizons[0]
    for before, after in pairwise(range(len(horizons))):
        if packs <= levels[after]:
            share = (packs - levels[before]) / (levels[after] - levels[before])
            return horizons[before] + share * (horizons[after] - horizons[before])
    return min(DAYS_MAX, horizons[-1] * packs / levels[-1]) if levels[-1] > 0 else DAYS_MAX


def _crossing(median: float, *, deviation: float, packs: float) -> float:
    """The share of the first horizon at which median * share + deviation * share ** growth reaches `packs`."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        reached = median * middle + deviation * middle**_DEVIATION_GROWTH >= packs
        low, high = (low, middle) if reached else (middle, high)
    return high


def _at(forecast: Forecast, *, probability: float) -> tuple[float, ...]:
    """Demand at each horizon at any probability, linear between the quantiles and flat beyond them."""
    quantiles = forecast.quantiles
    place = bisect_left(quantiles, probability - 1e-9)
    if place == 0 or place == len(quantiles):
        return tuple(row[min(place, len(quantiles) - 1)] for row in forecast.demand)
    share = (probability - quantiles[place - 1]) / (quantiles[place] - quantiles[place - 1])
    return tuple(row[place - 1] + share * (row[place] - row[place - 1]) for row in forecast.demand)


def _forecast(item: Item, estimate: StockEstimate, *, demand: Table, source: str) -> Forecast:
    """Demand with the days to empty that follow from it and from what is at home; 0 packs where that is unknown."""
    packs = estimate.amount.value / item.product.pack_amount if estimate.amount is not None else 0.0
    without = Forecast(estimate.item, estimate.as_of, QUANTILES, HORIZONS_D, demand, (), source)
    days = tuple(days_until_used(without, packs, probability=level) for level in QUANTILES)
    return Forecast(estimate.item, estimate.as_of, QUANTILES, HORIZONS_D, demand, _running_max(days), source)


def _fault(table: Table, *, rule: Table) -> Said | None:
    """What is wrong with a model's table, None if nothing is."""
    if len(table) != len(HORIZONS_D) or any(len(row) != len(QUANTILES) for row in table):
        return say("answered in another shape")
    if not all(all(map(isfinite, row)) for row in table):
        return say("answered with no number")
    if min(map(min, table)) < -_NEGATIVE_MAX:
        return say("answered with negative demand")
    if any(_falls(row) for row in table):
        return say("answered with quantiles out of order")
    if any(_falls(column) for column in zip(*table, strict=True)):
        return say("answered with demand that falls with time")
    return _absurdity(table, rule=rule)


def _are_chances(values: Sequence[float]) -> bool:
    """True for numbers from 0 to 1, within rounding."""
    return bool(values) and all(-_NEGATIVE_MAX <= value <= 1 + _NEGATIVE_MAX for value in values)


def _days(values: Sequence[float]) -> tuple[float, ...]:
    sane = len(values) == len(QUANTILES) and all(1 <= value <= NEXT_DAYS_MAX for value in values)
    return tuple(values) if sane and not _falls(values) else ()


def _chances(table: Sequence[Sequence[float]]) -> Table:
    if len({len(row) for row in table}) != 1 or not all(_are_chances(row) for row in table):
        return ()
    return tuple(tuple(min(max(float(value), 0.0), 1.0) for value in row) for row in table)


def _falls(values: Sequence[float]) -> bool:
    """True where a sequence falls by more than rounding."""
    if list(values) == sorted(values):
        return False
    return any(low > high + _NEGATIVE_MAX * (1 + abs(high)) for low, high in pairwise(values))


def _absurdity(table: Table, *, rule: Table) -> Said | None:
    """Demand that no household has, or that is far from what this one used; None if it is neither."""
    middle = QUANTILES.index(0.5)
    for row, known, days in zip(table, rule, HORIZONS_D, strict=True):
        most = min(_PACKS_PER_DAY_MAX * days, _OVER_RULE_MAX * known[-1] + _OVER_RULE_PACKS)
        if row[middle] > most or row[-1] > _OVER_RULE_MAX * most:
            return say("answered with absurd demand")
    return None


def _gamma_quantile(mean: float, *, shape: float, score: float) -> float:
    root = 1 - 1 / (9 * shape) + score / (3 * sqrt(shape))
    return mean * max(0.0, root) ** 3


def _rising(table: Table) -> Table:
    """The table without rounding dents: never negative, rising with probability and with the horizon."""
    rows: list[tuple[float, ...]] = []
    for row in table:
        floor = rows[-1] if rows else (0.0,) * len(row)
        rows.append(_running_max(map(max, floor, row)))
    return tuple(rows)


def _running_max(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(accumulate(values, max, initial=0.0))[1:]
