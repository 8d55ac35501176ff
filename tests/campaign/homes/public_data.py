"""Households of the public data as homes to replay: what each bought of every item, as packs finished day by day.

The rules are those of the public policy benchmark: a purchase of q packs is used up by the next purchase, the last pack
on that day, the others on random days before; orders are made in multiples of the household's own median purchase. An
item is followed from day 140. The last purchase has no next one: nothing is known of an item after it, unless no other
came for 84 days and more. Then it went out of use: its last packs last as long as those of one purchase before, drawn
by lot, since the mean would tell a rule that this was the last one.

Homes are the households of the part of the split that nobody trains on, in the order of a hash of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.dataset import CATEGORY_NAMES, DAYS, Purchases, load_purchases, split_of

START: Final = 140  # the first evening on which anything is ordered
RUN_IN_D: Final = 14  # not judged yet
LEAD_D: Final = 2  # ordered in the evening, here on the third morning
PURCHASES_MIN: Final = 8
PURCHASES_KNOWN_MIN: Final = 5  # before START
JUDGED_D: Final = 84  # of use after START
PAUSE_D: Final = 84  # without a purchase until the end of the data: out of use
AFTER_USE_D: Final = 28  # the least that is seen of an item out of use
QUANTITY_MAX: Final = 60

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """One item of one home.

    `finished[t]` is the packs finished on day t. `end` is the first day on which nothing is known of it any more.
    `judged` says whether stock and stock-outs are counted, which they are up to `last_bought`. `last_used` is the day
    of the last real use of an item that went out of use, None for the others.
    """

    household: int
    category: str
    first: int
    last_bought: int
    end: int
    order_packs: int
    finished: Counts
    judged: bool
    last_used: int | None

    @property
    def known_rate(self) -> float:
        """Packs a day known on day START; at least one in 90 days."""
        return max(float(self.finished[self.first : START + 1].mean()), 1 / 90)


Home = tuple[Series, ...]


def public_homes(count: int, *, spread: int, held_out: Collection[int] | None = None, part: str = "test") -> list[Home]:
    """The first `count` homes; `spread` is the seed of the days on which packs are finished.

    `held_out` names the households that the model has not seen; without it they are those of the public split's `part`.
    Raises: FileNotFoundError when the data package is not installed.
    """
    return homes_of(load_purchases(), count, spread=spread, held_out=held_out, part=part)


def homes_of(
    series: Iterable[Purchases], count: int, *, spread: int, held_out: Collection[int] | None = None, part: str = "test"
) -> list[Home]:
    """As `public_homes`, of series that are loaded already. A home is a household with an item that is judged."""
    rooms: dict[int, list[Purchases]] = {}
    for one in series:
        if (one.household in held_out) if held_out is not None else split_of(one.household) == part:
            rooms.setdefault(one.household, []).append(one)
    homes: list[Home] = []
    for household in sorted(rooms, key=_turn):
        rng = np.random.default_rng([spread, household])
        home = tuple(made for one in rooms[household] if (made := _series(one, rng=rng)) is not None)
        if any(item.judged for item in home):
            homes.append(home)
        if len(homes) == count:
            break
    return homes


def _turn(household: int) -> str:
    return hashlib.sha256(f"restock-homes-1:{household}".encode()).hexdigest()


def _series(one: Purchases, *, rng: np.random.Generator) -> Series | None:
    """The item, None where too little is known of it."""
    days, packs = one.days, one.packs
    before = days < START
    if len(days) < PURCHASES_MIN or before.sum() < PURCHASES_KNOWN_MIN or packs.max() >= QUANTITY_MAX:
        return None
    last = int(days[-1])
    lasted = min(int(rng.choice(np.diff(days))), PAUSE_D)
    faded = START + RUN_IN_D <= last <= DAYS - 1 - PAUSE_D and last + lasted <= DAYS - AFTER_USE_D
    judged = last >= START + JUDGED_D
    if not (faded or judged):
        return None
    ends = np.append(days[1:], last + lasted) if faded else days[1:]
    return Series(
        household=one.household,
        category=CATEGORY_NAMES[one.category],
        first=int(days[0]),
        last_bought=last,
        end=DAYS - 1 if faded else last,
        order_packs=max(1, int(np.median(packs[before]))),
        finished=_finished(days[: len(ends)], ends, packs, rng=rng),
        judged=judged,
        last_used=last + lasted if faded else None,
    )


def _finished(starts: Counts, ends: Counts, packs: Counts, *, rng: np.random.Generator) -> Counts:
    """Packs finished on each day of the year. Shapes: `starts` and `ends` (n,), the result (DAYS,)."""
    at: list[float] = []
    for start, end, bought in zip(starts.tolist(), ends.tolist(), packs.tolist(), strict=False):
        share = np.append(np.sort(rng.random(bought - 1)), 1.0)
        at += (start + np.floor(share * (end - start))).tolist()
    return np.bincount(np.array(at, dtype=np.int64), minlength=DAYS)[:DAYS]


def all_series(homes: Sequence[Home]) -> list[Series]:
    """The items of all homes, home by home."""
    return [item for home in homes for item in home]
