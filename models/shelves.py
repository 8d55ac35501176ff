"""Shelves for the reorder rule to learn on: packs finished on each day of the year, item by item.

What the public benchmark of restock policies does with a purchase history: a purchase is used up by the next one, the
last pack on that day, the others on random days before; a series counts that was bought eight times, five times of
them before day 140, and still 84 days later; an order is the household's own usual purchase. Every call draws other
random days, so nothing can be learned by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.deciding.reorder import RATE_PACKS_PER_DAY_MIN
from edge_agent.core.feature_names import FEATURES, HISTORY_DAYS
from edge_agent.core.features import features
from models.dataset import DAYS, FIRST_DAY, Ints, Purchases

KNOWN_DAYS: Final = 140  # of the year, when the simulation starts

_PURCHASES_MIN: Final = 8
_KNOWN_PURCHASES_MIN: Final = 5
_WATCHED_DAYS_MIN: Final = 84
_PACKS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Shelves:
    """Items as a hub sees them that counts whole packs.

    Shapes: `finished` (n, DAYS) packs; `first` (n,) day the record starts; `end` (n,) last day that is known;
    `order_packs` (n,); `category` (n,) index.
    """

    finished: NDArray[np.int64]
    first: Ints
    end: Ints
    order_packs: Ints
    category: Ints

    def some(self, kept: slice) -> Shelves:
        """Only these items."""
        return Shelves(*(part[kept] for part in (self.finished, self.first, self.end, self.order_packs, self.category)))

    def prices_d(self) -> NDArray[np.float64]:
        """Days of supply of an order at the rate known on day `KNOWN_DAYS`. Shape: (n,)."""
        rates = [row[start : KNOWN_DAYS + 1].mean() for row, start in zip(self.finished, self.first, strict=True)]
        return np.asarray(self.order_packs / np.maximum(rates, RATE_PACKS_PER_DAY_MIN))


def shelves(series: Sequence[Purchases], *, rng: np.random.Generator) -> Shelves:
    """The series that count, spread over the days by `rng`.

    Raises: ValueError when no series counts.
    """
    kept = [one for one in series if _counts(one)]
    if not kept:
        raise ValueError("no item was bought often enough to learn a reorder rule from")
    return Shelves(
        finished=np.stack([_finished(one, rng=rng) for one in kept]),
        first=np.array([one.days[0] for one in kept]),
        end=np.array([one.days[-1] for one in kept]),
        order_packs=np.array([max(1, int(np.median(one.packs[one.days < KNOWN_DAYS]))) for one in kept]),
        category=np.array([one.category for one in kept]),
    )


def inputs(
    finished: NDArray[np.integer[Any]], *, first: int, category: int, days: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Features of one item at the starts of `days`, each from the days before it. Shape: (len(days), features)."""
    known = np.concatenate([np.full(HISTORY_DAYS, np.nan), finished])
    known[: HISTORY_DAYS + first] = np.nan
    use = np.lib.stride_tricks.sliding_window_view(known, HISTORY_DAYS)[days]
    before = np.concatenate([[0], np.cumsum(finished)])
    mean = (before[days] - before[np.minimum(first, days)]) / np.maximum(days - first, 1)
    return features(
        use,
        weekday=(days + FIRST_DAY.weekday()) % 7,
        prior_rate=np.maximum(mean, RATE_PACKS_PER_DAY_MIN),
        category=np.full(len(days), category),
    )


def all_inputs(items: Shelves, days: NDArray[np.int64]) -> NDArray[np.float32]:
    """Features of all items at the starts of `days`. Shape: (n, len(days), features)."""
    out = np.empty((len(items.first), len(days), len(FEATURES)), dtype=np.float32)
    for place, finished in enumerate(items.finished):
        out[place] = inputs(finished, first=int(items.first[place]), category=int(items.category[place]), days=days)
    return out


def _counts(one: Purchases) -> bool:
    return bool(
        len(one.days) >= _PURCHASES_MIN
        and (one.days < KNOWN_DAYS).sum() >= _KNOWN_PURCHASES_MIN
        and one.days[-1] >= KNOWN_DAYS + _WATCHED_DAYS_MIN
        and one.packs.max() <= _PACKS_MAX
    )


def _finished(one: Purchases, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """Packs finished on each day: of each purchase the last one on the day of the next, the others before."""
    packs = one.packs[:-1]
    share = rng.random(int(packs.sum()))
    share[np.cumsum(packs) - 1] = 1.0
    on = np.repeat(one.days[:-1], packs) + np.floor(share * np.repeat(np.diff(one.days), packs)).astype(np.int64)
    return np.bincount(on, minlength=DAYS)[:DAYS]
