"""Rows of use to train and score on: purchase histories turned into packs used a day, and made-up steady homes.

The rules of this file, each of which guards against a known trap:

- Packs of one purchase are used up by the next one: the last pack then, the others on random days before. An even
  spread would tell the model when the next purchase comes.
- The last purchase has no next one: it lasts as long as the household's purchases lasted on average, then use ends.
- Origins end early enough that each target is observed. What makes a row eligible is known before its origin.
- Nothing in a row tells the date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.feature_names import FEATURES, HISTORY_DAYS, UNKNOWN_CATEGORY
from edge_agent.core.features import Floats, features
from edge_agent.core.forecast import HORIZONS_D as USE_HORIZONS_D
from edge_agent.core.forecast import RULE_DAYS
from models.dataset import CATEGORY_NAMES, DAYS, FIRST_DAY, SALT, Ints, Purchases, hashed_share

_LAST_PURCHASE_DAYS_MAX = 84
_ORIGIN_LAST = 308
_ORIGIN_EVERY_D = 28
_FADE_DAYS_MAX = 84.0
_PORTIONS = 8
_ROWS_AT_ONCE = 128  # of features: what fits the processor's cache


@dataclass(frozen=True, slots=True)
class Rows:
    """Training or test rows.

    Shapes: `inputs` (n, features), `demand` (n, USE_HORIZONS_D) packs, `recent` (n, RULE_DAYS) packs of the days
    before, NaN where nobody watched, for the rule; the rest (n,).
    """

    inputs: Floats
    demand: Floats
    recent: NDArray[np.float32]
    household: Ints
    category: Ints


@dataclass(frozen=True, slots=True)
class Origins:
    """Where rows start: every `_ORIGIN_EVERY_D` days from `first`, after `purchases_min` purchases.

    `cut_share` of the rows see only a random stretch of their history, `unknown_share` have their category hidden;
    `sensed_share` of the series are seen as a level sensor would, in portions, the others as whole packs finished.
    """

    first: int
    purchases_min: int
    cut_share: float
    unknown_share: float
    sensed_share: float


TRAINING: Final = Origins(first=56, purchases_min=3, cut_share=0.4, unknown_share=0.15, sensed_share=0.5)
SCORING: Final = Origins(first=140, purchases_min=5, cut_share=0.0, unknown_share=0.0, sensed_share=0.0)
YOUNG: Final = replace(SCORING, cut_share=1.0)
SENSED: Final = replace(SCORING, sensed_share=1.0)


def build_rows(series: Iterable[Purchases], *, origins: Origins, rng: np.random.Generator) -> Rows:
    """All rows of these series, with packs spread over the days by `rng`."""
    use, demand, keys = [], [], []
    for one in series:
        finished_at = _finished_at(one, rng=rng)
        portions = _PORTIONS if rng.random() < origins.sensed_share else 1
        daily = _daily_use(finished_at, start=float(one.days[0]), portions=portions, rng=rng)
        for origin in _origins_of(one, origins=origins):
            use.append(_history_row(daily, origin=origin, first=int(one.days[0])))
            demand.append(_demand(finished_at, origin=origin))
            keys.append((one.household, one.category, origin))
    return _rows(np.array(use), np.array(demand), np.array(keys, dtype=np.int64), origins=origins, rng=rng)


def _rows(use: Floats, demand: Floats, keys: Ints, *, origins: Origins, rng: np.random.Generator) -> Rows:
    """Features of histories, some of them cut short, with a guess of the rate as a household would make it."""
    household, category, origin = keys.T
    guess = np.nanmean(use, axis=1) * np.exp(rng.normal(0.0, 0.4, len(use)))
    keep_days = np.where(rng.random(len(use)) < origins.cut_share, rng.integers(0, 60, len(use)), HISTORY_DAYS)
    hidden = np.arange(HISTORY_DAYS, 0, -1)[None, :] > keep_days[:, None]
    shown = np.where(rng.random(len(use)) < origins.unknown_share, UNKNOWN_CATEGORY, category)
    seen = np.where(hidden, np.nan, use)
    inputs = features_of(
        seen,
        weekday=(origin + FIRST_DAY.weekday()) % 7,
        prior_rate=np.maximum(guess, 1 / HISTORY_DAYS / 2),
        category=shown,
    )
    return Rows(inputs, demand, seen[:, -RULE_DAYS:].astype(np.float32), household, category)


def features_of(use: Floats, *, weekday: Ints, prior_rate: Floats, category: Ints) -> Floats:
    """`features` of many rows, as many at once as fit the processor's cache."""
    out = np.empty((len(use), len(FEATURES)))
    for start in range(0, len(use), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        out[part] = features(use[part], weekday=weekday[part], prior_rate=prior_rate[part], category=category[part])
    return out


def steady_rows(count: int, *, rng: np.random.Generator) -> Rows:
    """Made-up homes that use an item about evenly: every day or on some days, with a drift and now and then a change.

    A purchase record has no such thing, a level sensor sees little else.
    """
    days = HISTORY_DAYS + max(USE_HORIZONS_D)
    inputs, demand = np.empty((count, len(FEATURES))), np.empty((count, len(USE_HORIZONS_D)))
    recent = np.empty((count, RULE_DAYS), dtype=np.float32)
    for start in range(0, count, _ROWS_AT_ONCE):
        part = slice(start, min(start + _ROWS_AT_ONCE, count))
        rows = part.stop - start
        rate = np.exp(rng.uniform(np.log(0.01), np.log(1.5), rows))[:, None]
        busy = np.where(rng.random(rows) < 0.5, 1.0, rng.uniform(0.1, 1.0, rows))[:, None]
        weekdays = 1 + rng.uniform(0, 0.8, rows)[:, None] * rng.normal(size=(rows, 7))
        pattern = np.clip(np.tile(weekdays, (1, days // 7 + 1))[:, :days], 0.1, 3.0)
        drift = np.exp(rng.normal(0, 0.006, (rows, days)).cumsum(axis=1))
        changed = (rng.random(rows) < 0.15)[:, None] & (np.arange(days) >= rng.integers(200, days, rows)[:, None])
        level = rate * drift * np.where(changed, rng.uniform(0.3, 2.5, rows)[:, None], 1.0) * pattern
        noise = np.exp(rng.uniform(0.05, 0.5, rows)[:, None] * rng.normal(size=(rows, days)))
        use = level * noise * (rng.random((rows, days)) < busy) / busy
        demand[part] = np.cumsum(use[:, HISTORY_DAYS:], axis=1)[:, np.array(USE_HORIZONS_D) - 1]
        known = np.minimum(np.exp(rng.uniform(np.log(7), np.log(HISTORY_DAYS), rows)), HISTORY_DAYS).astype(np.int64)
        seen = np.where(np.arange(HISTORY_DAYS, 0, -1) > known[:, None], np.nan, use[:, :HISTORY_DAYS])
        recent[part] = seen[:, -RULE_DAYS:]
        inputs[part] = features(
            seen,
            weekday=np.full(rows, HISTORY_DAYS % 7),
            prior_rate=rate[:, 0] * np.exp(rng.normal(0, 0.4, rows)),
            category=np.where(rng.random(rows) < 0.5, UNKNOWN_CATEGORY, rng.integers(1, len(CATEGORY_NAMES), rows)),
        )
    nobody = np.zeros(count, dtype=np.int64)
    return Rows(inputs, demand, recent, nobody, inputs[:, -1].astype(np.int64))


def _finished_at(one: Purchases, *, rng: np.random.Generator) -> Floats:
    """When each pack was finished, in days of the year, rising."""
    lasted = min(float(np.diff(one.days).mean()), _FADE_DAYS_MAX)
    ends = np.append(one.days[1:], one.days[-1] + lasted)
    share = rng.random(int(one.packs.sum()))
    share[np.cumsum(one.packs) - 1] = 1.0
    starts, spans = np.repeat(one.days, one.packs), np.repeat(ends - one.days, one.packs)
    return np.sort(starts + share * spans)


def _daily_use(finished_at: Floats, *, start: float, portions: int, rng: np.random.Generator) -> Floats:
    """Packs used on each day of the year; each in `portions`, at random after the pack before it."""
    begun = np.concatenate([[start], finished_at[:-1]])
    share = np.sort(rng.random((len(finished_at), portions)), axis=1)
    share[:, -1] = 1.0
    at = begun[:, None] + share * (finished_at - begun)[:, None]
    days = np.minimum(at, DAYS).astype(np.int64).ravel()
    used = np.bincount(days, weights=np.full(len(days), 1 / portions), minlength=DAYS)
    return np.asarray(used[:DAYS], dtype=np.float64)


def _origins_of(one: Purchases, *, origins: Origins) -> list[int]:
    """Origins, staggered by household, at which the series was alive."""
    offset = int(hashed_share(f"{SALT}:origin:{one.household}") * _ORIGIN_EVERY_D)
    chosen = []
    for origin in range(origins.first + offset, _ORIGIN_LAST + 1, _ORIGIN_EVERY_D):
        before = int(np.searchsorted(one.days, origin))
        if before >= origins.purchases_min and origin - one.days[before - 1] <= _LAST_PURCHASE_DAYS_MAX:
            chosen.append(origin)
    return chosen


def _history_row(daily: Floats, *, origin: int, first: int) -> Floats:
    """Daily packs of the last `HISTORY_DAYS` before the origin; NaN before the first purchase."""
    row = np.full(HISTORY_DAYS, np.nan)
    start = max(origin - HISTORY_DAYS, first)
    row[HISTORY_DAYS - (origin - start) :] = daily[start:origin]
    return row


def _demand(finished_at: Floats, *, origin: int) -> Floats:
    """Packs used within each horizon; each pack evenly from the end of the one before it, as a level sensor sees."""
    used = np.arange(1, len(finished_at) + 1, dtype=float)
    at = np.interp([origin, *(origin + days for days in USE_HORIZONS_D)], finished_at, used)
    return np.asarray(at[1:] - at[0])
