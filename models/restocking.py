"""A shelf that is restocked, many at once: what a reorder rule comes to, and what each of its decisions is worth.

A day: goods arrive, an empty shelf is a stock-out day, packs are finished (on an empty shelf they are bought
elsewhere), and in the evening orders of a fixed size are placed until the position is what is needed. Goods arrive
`lead_d` + 1 mornings later.

`worth` tries every close decision both ways, ordering now and waiting a day, and goes on by the same rule until both
shelves look alike: the difference in cost is exact for this household's year, and costs nothing but arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AHEAD_DAYS: Final = 45
_CLOSE: Final = 0.03  # of p(1 - p): further from a coin toss there is nothing to decide


@dataclass(frozen=True, slots=True)
class Rule:
    """How a batch of shelves is restocked from `start` on, one lane for each pair of item and price.

    Shapes: `finished` (items, days) packs, `end` (items,), `order_packs` (items,), `item` (lanes,) places in these,
    `needs` (lanes, days from `start`) positions to reach in the evening, `chance` (lanes, days from `start`, positions)
    that a decision at that position is to order, `pack_day_cost` (lanes,) stock-out days that holding a pack for a day
    is worth.
    """

    finished: Ints
    end: Ints
    order_packs: Ints
    item: Ints
    needs: Ints
    chance: Floats
    pack_day_cost: Floats
    lead_d: int
    start: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Evenings, before orders that are a choice: on the shelf, position, coming tomorrow and later (n, lead + 1)."""

    lane: Ints
    day: Ints
    on_shelf: Ints
    position: Ints
    coming: Ints

    def some(self, kept: NDArray[np.bool_]) -> Moment:
        """Only these of them."""
        return Moment(*(part[kept] for part in (self.lane, self.day, self.on_shelf, self.position, self.coming)))


def evenings(rule: Rule) -> tuple[Moment, Floats]:
    """The evenings with a close decision when the rule is followed, and its cost a lane in stock-out days."""
    lanes = np.arange(len(rule.item))
    lot, end = rule.order_packs[rule.item], rule.end[rule.item]
    on_shelf, position = lot.copy(), lot.copy()
    coming = np.zeros((len(lanes), rule.lead_d + 1), dtype=np.int64)
    cost, found = np.zeros(len(lanes)), []
    positions = rule.chance.shape[2]
    for day in range(rule.start, int(end.max())):
        open_ = day < end
        used, paid = _live_day(on_shelf, coming, rule.finished[rule.item, day], rule.pack_day_cost)
        position -= used
        cost += paid * open_
        _order(position, coming, np.ones_like(lot), lot)  # an empty position is no decision; what to order beside it is
        chance = rule.chance[lanes, day - rule.start, np.clip(position, 1, positions) - 1]
        close = (chance * (1 - chance) > _CLOSE) & (position >= 1) & (position <= positions) & (day + 4 < end)
        at = np.flatnonzero(close)
        found.append((at, np.full(len(at), day), on_shelf[at], position[at], coming[at]))
        _order(position, coming, rule.needs[lanes, day - rule.start], lot)
    parts = [np.concatenate(part) for part in zip(*found, strict=True)]
    return Moment(*parts), cost


def worth(rule: Rule, moment: Moment) -> Floats:
    """Stock-out days that waiting a day costs more than ordering now, holding included. Shape: (moments,)."""
    gain = np.zeros(len(moment.lane))
    left = np.arange(len(gain))
    lot = rule.order_packs[rule.item[moment.lane]]
    now, later = _branch(moment, lot), _branch(moment, np.zeros_like(lot))
    last = np.minimum(rule.end[rule.item[moment.lane]], moment.day + 1 + AHEAD_DAYS)
    for ahead in range(1, AHEAD_DAYS + 1):
        day = moment.day[left] + ahead
        lane = moment.lane[left]
        packs, needs = rule.finished[rule.item[lane], day], rule.needs[lane, day - rule.start]
        for sign, branch in ((-1.0, now), (1.0, later)):
            gain[left] += sign * _live_on(branch, packs, needs, lot[left], rule.pack_day_cost[lane])
        keep = (day + 1 < last[left]) & ((now[0] != later[0]) | (now[1] != later[1]) | (now[2] != later[2]).any(axis=1))
        left = left[keep]
        if not len(left):
            break
        now, later = (tuple(part[keep] for part in branch) for branch in (now, later))
    return gain


def _branch(moment: Moment, ordered: Ints) -> tuple[Ints, ...]:
    coming = moment.coming.copy()
    coming[:, -1] += ordered
    return moment.on_shelf.copy(), moment.position + ordered, coming


def _live_on(branch: tuple[Ints, ...], packs: Ints, needs: Ints, lot: Ints, pack_day_cost: Floats) -> Floats:
    """A whole day with its evening; gives its cost."""
    on_shelf, position, coming = branch
    used, paid = _live_day(on_shelf, coming, packs, pack_day_cost)
    position -= used
    _order(position, coming, needs, lot)
    return paid


def _live_day(on_shelf: Ints, coming: Ints, packs: Ints, pack_day_cost: Floats) -> tuple[Ints, Floats]:
    """Goods in, packs used; changes both stocks. Gives packs used and the day's cost."""
    on_shelf += coming[:, 0]
    coming[:, :-1] = coming[:, 1:]
    coming[:, -1] = 0
    empty = on_shelf <= 0
    used = np.minimum(on_shelf, packs)
    paid = empty + pack_day_cost * np.maximum(on_shelf - 0.5 * ~empty - 0.5 * used, 0.0)
    on_shelf -= used
    return used, paid


def _order(position: Ints, coming: Ints, needs: Ints, lot: Ints) -> None:
    ordered = np.maximum(-((position - needs) // lot), 0) * lot
    position += ordered
    coming[:, -1] += ordered
