"""A shelf that is restocked, many at once: what a reorder rule comes to, and what each of its decisions is worth.

A day: goods arrive, an empty shelf is a stock-out day, packs are finished (on an empty shelf they are bought
elsewhere), and in the evening orders of a fixed size are placed until the position is what is needed. Goods arrive
`lead_d` + 1 mornings later.

`worth` tries decisions both ways, ordering now and waiting a day, and goes on by the same rule until both shelves look
alike: the difference in cost is exact for this household's year, and costs nothing but arithmetic.

All of it is JAX, to be compiled into a training step. Packs are whole numbers, kept as floats.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import jax
import jax.numpy as jnp

AHEAD_DAYS: Final = 45

_NEEDS_BITS = 3  # needs and packs of a day are read as one number: half of the look-ups


class Lanes(NamedTuple):
    """How a batch of shelves is restocked, one lane for each pair of item and price; days are counted from the first.

    Shapes: `finished` (lanes, days) packs; `needs` (lanes, days) positions to reach in the evening, 7 at most; `end`
    (lanes,) days that are known; `lot` (lanes,) packs of an order; `pack_day_cost` (lanes,) stock-out days that holding
    a pack for a day is worth.
    """

    finished: jax.Array
    needs: jax.Array
    end: jax.Array
    lot: jax.Array
    pack_day_cost: jax.Array


class Shelf(NamedTuple):
    """Packs on the shelf, all those and what is ordered, and what comes on each of the next `lead_d` + 1 mornings."""

    packs: jax.Array
    position: jax.Array
    coming: tuple[jax.Array, ...]


class Moment(NamedTuple):
    """Evenings, before orders that are a choice. Shapes: (moments,); `counts` is 0 for those that fill up a batch."""

    lane: jax.Array
    day: jax.Array
    shelf: Shelf
    counts: jax.Array


# Days ahead, the shelf when ordered and when not, what waiting cost so far, and whether a moment still counts.
_Both = tuple[jax.Array, Shelf, Shelf, jax.Array, jax.Array]


def evenings(lanes: Lanes, *, lead_d: int) -> tuple[Shelf, jax.Array]:
    """Each evening before orders that are a choice, shapes (days, lanes), and the cost of each lane in stock-out days.

    To order when nothing is left or on its way is no choice; what to order beside it is.
    """

    def day(carry: tuple[Shelf, jax.Array], known: tuple[jax.Array, ...]) -> tuple[tuple[Shelf, jax.Array], Shelf]:
        shelf, cost = carry
        number, finished, needs = known
        shelf, paid = _live_day(shelf, finished, lanes.pack_day_cost)
        shelf = _ordered(shelf, jnp.ones_like(lanes.lot), lanes.lot)
        return (_ordered(shelf, needs, lanes.lot), cost + paid * (number < lanes.end)), shelf

    nothing = jnp.zeros_like(lanes.lot)
    first = Shelf(lanes.lot, lanes.lot, (nothing,) * (lead_d + 1))
    days = (jnp.arange(lanes.finished.shape[1]), lanes.finished.T, lanes.needs.T)
    (_, cost), shelves = jax.lax.scan(day, (first, nothing), days)
    return shelves, cost


def worth(lanes: Lanes, moment: Moment) -> jax.Array:
    """Stock-out days that waiting a day costs more than ordering one lot now, holding included. Shape: (moments,)."""
    known = (lanes.needs + (lanes.finished.astype(jnp.int32) << _NEEDS_BITS)).astype(jnp.int32).ravel()
    days = lanes.finished.shape[1]
    lot, day_cost = lanes.lot[moment.lane], lanes.pack_day_cost[moment.lane]
    last = jnp.minimum(lanes.end[moment.lane], moment.day + 1 + AHEAD_DAYS)

    def live(shelf: Shelf, finished: jax.Array, needs: jax.Array) -> tuple[Shelf, jax.Array]:
        shelf, paid = _live_day(shelf, finished, day_cost)
        return _ordered(shelf, needs, lot), paid

    def one_day(state: _Both) -> _Both:
        ahead, now, later, gain, counts = state
        day = moment.day + ahead
        code = known[moment.lane * days + jnp.minimum(day, days - 1)]
        finished, needs = (code >> _NEEDS_BITS).astype(lot.dtype), (code & ((1 << _NEEDS_BITS) - 1)).astype(lot.dtype)
        now, paid_now = live(now, finished, needs)
        later, paid_later = live(later, finished, needs)
        gain += counts * (paid_later - paid_now)
        counts *= (day + 1 < last) & _differ(now, later)
        return ahead + 1, now, later, gain, counts

    begin = (jnp.int32(1), _came_to(moment.shelf, lot), moment.shelf, jnp.zeros_like(lot), moment.counts)
    end = jax.lax.while_loop(lambda state: (state[0] <= AHEAD_DAYS) & state[4].any(), one_day, begin)
    return end[3]


def _differ(one: Shelf, other: Shelf) -> jax.Array:
    parts = [left != right for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)]
    return jnp.stack(parts).any(axis=0)


def _live_day(shelf: Shelf, finished: jax.Array, pack_day_cost: jax.Array) -> tuple[Shelf, jax.Array]:
    """Goods in, packs used. Gives the shelf and the day's cost."""
    packs = shelf.packs + shelf.coming[0]
    empty = packs <= 0
    used = jnp.minimum(packs, finished)
    paid = empty + pack_day_cost * jnp.maximum(packs - jnp.where(empty, 0.0, 0.5) - 0.5 * used, 0.0)
    return Shelf(packs - used, shelf.position - used, (*shelf.coming[1:], jnp.zeros_like(packs))), paid


def _ordered(shelf: Shelf, needs: jax.Array, lot: jax.Array) -> Shelf:
    return _came_to(shelf, jnp.maximum(jnp.ceil((needs - shelf.position) / lot), 0.0) * lot)


def _came_to(shelf: Shelf, ordered: jax.Array) -> Shelf:
    """The shelf when this much more is on its way."""
    return Shelf(shelf.packs, shelf.position + ordered, (*shelf.coming[:-1], shelf.coming[-1] + ordered))
