"""Forecasts of the next purchase without a network: the reference that scores are relative to, and the one to beat.

`naive_last`: the last gap, and the packs of the last 28 days, each with a pooled spread. `own_empirical_shrunk`: what
this household did each time this item had waited as long as now, shrunk to how its category behaves around the
household's own pace. Both are told as much as the public benchmark tells its point methods: the spread around a gap is
the pooled hazard of (waited days / usual gap), with delayed entry since it has waited already; packs are negative
binomial, both by category, fitted to the training households.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import nbinom  # type: ignore[attr-defined]

from edge_agent.core.feature_names import FEATURES
from models.dataset import HORIZONS_D
from models.needs import NEED_DAYS, Calendar, Cases, NeedRows
from models.quantiles import LEVELS, Answer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POOL_GAPS: Final = 20.0  # the category's shape weighs as much as so many own gaps
POOL_SPANS: Final = 10.0
_MEAN_GAPS: Final = 3.0  # and its mean gap as much as three
_RATE_DAYS: Final = 28.0
_CASES_MIN: Final = 300
_PACKS_CASES_MIN: Final = 100
_STEPS = 400
_PACKS_MAX = 120
_LEVELS = np.array(LEVELS)
_DAYS = np.arange(1, NEED_DAYS + 1)


@dataclass(frozen=True, slots=True)
class Pace:
    """A point forecast of each case: the usual gap in days and packs a day. Shapes: (n,)."""

    gap: Floats
    rate: Floats


def naive_last(rows: NeedRows, *, fit: NeedRows) -> Answer:
    """The last gap and the last 28 days, with spreads fitted to `fit`."""

    def pace(of: NeedRows) -> Pace:
        return Pace(_column(of, "gap_1"), (_column(of, "packs_in_28") + 0.3) / 28)

    ours, theirs = pace(rows), pace(fit)
    chances = _pooled_days(ours, rows, pace_of_fit=theirs, fit=fit, by_category=False)
    packs = _pooled_packs(ours, rows, pace_of_fit=theirs, fit=fit, values=_quantiles_of_packs)
    return Answer(_quantiles_of_days(chances), packs, chances[:, 6])


def own_empirical_shrunk(rows: NeedRows, *, cases: Cases, calendar: Calendar, fit: NeedRows) -> Answer:
    """The household's own past from the same wait on, shrunk to the category. `cases` are those of `rows`."""
    means, rates = _category_means(fit)

    def pace(of: NeedRows) -> Pace:
        gaps, seen = _column(of, "gap_mean"), _column(of, "gaps")
        gap = (gaps * seen + _MEAN_GAPS * means[of.category]) / (seen + _MEAN_GAPS)
        return Pace(gap, (_column(of, "packs_in_84") + _RATE_DAYS * rates[of.category]) / (84 + _RATE_DAYS))

    ours, theirs = pace(rows), pace(fit)
    pooled = _pooled_days(ours, rows, pace_of_fit=theirs, fit=fit, by_category=True)
    chances = _pooled_packs(ours, rows, pace_of_fit=theirs, fit=fit, values=_chances_of_packs)
    packs = np.empty((len(pooled), len(HORIZONS_D), len(LEVELS)))
    for place, (series, origin) in enumerate(zip(cases.series.tolist(), cases.origin.tolist(), strict=True)):
        one = calendar.market.series[series]
        known = int(np.searchsorted(one.days, origin))
        left, spans = _own_past(one.days[:known], one.packs[:known], origin=origin)
        own = (left[:, None] <= _DAYS).sum(axis=0)
        pooled[place] = (own + POOL_GAPS * pooled[place]) / (len(left) + POOL_GAPS)
        for horizon, seen_packs in enumerate(spans):
            upto = (seen_packs[:, None] <= np.arange(_PACKS_MAX + 1)).sum(axis=0)
            mixed = (upto + POOL_SPANS * chances[place, horizon]) / (len(seen_packs) + POOL_SPANS)
            packs[place, horizon] = np.searchsorted(mixed, _LEVELS - 1e-9)
    return Answer(_quantiles_of_days(pooled), packs, pooled[:, 6])


def _own_past(days: Ints, packs: Ints, *, origin: int) -> tuple[Ints, list[Ints]]:
    """Of past gaps that lasted longer than the open one: how much longer, and the packs bought in the spans after."""
    waited = origin - 1 - days[-1]
    gaps = np.diff(days)
    longer = gaps > waited
    starts = days[:-1][longer] + waited + 1
    sums = np.concatenate([[0], np.cumsum(packs)])
    spans = []
    for horizon in HORIZONS_D:
        whole = starts[starts + horizon <= origin]
        spans.append(sums[np.searchsorted(days, whole + horizon)] - sums[np.searchsorted(days, whole)])
    return gaps[longer] - waited, spans


def _category_means(fit: NeedRows) -> tuple[Floats, Floats]:
    """Mean gap and packs a day of each category."""
    count = np.maximum(np.bincount(fit.category, minlength=256), 1)
    gaps = np.bincount(fit.category, weights=_column(fit, "gap_mean"), minlength=256) / count
    rates = np.bincount(fit.category, weights=_column(fit, "packs_in_84"), minlength=256) / count / 84
    return np.where(gaps > 0, gaps, gaps[gaps > 0].mean()), rates


def _column(rows: NeedRows, name: str) -> Floats:
    return np.asarray(rows.inputs[:, FEATURES.index(name)], dtype=np.float64)


def _pooled_days(ours: Pace, rows: NeedRows, *, pace_of_fit: Pace, fit: NeedRows, by_category: bool) -> Floats:
    """P(T <= 1 .. NEED_DAYS) from the pooled hazard of waited / usual gap. Shape: (n, NEED_DAYS)."""
    waited, waited_fit = _column(rows, "days_since_pack"), _column(fit, "days_since_pack")
    everyone = _hazard(pace_of_fit.gap, waited_fit, fit.days)
    chances = np.empty((len(waited), NEED_DAYS))
    if not by_category:
        return _chances_of_days(everyone, ours.gap, waited)
    for category in np.unique(rows.category):
        of, at = fit.category == category, rows.category == category
        enough = int(of.sum()) > _CASES_MIN
        curve = _hazard(pace_of_fit.gap[of], waited_fit[of], fit.days[of]) if enough else everyone
        chances[at] = _chances_of_days(curve, ours.gap[at], waited[at])
    return chances


def _hazard(gap: Floats, waited: Floats, days: Ints) -> tuple[Floats, Floats]:
    """Cumulative hazard of ratios to the usual gap: those that entered late count from where they entered.

    Source: Nelson-Aalen with delayed entry, on a grid of quantiles of the ratios seen.
    """
    enter, leave, seen = (waited + 0.5) / gap, (waited + days) / gap, days <= NEED_DAYS
    high = np.unique(np.quantile(leave[seen], np.linspace(0, 1, _STEPS)))
    low = np.concatenate([[0.0], high[:-1]])
    rates = np.zeros(len(high))
    for step, (start, end) in enumerate(zip(low, high, strict=True)):
        exposed = np.clip((np.minimum(leave, end) - np.maximum(enter, start)) / max(end - start, 1e-9), 0, 1).sum()
        rates[step] = ((leave > start) & (leave <= end) & seen).sum() / max(exposed, 1)
    return np.concatenate([[0.0], high]), np.concatenate([[0.0], np.cumsum(rates)])


def _chances_of_days(curve: tuple[Floats, Floats], gap: Floats, waited: Floats) -> Floats:
    ratio, total = curve
    late = int(len(total) * 0.8)
    slope = (total[-1] - total[late]) / max(ratio[-1] - ratio[late], 1e-9)

    def at(where: Floats) -> Floats:
        return np.asarray(np.interp(where, ratio, total) + np.maximum(where - ratio[-1], 0) * slope)

    before = at((waited + 0.5) / gap)
    return np.asarray(1 - np.exp(-np.maximum(at((waited[:, None] + _DAYS) / gap[:, None]) - before[:, None], 0)))


def _quantiles_of_days(chances: Floats) -> Floats:
    when = (chances[:, :, None] < _LEVELS).sum(axis=1) + 1
    return np.where(chances[:, -1:] >= _LEVELS, when, NEED_DAYS + 1).astype(np.float64)


def _pooled_packs(
    ours: Pace, rows: NeedRows, *, pace_of_fit: Pace, fit: NeedRows, values: Callable[[Floats, float], Floats]
) -> Floats:
    """`values` of the negative binomial around the pace, by category. Shape: (n, horizons, whatever `values` gives)."""
    tables = []
    for place, horizon in enumerate(HORIZONS_D):
        truth, mean = fit.packs[:, place].astype(np.float64), pace_of_fit.rate * horizon
        everyone = _fit_negative_binomial(mean, truth)
        table = np.empty((len(rows.days), values(np.ones(1), 1.0).shape[1]))
        for category in np.unique(rows.category):
            of, at = fit.category == category, rows.category == category
            factor, size = _fit_negative_binomial(mean[of], truth[of]) if of.sum() >= _PACKS_CASES_MIN else everyone
            table[at] = values(ours.rate[at] * horizon * factor + 1e-6, size)
        tables.append(table)
    return np.stack(tables, axis=1)


def _quantiles_of_packs(mean: Floats, size: float) -> Floats:
    return np.asarray(nbinom.ppf(_LEVELS, size, (size / (size + mean))[:, None]))


def _chances_of_packs(mean: Floats, size: float) -> Floats:
    return np.asarray(nbinom.cdf(np.arange(_PACKS_MAX + 1), size, (size / (size + mean))[:, None]))


def _fit_negative_binomial(mean: Floats, truth: Floats) -> tuple[float, float]:
    """A factor on the mean, and the size, of greatest likelihood."""

    def cost(logs: Floats) -> float:
        size, expected = np.exp(logs[1]), mean * np.exp(logs[0]) + 1e-6
        likelihood = gammaln(truth + size) - gammaln(size) + size * np.log(size / (size + expected))
        return -float(np.mean(likelihood + truth * np.log(expected / (size + expected))))

    best = minimize(cost, [0.0, 0.0], method="Nelder-Mead", options={"maxiter": 120}).x  # type: ignore[no-untyped-call]
    return float(np.exp(best[0])), float(np.exp(best[1]))
