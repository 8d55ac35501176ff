"""What the models see of an item, drawn from its daily use: the one definition, for training and hub.

Use is in packs, so a litre of milk and a bottle of detergent speak one language; a history of purchases is given the
same way, packs bought a day. No input tells the date; the weekday of the origin is the only trace of the calendar.
Counts are bounded, so the length of a record, which is the date in a record that starts in January, says little.
The log of the inputs is inside the model.

A household's sensor sees use inside a pack, a purchase history sees whole packs only. Rates are taken from use as it
is; what counts events (gaps between them, packs an event, share of days) is taken from packs finished, so both look
alike. A day on which packs are finished (or bought) is an event.

`trips` tells on which days the household shopped at all, and how much: optional. Without it `context` and its columns
are 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.feature_names import (
    EVENT_PACKS_KEPT,
    FEATURES,
    GAP_WITHIN_D,
    GAPS_KEPT,
    HISTORY_DAYS,
    TRIP_WINDOWS_D,
    WINDOWS_D,
)

Floats = NDArray[np.float64]

USE_PACKS_MAX: Final = 50.0  # more in a day is a fault of a scale, not a household

_PRIOR_DAYS = 4.0
_HALF_LIFE_D = 28.0
_WINDOW_PRIOR_DAYS = 2.0
_BLOCK_D = 7
_BLOCKS = 12
_RATE_MIN = 1e-4
_HISTORY_DAYS_SHOWN = 112.0  # longer records look alike
_GAPS_SHOWN = 24.0
_EVENTS = 48  # the newest events of a history
_GAP_MAX = 200.0
_DECAYS = (1.0, 0.97, 0.9, 0.7)
_WEEKDAY_HALF_LIFE_D = 84.0
_BASKET_MAX = 200.0

_AGES = np.arange(HISTORY_DAYS, 0, -1)  # of each column: 1 is the day before the origin
# A day that is `age` days before the origin falls on the weekday of the origin plus (-age) % 7 days.
_AFTER_ORIGIN = (((-_AGES) % 7)[:, None] == np.arange(7)) * 0.5 ** (_AGES / _WEEKDAY_HALF_LIFE_D)[:, None]
_IN_BLOCK = (_AGES[:, None] - 1) // _BLOCK_D == np.arange(_BLOCKS)
_SUMS = np.concatenate(  # of days: over windows, weighed by age, all, by weekday after the origin, by week
    [
        _AGES[:, None] <= np.array(WINDOWS_D),
        0.5 ** ((_AGES - 1) / _HALF_LIFE_D)[:, None],
        np.ones((HISTORY_DAYS, 1)),
        _AFTER_ORIGIN,
        _IN_BLOCK,
    ],
    axis=1,
).astype(np.float64)
_WINDOWS, _WEIGHED, _ALL, _BY_WEEKDAY, _BY_WEEK = slice(0, 5), 5, 6, slice(7, 14), slice(14, None)
_TRIP_SUMS = np.concatenate([_AGES[:, None] <= np.array(TRIP_WINDOWS_D), _AFTER_ORIGIN], axis=1).astype(np.float64)
_RECENCY = np.stack([decay ** np.arange(_EVENTS - 1, -1, -1) for decay in _DECAYS], axis=1)
_WITHIN = np.array((0, *GAP_WITHIN_D), dtype=np.float64)
_ENDS_PRIOR = np.array([[0.1], [0.2], [0.3], [0.4], [0.45]])  # of gaps that lasted so far, where few did
_WEEKDAYS = np.arange(7)[:, None]
_BLOCK_SHARE = np.full(_BLOCKS, 1 / _BLOCKS)


_COUNTS = np.maximum(np.arange(_EVENTS + 1), 1)
_PICKS = np.stack([-1 - _COUNTS // 2, -1 - (_COUNTS - 1) // 2, -_COUNTS])  # of rising gaps: the middle two, the least


def _place(first: str, last: str) -> slice:
    """Where columns stand in `FEATURES`."""
    return slice(FEATURES.index(first), FEATURES.index(last) + 1)


_RATE, _DISPERSION, _USED, _SINCE, _PEAK, _KNOWN, _PRIOR = (
    FEATURES.index(name)
    for name in (
        "rate",
        "dispersion",
        "used_share",
        "days_since_pack",
        "peak_day",
        "history_days",
        "prior_rate",
    )
)
_DEVIATION, _MEDIAN, _LEAST, _MOST, _PACKS_MEAN, _DAYS_PER_PACK = (
    FEATURES.index(name)
    for name in (
        "gap_deviation",
        "gap_median",
        "gap_min",
        "gap_max",
        "packs_mean",
        "days_per_pack",
    )
)
_COUNT, _LONGER, _LONGER_SHARE, _CONTEXT, _TRIP = (
    FEATURES.index(name) for name in ("gaps", "longer_gaps", "longer_share", "context", "days_since_trip")
)
_MEANS = _place("gap_mean", "gap_fast")
_NEWEST = _place("gap_1", f"gap_{GAPS_KEPT}")
_NEWEST_PACKS = _place("packs_1", f"packs_{EVENT_PACKS_KEPT}")
_RATES_IN = _place(f"rate_{WINDOWS_D[0]}", f"rate_{WINDOWS_D[-1]}")
_EVENTS_IN = _place(f"events_in_{WINDOWS_D[0]}", f"events_in_{WINDOWS_D[-1]}")
_PACKS_IN = _place(f"packs_in_{WINDOWS_D[0]}", f"packs_in_{WINDOWS_D[-1]}")
_TRIPS_IN = _place(f"trips_in_{TRIP_WINDOWS_D[0]}", f"trips_in_{TRIP_WINDOWS_D[-1]}")
_WEEKDAY = _place("weekday_0", "weekday_6")
_ENDS = _place(f"ends_within_{GAP_WITHIN_D[0]}", f"ends_within_{GAP_WITHIN_D[-1]}")
_AFTER = _place("event_after_0", "event_after_6")
_TRIP_AFTER = _place("trip_after_0", "trip_after_6")


def features(
    use: Floats,
    *,
    weekday: NDArray[np.int64],
    prior_rate: Floats,
    category: NDArray[np.int64],
    trips: Floats | None = None,
) -> Floats:
    """The inputs of a batch of items, in the order of `FEATURES`.

    Shapes: `use` (batch, HISTORY_DAYS) packs a day, NaN where a day was not watched, the last column the day before
    the origin; `weekday` (batch,) of the origin, Monday 0; `prior_rate` (batch,) packs a day; `category` (batch,)
    index, UNKNOWN_CATEGORY where the model never saw it; `trips` (batch, HISTORY_DAYS) packs of everything that the
    household bought on a day, 0 where it did not shop; the result (batch, len(FEATURES)).
    """
    days = np.empty((5, *use.shape))
    packs, finished, busy, used, watched = days
    np.isfinite(use, out=watched)
    np.fmax(use, 0.0, out=packs)  # a day that nobody watched is no number, and counts as none here
    np.minimum(packs, USE_PACKS_MAX, out=packs)
    packs *= watched
    done = packs.cumsum(axis=1)
    done += 0.5 + 1e-9  # the first pack known is taken to be half full
    np.floor(done, out=done)
    finished[:, 0] = done[:, 0]
    np.subtract(done[:, 1:], done[:, :-1], out=finished[:, 1:])
    np.greater(finished, 0, out=busy)
    np.greater(packs, 0, out=used)
    sums = (days.reshape(-1, HISTORY_DAYS) @ _SUMS).reshape(5, len(use), -1)
    prior = np.minimum(np.maximum(prior_rate, _RATE_MIN), USE_PACKS_MAX)
    ages, event_packs = _events(finished, counts=sums[2, :, _ALL])
    newest = ages[:, -1]
    since = np.where(newest > 0, newest - 1, sums[4, :, _ALL])
    out = np.zeros((len(FEATURES), len(use)))  # a row for each input: quicker to write
    _put_use(out, sums, since=since, prior=prior)
    out[_PEAK] = np.maximum.reduce(packs[:, -28:], axis=1)
    gaps = np.zeros_like(ages)
    np.subtract(ages[:, :-1], ages[:, 1:], out=gaps[:, 1:])
    gaps[:, 1:] *= ages[:, :-1] > 0
    _put_gaps(out, gaps, event_packs, prior=prior)
    _put_endings(out, gaps, since=since)
    out[_WEEKDAY] = weekday == _WEEKDAYS
    out[-1] = category
    if trips is not None:
        _put_trips(out, trips, newest=newest)
    return out.T


def _put_use(out: Floats, sums: Floats, *, since: Floats, prior: Floats) -> None:
    """Rates and regularity. Shapes: `sums` (packs, finished, busy, used, watched; n; sums), the rest (n,)."""
    packs, finished, busy, used, watched = sums
    rate = (packs[:, _WEIGHED] + _PRIOR_DAYS * prior) / (watched[:, _WEIGHED] + _PRIOR_DAYS)
    np.maximum(rate, _RATE_MIN, out=rate)
    known = watched[:, _ALL]
    out[_RATE] = rate
    out[_RATES_IN] = (packs[:, _WINDOWS].T + _WINDOW_PRIOR_DAYS * rate) / (watched[:, _WINDOWS].T + _WINDOW_PRIOR_DAYS)
    weeks = finished[:, _BY_WEEK]
    mean = finished[:, 4] / _BLOCKS
    variance = (weeks * weeks) @ _BLOCK_SHARE - mean * mean
    out[_DISPERSION] = (np.maximum(variance, 0.0) + 0.1) / (mean + 0.1)
    out[_USED] = used[:, _ALL] / np.maximum(known, 1)
    out[_SINCE] = since
    out[_KNOWN] = np.minimum(known, _HISTORY_DAYS_SHOWN)
    out[_PRIOR] = prior
    out[_EVENTS_IN] = busy[:, _WINDOWS].T
    out[_PACKS_IN] = finished[:, _WINDOWS].T
    out[_AFTER] = _spread(busy[:, _BY_WEEKDAY].T)


def _events(finished: Floats, *, counts: Floats) -> tuple[Floats, Floats]:
    """Ages in days and packs of the newest events, the newest last; 0 where there are fewer. Shapes: (n, _EVENTS)."""
    ages, packs = np.zeros((2, len(finished), _EVENTS))
    rows, columns = finished.nonzero()
    if len(finished) == 1:  # one item needs no search for where its row ends
        columns = columns[-_EVENTS:]
        ages[0, _EVENTS - len(columns) :] = HISTORY_DAYS - columns
        packs[0, _EVENTS - len(columns) :] = finished[0, columns]
        return ages, packs
    places = np.arange(_EVENTS, _EVENTS + len(rows)) - counts.cumsum().astype(np.int64)[rows]
    kept = places >= 0
    rows, columns, places = rows[kept], columns[kept], places[kept]
    ages[rows, places] = HISTORY_DAYS - columns
    packs[rows, places] = finished[rows, columns]
    return ages, packs


def _put_gaps(out: Floats, gaps: Floats, event_packs: Floats, *, prior: Floats) -> None:
    """What gaps between events and packs of events tell; without any, what the guess of the rate does.

    Shapes: `gaps` before each event and `event_packs` (n, _EVENTS), 0 where there is none; the rest (n,).
    """
    parts = np.empty((4, *gaps.shape))
    np.greater(gaps, 0, out=parts[0])
    parts[1] = gaps
    np.multiply(gaps, gaps, out=parts[2])
    parts[3] = event_packs
    weights, sums, squares, packs_sums = (parts.reshape(-1, _EVENTS) @ _RECENCY).reshape(4, len(gaps), -1)
    count, packs = weights[:, 0], packs_sums[:, 0]
    least = np.maximum(count, 1.0)
    last = event_packs[:, -1]
    rising = np.sort(gaps, axis=1)  # the zeros of absent gaps come first
    low, high, first = rising[np.arange(len(gaps)), _PICKS[:, count.astype(np.int64)]]
    out[_COUNT] = np.minimum(count, _GAPS_SHOWN)
    out[_MEANS] = (sums / np.maximum(weights, 1e-12)).T
    out[_MEDIAN] = 0.5 * (low + high)
    out[_LEAST] = first
    out[_MOST] = rising[:, -1]
    mean = out[_MEANS.start]
    out[_DEVIATION] = np.sqrt(np.maximum(squares[:, 0] / least - mean * mean, 0.0))
    out[_DAYS_PER_PACK] = sums[:, 0] / np.maximum(packs - last, 1.0)
    if (count == 0).any():
        _put_usual(out, count == 0, last=np.maximum(last, 1.0), prior=prior)
    newest = gaps[:, : -GAPS_KEPT - 1 : -1].T
    out[_NEWEST] = np.where(newest, newest, mean)
    packs_mean = np.maximum(packs, 1.0) / (count + 1)
    newest_packs = event_packs[:, : -EVENT_PACKS_KEPT - 1 : -1].T
    out[_NEWEST_PACKS] = np.where(newest_packs, newest_packs, packs_mean)
    out[_PACKS_MEAN] = packs_mean


def _put_usual(out: Floats, none: NDArray[np.bool_], *, last: Floats, prior: Floats) -> None:
    """Where no gap is known: how long the last packs last at the guessed rate."""
    usual = np.minimum(np.maximum(last / prior, 1.0), _GAP_MAX)[none]
    for place in (*range(_MEANS.start, _MEANS.stop), _MEDIAN, _LEAST, _MOST):
        out[place, none] = usual
    out[_DAYS_PER_PACK, none] = usual / last[none]


def _put_endings(out: Floats, gaps: Floats, *, since: Floats) -> None:
    """Of past gaps that lasted longer than the open one, the share that ended soon after."""
    left = gaps - since[:, None]
    ended = np.add.reduce(left[:, :, None] <= _WITHIN, axis=1, dtype=np.float64).T
    longer = _EVENTS - ended[0]  # the first row: gaps that lasted no longer, and absent ones
    out[_LONGER] = np.minimum(longer, _GAPS_SHOWN)
    out[_LONGER_SHARE] = longer / np.maximum(out[_COUNT], 1.0)
    out[_ENDS] = (ended[1:] - ended[0] + _ENDS_PRIOR) / (longer + 0.5)


def _spread(weights: Floats) -> Floats:
    """Weights as shares of their sum, even where there are none. Shape: (7, n)."""
    shown = weights + 0.02
    return np.asarray(shown / np.add.reduce(shown, axis=0))


def _put_trips(out: Floats, trips: Floats, *, newest: Floats) -> None:
    """What shopping days tell. Shapes: `trips` (n, HISTORY_DAYS), `newest` (n,) age of the last event."""
    days = np.empty((2, *trips.shape))
    baskets, went = days
    np.fmin(np.fmax(trips, 0.0), _BASKET_MAX, out=baskets)
    np.greater(baskets, 0, out=went)
    packs, counts = (days.reshape(-1, HISTORY_DAYS) @ _TRIP_SUMS).reshape(2, len(trips), -1)
    last_trip = went[:, ::-1].argmax(axis=1)
    windows = counts[:, : len(TRIP_WINDOWS_D)]
    last_trip[windows[:, -1] == 0] = np.maximum(last_trip[windows[:, -1] == 0], TRIP_WINDOWS_D[-1])
    all_84 = np.maximum(windows[:, -1], 1.0)
    out[_TRIP] = last_trip
    out[_TRIPS_IN] = windows.T
    out[_TRIP + 5] = np.add.reduce(went * (newest[:, None] > _AGES), axis=1)
    out[_TRIP + 6] = TRIP_WINDOWS_D[-1] / all_84
    out[_TRIP + 7] = packs[:, 3] / all_84
    out[_TRIP + 8] = packs[:, 1] / np.maximum(windows[:, 1], 1.0)
    out[_TRIP + 9] = baskets[np.arange(len(trips)), -1 - last_trip]
    out[_CONTEXT] = 1.0
    out[_TRIP_AFTER] = _spread(counts[:, len(TRIP_WINDOWS_D) :].T)
