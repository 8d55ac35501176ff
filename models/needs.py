"""Rows for the next need: from a purchase history up to a day, when the next purchase came and how much followed.

The protocol of the public benchmark, where it is scored: an origin every 28 days from day 140, staggered by household;
a case counts if five purchases are known, the last one at most 84 days ago, and the household shopped within 21 days;
the answer is the days to the next purchase, 56 for "56 or more", and the packs bought within 7, 14 and 28 days.

For training, origins stand much closer, start earlier, and run to the end of the year: what is not observed of an
answer is marked, not guessed. Some rows see only the newest stretch of their history, as a young home would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.feature_names import FEATURES, HISTORY_DAYS
from edge_agent.core.features import features
from models.dataset import CATEGORY_NAMES, DAYS, FIRST_DAY, HORIZONS_D, SALT, Ints, Market, hashed_share

NEED_DAYS: Final = 55  # the CDF's last day; later is "56 or more"
UNKNOWN_PACKS: Final = -1.0

_EVERY_D: Final = 28
_FIRST: Final = 140
_LAST: Final = DAYS - NEED_DAYS - 2
_PURCHASES_MIN: Final = 5
_LAST_PURCHASE_D_MAX: Final = 84
_LAST_TRIP_D_MAX: Final = 21
_ROWS_AT_ONCE: Final = 128  # fits the processor's cache
_WHOLE_YEAR = -1
_NOT_IN_BENCHMARK: Final = frozenset({CATEGORY_NAMES.index("butter")})


@dataclass(frozen=True, slots=True)
class Dense:
    """Training origins every `every_d` days from `first`; a share of the rows sees only their newest 40 to 250 days."""

    every_d: int = 3
    first: int = 56
    purchases_min: int = 3
    cut_share: float = 0.35


@dataclass(frozen=True, slots=True)
class Cases:
    """Where forecasts are made: places in `Market.series`, and days; a forecast at day o knows the days before o."""

    series: Ints
    origin: Ints


@dataclass(frozen=True, slots=True)
class NeedRows:
    """Inputs and answers.

    Shapes: `inputs` (n, features); `days` (n,) 1 to 56; `observed` (n,) days that were watched, at most 55; `packs`
    (n, horizons), UNKNOWN_PACKS where a horizon ends after the year; `category`, `household` (n,).
    """

    inputs: NDArray[np.float32]
    days: Ints
    observed: Ints
    packs: NDArray[np.float32]
    category: Ints
    household: Ints


class Calendar:
    """The purchases and trips of a market as days of the year, for looking up many cases at once."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.household = np.array([one.household for one in market.series], dtype=np.int64)
        self.category = np.array([one.category for one in market.series], dtype=np.int64)
        self.bought = np.zeros((len(market.series), DAYS), dtype=np.float32)
        for place, one in enumerate(market.series):
            self.bought[place, one.days] = one.packs
        ids = np.array(sorted(market.baskets), dtype=np.int64)
        self.baskets = np.stack([market.baskets[int(ident)] for ident in ids]).astype(np.float32)
        self.home = np.searchsorted(ids, self.household)
        went = np.concatenate([np.zeros((len(ids), 1), bool), self.baskets > 0], axis=1)
        self._last_trip = _last(went)
        self._last_purchase = _last(np.concatenate([np.zeros((len(self.bought), 1), bool), self.bought > 0], axis=1))
        self._known = np.concatenate(
            [np.zeros((len(self.bought), 1), np.int16), np.cumsum(self.bought > 0, axis=1, dtype=np.int16)], axis=1
        )

    def eligible(self, cases: Cases, *, since: Ints, purchases_min: int = _PURCHASES_MIN) -> NDArray[np.bool_]:
        """Which cases count, by what was known before their origin, from day `since` of each on."""
        series, origin = cases.series, cases.origin
        known = self._known[series, origin] - self._known[series, np.minimum(since, origin)]
        last = self._last_purchase[series, origin]
        enough = (known >= purchases_min) & (last >= since) & (origin - 1 - last <= _LAST_PURCHASE_D_MAX)
        return np.asarray(enough & (origin - 1 - self._last_trip[self.home[series], origin] <= _LAST_TRIP_D_MAX))

    def inputs(self, cases: Cases, *, since: Ints | None = None, context: bool = True) -> NDArray[np.float32]:
        """Features of cases, of days from `since` on only. Shape: (n, len(FEATURES))."""
        starts = np.full(len(cases.series), _WHOLE_YEAR) if since is None else since
        out = np.empty((len(cases.series), len(FEATURES)), dtype=np.float32)
        for start in range(0, len(out), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            out[part] = self._some(cases.series[part], cases.origin[part], since=starts[part], context=context)
        return out

    def answers(self, cases: Cases) -> tuple[Ints, Ints, NDArray[np.float32]]:
        """`days`, `observed` and `packs` of `NeedRows`."""
        later = np.full((len(self.bought), DAYS + 1), 10 * DAYS, dtype=np.int32)
        for day in range(DAYS - 1, -1, -1):
            later[:, day] = np.where(self.bought[:, day] > 0, day, later[:, day + 1])
        sums = np.concatenate([np.zeros((len(self.bought), 1)), np.cumsum(self.bought, axis=1, dtype=float)], axis=1)
        series, origin = cases.series, cases.origin
        days = np.minimum(later[series, origin] - origin + 1, NEED_DAYS + 1)
        packs = np.full((len(series), len(HORIZONS_D)), UNKNOWN_PACKS, dtype=np.float32)
        for place, horizon in enumerate(HORIZONS_D):
            whole = origin + horizon <= DAYS
            packs[whole, place] = (sums[series, np.minimum(origin + horizon, DAYS)] - sums[series, origin])[whole]
        return days.astype(np.int64), np.minimum(DAYS - origin, NEED_DAYS), packs

    def rows(self, cases: Cases, *, since: Ints | None = None, context: bool = True) -> NeedRows:
        """Inputs and answers of cases."""
        days, observed, packs = self.answers(cases)
        inputs = self.inputs(cases, since=since, context=context)
        return NeedRows(inputs, days, observed, packs, self.category[cases.series], self.household[cases.series])

    def _some(self, series: Ints, origin: Ints, *, since: Ints, context: bool) -> NDArray[np.float64]:
        day = origin[:, None] - HISTORY_DAYS + np.arange(HISTORY_DAYS)
        known, place = day >= np.maximum(since, 0)[:, None], np.maximum(day, 0)
        use = np.where(known, self.bought[series[:, None], place], 0.0).astype(np.float64)
        started = np.maximum.accumulate(use > 0, axis=1)  # a history starts with a purchase
        trips = np.where(known, self.baskets[self.home[series][:, None], place], 0.0) if context else None
        rate = use.sum(axis=1) / np.maximum(started.sum(axis=1), 1)
        return features(
            np.where(started, use, np.nan),
            weekday=(origin + FIRST_DAY.weekday()) % 7,
            prior_rate=rate,
            category=self.category[series],
            trips=trips,
        )


def benchmark_cases(calendar: Calendar, *, households: frozenset[int], salt: str = SALT) -> Cases:
    """All eligible cases of these households by the benchmark's protocol."""
    places = [place for place, one in enumerate(calendar.household.tolist()) if one in households]
    places = [place for place in places if int(calendar.category[place]) not in _NOT_IN_BENCHMARK]
    pairs = [
        (place, origin)
        for place in places
        for origin in range(_FIRST + _stagger(int(calendar.household[place]), salt=salt), _LAST + 1, _EVERY_D)
    ]
    series, origin = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    cases = Cases(series, origin)
    chosen = calendar.eligible(cases, since=np.zeros(len(series), dtype=np.int64))
    return Cases(series[chosen], origin[chosen])


def training_rows(
    calendar: Calendar, *, households: frozenset[int], dense: Dense, rng: np.random.Generator
) -> NeedRows:
    """Rows of these households at dense origins."""
    wanted = np.flatnonzero([one in households for one in calendar.household.tolist()])
    steps = np.arange(dense.first, DAYS - 2, dense.every_d)
    series = np.repeat(wanted, len(steps))
    origin = np.minimum(
        np.tile(steps, len(wanted)) + np.repeat(rng.integers(0, dense.every_d, len(wanted)), len(steps)), DAYS - 3
    )
    cut = rng.random(len(series)) < dense.cut_share
    since = np.where(cut, np.maximum(origin - rng.integers(40, 250, len(series)), 0), 0)
    chosen = calendar.eligible(Cases(series, origin), since=since, purchases_min=dense.purchases_min)
    return calendar.rows(Cases(series[chosen], origin[chosen]), since=since[chosen])


def _stagger(household: int, *, salt: str) -> int:
    return int(hashed_share(f"{salt}:origin:{household}") * _EVERY_D)


def _last(happened: NDArray[np.bool_]) -> NDArray[np.int32]:
    """For each day the last day before it on which it happened, far back where it never did. Column 0 is no day."""
    days = np.where(happened, np.arange(-1, happened.shape[1] - 1, dtype=np.int32), np.int32(-10_000))
    return np.maximum.accumulate(days, axis=1)
