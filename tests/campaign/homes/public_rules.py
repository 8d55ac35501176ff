"""The rules that order: each item alone by the best simple rule, or whole homes by the hub's own arithmetic.

The simple rules are those of the public policy benchmark: Poisson reorder points on an exponentially weighted rate, on
the mean rate, and on the weighted rate with a price on slow items; each at a row of levels.

No rule sees the future: on the evening of day t it knows the packs finished until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.deciding.joining import Candidate, Joined, Terms, join
from edge_agent.core.deciding.reorder import price_d
from models.dataset import DAYS
from tests.campaign.homes.public_data import LEAD_D, START, Home, Series

Floats = NDArray[np.float64]
Chances = NDArray[np.float64]  # [evening - START, days to wait, packs - 1]: P(packs are finished before it is here)

EVENINGS: Final = DAYS - 1 - START
AHEAD_D: Final = 6
PACKS_MAX: Final = 8

_LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.88, 0.91, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
_PRICES = tuple(0.6 * 0.72**step for step in range(22))
_DECAY = 0.0325
_NEED_MAX = 30
_ROWS_MAX = 8
_NEGLIGIBLE = 1e-4
_CERTAIN = (1.0,) * AHEAD_D
_NONE = (0.0,) * AHEAD_D


def weighted_rate(item: Series) -> Floats:
    """Packs a day, exponentially weighted, as known on each evening. Shape: (EVENINGS,)."""
    rate, rates = 0.0, []
    for day in range(item.first, DAYS - 1):
        rate += _DECAY * (float(item.finished[day]) - rate)
        if day >= START:
            rates.append(rate)
    return np.array(rates)


def mean_rate(item: Series) -> Floats:
    """Packs a day since the item is known, on each evening. Shape: (EVENINGS,)."""
    total = np.cumsum(item.finished)[START : DAYS - 1]
    return np.asarray(total / np.arange(START + 1 - item.first, DAYS - item.first), dtype=np.float64)


def poisson_tails(mean: Floats, *, packs_max: int) -> Floats:
    """P(demand >= k), k = 1..packs_max, along a new last axis."""
    term, below = np.exp(-mean), np.zeros_like(mean)
    tails = []
    for packs in range(1, packs_max + 1):
        below = below + term
        tails.append(np.maximum(1.0 - below, 0.0))
        term = term * mean / packs
    return np.stack(tails, axis=-1)


def simple_needs(item: Series) -> dict[str, NDArray[np.int64]]:
    """The smallest acceptable position by each simple rule. Shape of each: (levels, EVENINGS) packs."""
    weighted = poisson_tails(weighted_rate(item) * LEAD_D, packs_max=_NEED_MAX)
    mean = poisson_tails(mean_rate(item) * LEAD_D, packs_max=_NEED_MAX)
    worth = (item.known_rate / item.order_packs) ** 0.5
    return {
        "Poisson, weighted rate": np.stack([(weighted > 1 - level).sum(axis=1) + 1 for level in _LEVELS]),
        "Poisson, mean rate": np.stack([(mean > 1 - level).sum(axis=1) + 1 for level in _LEVELS]),
        "Poisson, weighted rate, priced": np.stack([(weighted * worth > price).sum(axis=1) + 1 for price in _PRICES]),
    }


class Alone:
    """Each item is ordered by itself, as soon as its position is below what it needs."""

    def __init__(self, home: Home, needs: Sequence[NDArray[np.int64]]) -> None:
        self._order_packs = [item.order_packs for item in home]
        self._needs = [need.tolist() for need in needs]

    def orders(self, day: int, positions: Sequence[int | None]) -> list[int]:
        """See `Rule`."""
        return [
            ceil((need[day - START] - position) / packs) if position is not None and position < need[day - START] else 0
            for packs, need, position in zip(self._order_packs, self._needs, positions, strict=True)
        ]


def poisson_chances(item: Series) -> Chances:
    """The chances without a model: Poisson at the middle of the weighted and the mean rate."""
    rate = (weighted_rate(item) + mean_rate(item)) / 2
    ahead = np.arange(LEAD_D, LEAD_D + AHEAD_D)
    return poisson_tails(rate[:, None] * ahead[None, :], packs_max=PACKS_MAX)


@dataclass(frozen=True, slots=True)
class Asking:
    """When somebody is asked whether an item is still used, in place of ordering it.

    `pauses` times the item's usual days between packs without one, and no sooner than after `pause_min_d`. A yes
    counts for as long again.
    """

    pauses: float
    pause_min_d: int


@dataclass(slots=True)
class Said:
    """What the household was asked and told, and the joining of its orders."""

    questions: int = 0
    due: int = 0
    nearly_due: int = 0


class Offers:
    """What a home could order on each evening, whatever the terms: made once for each position that is met."""

    def __init__(self, home: Home, chances: Sequence[Chances]) -> None:
        self.home = home
        self._tables = [table.swapaxes(1, 2) for table in chances]
        self._holding = [price_d(order_packs=item.order_packs, rate_packs_per_day=item.known_rate) for item in home]
        self._made: dict[tuple[int, int, int], Candidate] = {}

    def candidate(self, number: int, day: int, position: int) -> Candidate:
        """An item that has this position on the evening of `day`."""
        key = (number, day, position)
        if key not in self._made:
            table = [tuple(row) for row in self._tables[number][day - START].tolist()]
            rows = tuple(_rows(table, position, order_packs=self.home[number].order_packs))
            self._made[key] = Candidate(f"{number:03}", rows, self._holding[number], orders_max=len(rows))
        return self._made[key]


class Together:
    """Items of a home are ordered together (`core/deciding/joining.py`); what lies still for long is asked about."""

    def __init__(self, offers: Offers, *, terms: Terms, asking: Asking | None) -> None:
        self._offers, self._home, self._terms = offers, offers.home, terms
        self._pauses = [_Pauses(item, asking) if asking else None for item in self._home]
        self.said = Said()

    def orders(self, day: int, positions: Sequence[int | None]) -> list[int]:
        """See `Rule`."""
        candidates = [
            self._offers.candidate(number, day, position)
            for number, position in enumerate(positions)
            if position is not None and not self._is_held(number, day)
        ]
        joined = {int(one.item): one for one in join(candidates, terms=self._terms)}
        return [self._asked(number, day, joined.get(number)) for number in range(len(self._home))]

    def _is_held(self, number: int, day: int) -> bool:
        pauses = self._pauses[number]
        return pauses is not None and pauses.is_held(day)

    def _asked(self, number: int, day: int, choice: Joined | None) -> int:
        """Orders of an item that was chosen, 0 where the household is asked first."""
        if choice is None:
            return 0
        pauses = self._pauses[number]
        if pauses is not None and pauses.is_long(day):
            self.said.questions += 1
            pauses.ask(day)
            return 0
        self.said.due += choice.why == "due"
        self.said.nearly_due += choice.why == "nearly_due"
        return choice.orders


def _rows(table: Sequence[tuple[float, ...]], position: int, *, order_packs: int) -> Iterator[tuple[float, ...]]:
    """Chances to stand without it with 0, 1, 2 ... more orders; the last one asks for nothing more."""
    for orders in range(_ROWS_MAX):
        packs = position + orders * order_packs
        if packs <= 0:
            yield _CERTAIN
        elif packs > len(table):
            yield _NONE
            return
        else:
            yield table[packs - 1]
            if table[packs - 1][-1] < _NEGLIGIBLE:
                return


class _Pauses:
    """How long an item lies still, against its own habit; and what the household said when it was asked."""

    def __init__(self, item: Series, asking: Asking) -> None:
        self._last_used, self._asking = item.last_used, asking
        self._long_from = _long_from(item, asking)
        self._said_yes = -1
        self._is_over = False

    def is_long(self, day: int) -> bool:
        """Whether an order is better asked about."""
        since = day - self._said_yes if self._said_yes >= 0 else DAYS
        still_d, long_d = self._long_from[day]
        return min(still_d, since) >= long_d

    def is_held(self, day: int) -> bool:
        """Whether it was said that it is not used any more."""
        return self._is_over

    def ask(self, day: int) -> None:
        """The household answers by tomorrow, and rightly."""
        self._said_yes = day
        self._is_over = self._last_used is not None and day >= self._last_used


def _long_from(item: Series, asking: Asking) -> list[tuple[int, float]]:
    """For each day how long the item has lain still, and from when that is long."""
    told, last, gaps = [], item.first, [0.0]
    for day in range(DAYS):
        if item.finished[day] and day > item.first:
            gaps.append(day - last)
            last = day
        mean = sum(gaps) / max(len(gaps) - 1, 1)
        told.append((day - last, max(asking.pauses * mean, asking.pause_min_d)))
    return told
