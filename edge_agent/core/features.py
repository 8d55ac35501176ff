"""What the consumption model sees of an item, drawn from its daily use: the one definition, for training and hub.

Use is in packs, so a litre of milk and a bottle of detergent speak one language. No input tells the date; the weekday
of the origin is the only trace of the calendar. The log and the scaling of the inputs are inside the model.

A household's sensor sees use inside a pack, a purchase history sees whole packs only. Rates are taken from use as it
is; what counts events (days since, share of days, dispersion) is taken from packs finished, so both look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HISTORY_DAYS: Final = 120
WINDOWS_D: Final = (7, 14, 28, 56, 84)
USE_PACKS_MAX: Final = 50.0  # more in a day is a fault of a scale, not a household
UNKNOWN_CATEGORY: Final = 0

FEATURES: Final = (
    "rate",
    *(f"rate_{days}" for days in WINDOWS_D),
    "dispersion",
    "busy_share",
    "used_share",
    "days_since_pack",
    "overdue_packs",
    "peak_day",
    "history_days",
    "prior_rate",
    *(f"weekday_{day}" for day in range(7)),
    "category",
)

_PRIOR_DAYS = 4.0
_HALF_LIFE_D = 28.0
_WINDOW_PRIOR_DAYS = 2.0
_BLOCK_D = 7
_DISPERSION_BLOCKS = 12
_RATE_MIN = 1e-4


def features(use: Floats, *, weekday: NDArray[np.int64], prior_rate: Floats, category: NDArray[np.int64]) -> Floats:
    """The inputs of a batch of items, in the order of `FEATURES`.

    Shapes: `use` (batch, HISTORY_DAYS) packs a day, NaN where a day was not watched, the last column the day before
    the origin; `weekday` (batch,) of the origin, Monday 0; `prior_rate` (batch,) packs a day; `category` (batch,)
    index, UNKNOWN_CATEGORY where the model never saw it; the result (batch, len(FEATURES)).
    """
    watched = np.isfinite(use)
    packs = np.clip(np.where(watched, use, 0.0), 0.0, USE_PACKS_MAX)
    prior = np.clip(prior_rate, _RATE_MIN, USE_PACKS_MAX)
    rate = shrunk_rate(packs, watched, prior=prior)
    finished = _finished(packs)
    since = _days_since(finished, watched)
    columns = [
        rate,
        *(_window_rate(packs, watched, rate=rate, days=days) for days in WINDOWS_D),
        _dispersion(finished),
        (finished[:, -84:] > 0).mean(axis=1),
        _used_share(packs, watched),
        since,
        since * rate,
        packs[:, -28:].max(axis=1),
        watched.sum(axis=1).astype(float),
        prior,
        *(weekday == day for day in range(7)),
        category,
    ]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def history(daily_use: Sequence[tuple[date, float]], *, origin: date, pack_amount: float) -> Floats:
    """One row of `use`: complete days before `origin`, from the item's unit to packs; NaN where nothing is known.

    Negative, infinite and misplaced days are left out, as days that nobody watched.
    """
    row = np.full(HISTORY_DAYS, np.nan)
    for day, used in daily_use:
        age = (origin - day).days
        if 1 <= age <= HISTORY_DAYS and np.isfinite(used) and used >= 0:
            row[-age] = used / pack_amount
    return row


def shrunk_rate(packs: Floats, watched: NDArray[np.bool_], *, prior: Floats) -> Floats:
    """Recent mean use in packs a day; the prior weighs as much as four days. Shapes as in `features`."""
    ages = np.arange(packs.shape[1], 0, -1) - 1
    weights = watched * 0.5 ** (ages / _HALF_LIFE_D)
    total = _PRIOR_DAYS * prior + (weights * packs).sum(axis=1)
    return np.asarray(np.maximum(total / (_PRIOR_DAYS + weights.sum(axis=1)), _RATE_MIN))


def _window_rate(packs: Floats, watched: NDArray[np.bool_], *, rate: Floats, days: int) -> Floats:
    """Mean use over the last `days`, leaning on the overall rate where few of them were watched."""
    total = packs[:, -days:].sum(axis=1) + _WINDOW_PRIOR_DAYS * rate
    return np.asarray(total / (watched[:, -days:].sum(axis=1) + _WINDOW_PRIOR_DAYS))


def _finished(packs: Floats) -> Floats:
    """Packs finished on each day; the first one known is taken to be half full at the start."""
    done = np.floor(np.cumsum(packs, axis=1) + 0.5 + 1e-9)
    return np.asarray(np.diff(done, axis=1, prepend=0.0))


def _used_share(packs: Floats, watched: NDArray[np.bool_]) -> Floats:
    """Share of the watched days with any use: near 1 says that a sensor saw inside the packs."""
    return np.asarray((packs > 0).sum(axis=1) / np.maximum(watched.sum(axis=1), 1), dtype=np.float64)


def _days_since(finished: Floats, watched: NDArray[np.bool_]) -> Floats:
    """Days since the last pack was finished; as long as the history where none was."""
    newest_first = finished[:, ::-1] > 0
    found = newest_first.any(axis=1)
    return np.asarray(np.where(found, newest_first.argmax(axis=1), watched.sum(axis=1)), dtype=np.float64)


def _dispersion(finished: Floats) -> Floats:
    """Variance over mean of the packs finished in a week; 1 for Poisson, less for a steady household."""
    recent = finished[:, -_BLOCK_D * _DISPERSION_BLOCKS :]
    weeks = recent.reshape(len(recent), _DISPERSION_BLOCKS, _BLOCK_D).sum(axis=2)
    return np.asarray((weeks.var(axis=1) + 0.1) / (weeks.mean(axis=1) + 0.1))
