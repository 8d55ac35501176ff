"""The fold of a flag: a sensor that says "nearly empty" and nothing in between.

What is left is known when it turns, and reckoned on by the rate of use until it turns again.
"""

from __future__ import annotations

from datetime import datetime
from math import inf

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating.containers import put, with_box
from edge_agent.core.estimating.level import Moved
from edge_agent.core.estimating.refilling import risen
from edge_agent.core.estimating.state import Container, StockState, changed
from edge_agent.core.estimating.use import BY_HAND_GAP_MAX, book, reckoned

_FLAG_SPREAD = 0.3  # of what it says is left
_REFILLED_SPREAD_PACKS = 0.25


def fold_flag(
    state: StockState, box: Container, number: int, *, left: float, at: datetime, bound: Binding, item: Item
) -> StockState:
    """A flag says "nearly empty" when it turns, "filled" when it turns back, and little in between."""
    track, pack = box.tracks[number], item.product.pack_amount
    is_low, was_low = left < inf, track.is_low
    box = put(
        box, number, changed(
            track, as_of=at, values=track.values + 1, raw=None, is_low=is_low,
            moved_at=at if is_low != was_low else track.moved_at,
        ),
    )  # fmt: skip
    if is_low == was_low and not (left == 0.0 and box.amount):
        return with_box(state, box)
    if is_low and not was_low:
        box = _taught(state, box, left=left, at=at)
    box = reckoned(box, at=at, item=item)
    low = bound.low_amount or 0.0
    if is_low:
        box = changed(box, amount=left, variance=(_FLAG_SPREAD * max(left, 0.0)) ** 2, amount_at=at)
        return with_box(state, box)
    if not was_low:  # the first word: more than `low`, and nobody knows how much
        return with_box(state, box)
    rise = max(pack, low)
    box = changed(box, amount=(box.amount or 0.0) + rise, variance=(_REFILLED_SPREAD_PACKS * pack) ** 2, amount_at=at)
    told = Moved(since=track.as_of, until=at, rise=rise, rise_seen_at=at, before_seen_at=track.as_of)
    return risen(state, box, told, item=item, is_part=True)


def _taught(state: StockState, box: Container, *, left: float, at: datetime) -> Container:
    """Since it was last filled or counted, what a flag says is left now tells the use.

    Not where goods came meanwhile, which may be in it, nor where a counter tells the use better.
    """
    since = box.amount_at
    came_at = max((arrival.at for arrival in state.shelf.arrivals), default=None)
    if box.amount is None or since is None or (came_at is not None and came_at > since):
        return box
    if any(track.counted for track in box.tracks) or box.amount <= left:
        return box
    return book(box, since=since, until=at, used=box.amount - left, gap_max=BY_HAND_GAP_MAX)
