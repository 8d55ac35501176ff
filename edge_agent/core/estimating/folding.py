"""One reading after the other, into the state of an item.

A container is led by the first of its sensors that is alive: what it tells of use and refills is booked. The others
are held against it (`fusing`), and take over when it falls silent or sticks.
"""

from __future__ import annotations

from datetime import datetime

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating import shelf as shelves
from edge_agent.core.estimating.containers import Seat, counted, leads, put, with_box
from edge_agent.core.estimating.counter import fold_counter
from edge_agent.core.estimating.evidence import amount_of, flag_amount, step_of, tells_level, use_number
from edge_agent.core.estimating.flags import fold_flag
from edge_agent.core.estimating.level import NOTHING_CAME, Came, Moved, fold_level
from edge_agent.core.estimating.refilling import REFILL_GAP_MAX, risen, told_since
from edge_agent.core.estimating.state import Container, LevelAt, StockState, Track, changed
from edge_agent.core.estimating.use import GAP_MAX, book, reckoned_use
from edge_agent.core.messages import Reading

_CORRECTING_VALUES = 3  # the first readings may only correct each other
_BRIM_SHARE = 0.93
_EMPTY_PACKS = 0.03  # next to nothing, and within what a sensor wanders
_COUNT_USES_SPREAD = 0.4  # of one wash: some take a quarter more or less, a spin nothing; over many it evens out


def fold_reading(
    state: StockState, reading: Reading, *, at: datetime, bound: Binding, seat: Seat, item: Item
) -> StockState:
    """One reading of a binding of the item, whose track sits at `seat`."""
    box, number = state.containers[seat.container], seat.track
    track = box.tracks[number]
    if track.as_of is not None and at <= track.as_of:
        return state
    if bound.kind == "flag":
        left = flag_amount(reading, bound)
        return state if left is None else fold_flag(state, box, number, left=left, at=at, bound=bound, item=item)
    if not tells_level(bound):
        count = use_number(reading, bound)
        if count is None:
            return state
        track, moved = fold_counter(track, count, at=at, item=item, binding=bound)
        return _counted(state, put(box, number, track), number, moved)
    amount = amount_of(reading, bound, item=item)
    if amount is None:
        return state
    state = _without_old(state, track, at=at, item=item)
    step, peak = step_of(reading, bound), track.peak
    if track.step == 0.0 or step < track.step:
        track = changed(track, step=step)
    came = _came_since_drop(state, track, at=at, item=item)
    track, told = fold_level(track, LevelAt(amount, at), item=item, binding=bound, came=came)
    if track.moved_at == at and track.counted_at_move != counted(box):
        track = changed(track, counted_at_move=counted(box))
    box = put(box, number, track)
    return _levelled(state, box, number, told, item=item, is_part=bound.kind != "level", peak=peak)


def _came_since_drop(state: StockState, track: Track, *, at: datetime, item: Item) -> Came:
    """What was told to have come since the level fell at a stroke, as far as it still stands in the cupboard."""
    if track.lifted is None or track.pending is None:
        return NOTHING_CAME
    amount = told_since(state.shelf, track.lifted.at)
    if amount <= 0.0:
        return NOTHING_CAME
    used, _ = reckoned_use(state.containers, since=track.lifted.at, until=at, item=item)
    return Came(amount, used)


def _without_old(state: StockState, track: Track, *, at: datetime, item: Item) -> StockState:
    """On the first reading of a day, what is past its date leaves the cupboard."""
    if track.as_of is None or at.date() == track.as_of.date():
        return state
    inside = sum(max((each.level or 0.0 for each in box.tracks), default=0.0) for box in state.containers)
    shelf = shelves.past_date(state.shelf, inside, at=at, item=item)
    return state if shelf is state.shelf else changed(state, shelf=shelf)


def _levelled(
    state: StockState, box: Container, number: int, told: Moved | None, *, item: Item, is_part: bool, peak: float
) -> StockState:
    """What a level told: use, or more than there was; `peak` is the most that it had told before."""
    if told is None or not leads(box, number, at=told.until):
        return with_box(state, box)
    if told.rise == 0.0:
        if _stood_empty(box.tracks[number], told, item=item):
            return with_box(state, changed(box, booked_until=told.until))
        return with_box(state, book(box, since=told.since, until=told.until, used=told.used, gap_max=GAP_MAX))
    box = book(box, since=told.since, until=told.until, used=told.used, gap_max=REFILL_GAP_MAX)
    track = box.tracks[number]
    if track.values <= _CORRECTING_VALUES:
        return with_box(state, box)
    is_full = _BRIM_SHARE <= (track.level or 0.0) / max(peak, 1e-9) <= 1.0 / _BRIM_SHARE
    is_brim = (track.level or 0.0) > peak / _BRIM_SHARE
    return risen(state, box, told, item=item, is_part=is_part, is_full=is_full, is_brim=is_brim)


def _stood_empty(track: Track, told: Moved, *, item: Item) -> bool:
    """Whether there was nothing to use: such a time says nothing of how much would have been."""
    nothing = _EMPTY_PACKS * item.product.pack_amount
    return (track.level or 0.0) <= nothing and abs(told.used) <= nothing


def _counted(state: StockState, box: Container, number: int, moved: Moved) -> StockState:
    """What a counter told: use that is booked where no level tells it, and taken from where it stood."""
    is_only = not any(track.level is not None or track.is_low is not None for track in box.tracks)
    if not is_only and not any(track.is_low is not None for track in box.tracks):
        return with_box(state, box)  # the level tells it better
    if number == next(n for n, track in enumerate(box.tracks) if track.level is None and track.is_low is None):
        box = book(box, since=moved.since, until=moved.until, used=moved.used, gap_max=GAP_MAX)
    spread = _COUNT_USES_SPREAD**2 * moved.used * moved.step
    if not is_only:
        left = None if box.amount is None else max(0.0, box.amount - moved.used)
        return with_box(state, changed(box, amount=left, variance=box.variance + spread))
    return with_box(state, box, shelf=shelves.draw(state.shelf, moved.used, at=moved.until, variance=spread))
