"""One reading or one event after the other, into the state of an item.

A container is led by the first of its sensors that is alive: what it tells of use and refills is booked. The others
are held against it (`fusing`), and take over when it falls silent or sticks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from math import inf, sqrt

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating import shelf as shelves
from edge_agent.core.estimating.counter import fold_counter
from edge_agent.core.estimating.evidence import amount_of, flag_amount, step_of, tells_level, use_number
from edge_agent.core.estimating.level import NOTHING_CAME, Came, Moved, fold_level, is_stuck
from edge_agent.core.estimating.state import Container, LevelAt, Shelf, StockState, Track
from edge_agent.core.estimating.use import GAP_MAX, book, complete_days, take_back, use_per_day
from edge_agent.core.messages import ItemId, Reading, Refill
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Opened,
    Scanned,
    StockEvent,
    ThrownAway,
)

REFILLS_KEPT = 16
LEADS_FOR = timedelta(hours=24)  # a sensor that was silent for longer leads no more
BY_HAND = ""  # the container of what no sensor tells

_REFILL_GAP_MAX = timedelta(hours=6)  # over a longer one the use before the refill cannot be told
_BY_HAND_GAP_MAX = timedelta(days=120)
_DISPUTED_PACKS = 0.15
_CORRECTING_VALUES = 3  # the first readings may only correct each other
_BRIM_SHARE = 0.93
_EMPTY_PACKS = 0.03  # next to nothing, and within what a sensor wanders
LEFT_EMPTY_FOR = timedelta(hours=12)  # nobody leaves it empty for so long who has something to fill it with
_WHAT_CAME_PACKS = 0.15
_COUNT_USES_SPREAD = 0.4  # of one wash: some take a quarter more or less, a spin nothing; over many it evens out
_FLAG_SPREAD = 0.3  # of what it says is left
_REFILLED_SPREAD_PACKS = 0.25
_DAY_S = 86_400.0


def anew(item: Item, *, reading_id: int = 0, event_id: int = 0) -> StockState:
    """Nothing known yet."""
    return fitted(
        StockState(ItemId(item.id), item.unit, version=2, reading_id=reading_id, event_id=event_id), item=item
    )


def fitted(state: StockState, *, item: Item, refused: frozenset[int] = frozenset()) -> StockState:
    """The state with the sensors that the item has now: a new one starts anew, one that is gone is forgotten.

    So is what one told that is `refused` now.
    """
    known = {(box.name, track.key): track for box in state.containers for track in box.tracks}
    boxes = {box.name: box for box in state.containers}
    tracks: dict[str, list[Track]] = {}
    for place, bound in enumerate(item.bindings):
        key = key_of(bound, item=item)
        before = None if place in refused else known.get((bound.holder, key))
        tracks.setdefault(bound.holder, []).append(before or Track(key))
    names = tracks or {BY_HAND: []}
    containers = tuple(replace(boxes.get(name) or Container(name), tracks=tuple(each)) for name, each in names.items())
    return state if containers == state.containers else replace(state, containers=containers)


def key_of(bound: Binding, *, item: Item) -> str:
    """The name of a binding's track: another meaning of the same signal is another track."""
    step = bound.amount_per_count or bound.amount_per_hour or bound.low_amount
    return f"{bound.device}/{bound.signal}/{bound.kind}/{bound.full_amount}/{step}/{item.product.pack_amount}"


def is_pool(item: Item) -> bool:
    """Whether no sensor tells how much there is: all of the stock is then reckoned as one."""
    return not any(tells_level(bound) or bound.kind == "flag" for bound in item.bindings)


def fold_reading(state: StockState, reading: Reading, *, at: datetime, place: int, item: Item) -> StockState:
    """One reading of the item's binding number `place`."""
    bound = item.bindings[place]
    box = next(each for each in state.containers if each.name == bound.holder)
    number = next(n for n, track in enumerate(box.tracks) if track.key == key_of(bound, item=item))
    track = box.tracks[number]
    if track.as_of is not None and at <= track.as_of:
        return state
    if bound.kind == "flag":
        left = flag_amount(reading, bound)
        return state if left is None else _fold_flag(state, box, number, left=left, at=at, bound=bound, item=item)
    if not tells_level(bound):
        count = use_number(reading, bound)
        if count is None:
            return state
        track, moved = fold_counter(track, count, at=at, item=item, binding=bound)
        return _counted(state, _put(box, number, track), number, moved)
    amount = amount_of(reading, bound, item=item)
    if amount is None:
        return state
    state = _without_old(state, track, at=at, item=item)
    step, peak = step_of(reading, bound), track.peak
    track = replace(track, step=step if track.step == 0.0 else min(track.step, step))
    came = _came_since_drop(state, track, at=at, item=item)
    track, told = fold_level(track, LevelAt(amount, at), item=item, binding=bound, came=came)
    if track.moved_at == at:
        track = replace(track, counted_at_move=counted(box))
    box = _put(box, number, track)
    return _levelled(state, box, number, told, item=item, is_part=bound.kind != "level", peak=peak)


def _came_since_drop(state: StockState, track: Track, *, at: datetime, item: Item) -> Came:
    """What was told to have come since the level fell at a stroke, as far as it still stands in the cupboard."""
    if track.lifted is None or track.pending is None:
        return NOTHING_CAME
    amount = _told_since(state.shelf, track.lifted.at)
    if amount <= 0.0:
        return NOTHING_CAME
    used, _ = reckoned_use(state.containers, since=track.lifted.at, until=at, item=item)
    return Came(amount, used)


def _without_old(state: StockState, track: Track, *, at: datetime, item: Item) -> StockState:
    """On the first reading of a day, what is past its date leaves the cupboard."""
    if item.best_before_d is None or track.as_of is None or at.date() == track.as_of.date():
        return state
    inside = sum(max((each.level or 0.0 for each in box.tracks), default=0.0) for box in state.containers)
    shelf = shelves.past_date(state.shelf, inside, at=at, item=item)
    return state if shelf is state.shelf else replace(state, shelf=shelf)


def _told_since(shelf: Shelf, since: datetime) -> float:
    told = sum(arrival.amount for arrival in shelf.arrivals if arrival.at >= since and not arrival.is_hint)
    return min(told, shelf.amount or 0.0)


def counted(box: Container) -> float:
    """All the use that the counters of a container have told."""
    return sum(track.counted for track in box.tracks)


def leads(box: Container, number: int, *, at: datetime) -> bool:
    """Whether this sensor is the first of its container that tells a level and is alive."""
    for other in box.tracks[:number]:
        if other.level is None or other.as_of is None or at - other.as_of > LEADS_FOR:
            continue
        if not (is_stuck(other, at) and _has_moved(box.tracks[number], since=other.moved_at)):
            return False
    return True


def _has_moved(track: Track, *, since: datetime | None) -> bool:
    return track.moved_at is not None and since is not None and track.moved_at > since


def _put(box: Container, number: int, track: Track) -> Container:
    return replace(box, tracks=(*box.tracks[:number], track, *box.tracks[number + 1 :]))


def _with(state: StockState, box: Container, **changes: object) -> StockState:
    containers = tuple(box if each.name == box.name else each for each in state.containers)
    return replace(state, containers=containers, **changes)  # type: ignore[arg-type]  # fields of StockState


def _levelled(
    state: StockState, box: Container, number: int, told: Moved | None, *, item: Item, is_part: bool, peak: float
) -> StockState:
    """What a level told: use, or more than there was; `peak` is the most that it had told before."""
    if told is None or not leads(box, number, at=told.until):
        return _with(state, box)
    if told.rise == 0.0:
        if _stood_empty(box.tracks[number], told, item=item):
            return _with(state, replace(box, booked_until=told.until))
        return _with(state, book(box, since=told.since, until=told.until, used=told.used, gap_max=GAP_MAX))
    box = book(box, since=told.since, until=told.until, used=told.used, gap_max=_REFILL_GAP_MAX)
    track = box.tracks[number]
    if track.values <= _CORRECTING_VALUES:
        return _with(state, box)
    is_full = _BRIM_SHARE <= (track.level or 0.0) / max(peak, 1e-9) <= 1.0 / _BRIM_SHARE
    is_brim = (track.level or 0.0) > peak / _BRIM_SHARE
    return _risen(state, box, told, item=item, is_part=is_part, is_full=is_full, is_brim=is_brim)


def _stood_empty(track: Track, told: Moved, *, item: Item) -> bool:
    """Whether there was nothing to use: such a time says nothing of how much would have been."""
    nothing = _EMPTY_PACKS * item.product.pack_amount
    return (track.level or 0.0) <= nothing and abs(told.used) <= nothing


def _risen(
    state: StockState,
    box: Container,
    told: Moved,
    *,
    item: Item,
    is_part: bool,
    is_full: bool = True,
    is_brim: bool = False,
) -> StockState:
    pack = item.product.pack_amount
    unseen, spread = _used_unseen(state, told, item=item)
    shelf, outside = shelves.fill_appliance(
        _without_ghosts(state, told, item=item),
        told.rise,
        unseen=unseen,
        spread=spread,
        dose=max((track.dose or 0.0 for track in box.tracks), default=0.0),
        at=told.until,
        item=item,
        is_part=is_part,
        is_full=is_full,
        is_brim=is_brim,
    )
    if told.rise >= shelves.REFILL_PACKS * pack:
        shelf = replace(shelf, opened_at=told.until)
    outside, shelf = shelves.found(shelf, outside, at=told.until)
    if outside < shelves.REFILL_PACKS * pack:
        return _with(state, box, shelf=shelf)
    refill = Refill(at=told.rise_seen_at or told.until, amount=outside, since=told.before_seen_at)
    if (state.shelf.amount or 0.0) > 0.0 and outside <= told.lifted + _WHAT_CAME_PACKS * pack:
        # Put back together with what stood in the cupboard: a sign that goods came, and no goods beyond the books.
        return _with(state, take_back(box, outside), shelf=shelf, refills=(*state.refills, refill)[-REFILLS_KEPT:])
    was_out = told.empty_since is not None and refill.at - told.empty_since >= LEFT_EMPTY_FOR
    shelf = shelves.came_unexplained(shelf, outside, at=told.until, was_out=was_out)
    return _with(state, box, shelf=shelf, refills=(*state.refills, refill)[-REFILLS_KEPT:])


def _without_ghosts(state: StockState, told: Moved, *, item: Item) -> Shelf:
    """The cupboard before a refill: what stood there while the appliance was left empty was not there.

    So it is where goods that came since then explain the refill alone.
    """
    shelf, since, pack = state.shelf, told.empty_since, item.product.pack_amount
    if since is None or shelf.amount is None or (told.rise_seen_at or told.until) - since < LEFT_EMPTY_FOR:
        return shelf
    came, shelf = _told_since(shelf, since), replace(shelf, maybe=0.0)
    if came <= 0.0 or told.rise > came + _WHAT_CAME_PACKS * pack:
        return shelf
    return replace(shelf, amount=came, variance=0.0)


def _used_unseen(state: StockState, told: Moved, *, item: Item) -> tuple[float, float]:
    """What was used by the rate between the last word of the old level and the first of the new one, and its spread."""
    since, until = told.before_seen_at, told.rise_seen_at or told.until
    if since is None or until <= since:
        return 0.0, 0.0
    used, variance = reckoned_use(state.containers, since=since, until=until, item=item)
    return (used if until - since > _REFILL_GAP_MAX else 0.0), sqrt(variance)


def _counted(state: StockState, box: Container, number: int, moved: Moved) -> StockState:
    """What a counter told: use that is booked where no level tells it, and taken from where it stood."""
    is_only = not any(track.level is not None or track.is_low is not None for track in box.tracks)
    if not is_only and not any(track.is_low is not None for track in box.tracks):
        return _with(state, box)  # the level tells it better
    if number == next(n for n, track in enumerate(box.tracks) if track.level is None and track.is_low is None):
        box = book(box, since=moved.since, until=moved.until, used=moved.used, gap_max=GAP_MAX)
    spread = _COUNT_USES_SPREAD**2 * moved.used * moved.step
    if not is_only:
        left = None if box.amount is None else max(0.0, box.amount - moved.used)
        return _with(state, replace(box, amount=left, variance=box.variance + spread))
    return _with(state, box, shelf=shelves.draw(state.shelf, moved.used, at=moved.until, variance=spread))


# --- a flag ---


def _fold_flag(
    state: StockState, box: Container, number: int, *, left: float, at: datetime, bound: Binding, item: Item
) -> StockState:
    """A flag says "nearly empty" when it turns, "filled" when it turns back, and little in between."""
    track, pack = box.tracks[number], item.product.pack_amount
    is_low, was_low = left < inf, track.is_low
    box = _put(
        box, number, replace(
            track, as_of=at, values=track.values + 1, raw=None, is_low=is_low,
            moved_at=at if is_low != was_low else track.moved_at,
        ),
    )  # fmt: skip
    if is_low == was_low and not (left == 0.0 and box.amount):
        return _with(state, box)
    if is_low and not was_low:
        box = _taught(state, box, left=left, at=at)
    box = reckoned(box, at=at, item=item)
    low = bound.low_amount or 0.0
    if is_low:
        box = replace(box, amount=left, variance=(_FLAG_SPREAD * max(left, 0.0)) ** 2, amount_at=at)
        return _with(state, box)
    if not was_low:  # the first word: more than `low`, and nobody knows how much
        return _with(state, box)
    rise = max(pack, low)
    box = replace(box, amount=(box.amount or 0.0) + rise, variance=(_REFILLED_SPREAD_PACKS * pack) ** 2, amount_at=at)
    told = Moved(since=track.as_of, until=at, rise=rise, rise_seen_at=at, before_seen_at=track.as_of)
    return _risen(state, box, told, item=item, is_part=True)


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
    return book(box, since=since, until=at, used=box.amount - left, gap_max=_BY_HAND_GAP_MAX)


def reckoned(box: Container, *, at: datetime, item: Item) -> Container:
    """A container without a level as it would stand at `at` by the rate of use; what counters tell is in it already."""
    if box.amount is None or box.amount_at is None or at <= box.amount_at:
        return box
    if any(track.counted for track in box.tracks):
        return replace(box, amount_at=at)
    used, variance = reckoned_use((box,), since=box.amount_at, until=at, item=item)
    left = max(0.0, box.amount - used)
    booked = book(box, since=box.amount_at, until=at, used=box.amount - left, gap_max=timedelta(0))
    return replace(booked, amount=left, amount_at=at, variance=box.variance + variance)


def reckoned_use(boxes: tuple[Container, ...], *, since: datetime, until: datetime, item: Item) -> tuple[float, float]:
    """Use by the rate over a time, and its variance."""
    rate = use_per_day(complete_days(boxes, item=item, today=until.date()), item=item)
    days = max(0.0, (until - since).total_seconds() / _DAY_S)
    spread = (rate.high - rate.low) / 2.56 * days
    return rate.value * days, spread**2 + 0.25 * rate.value * days * item.product.pack_amount * 0.2


# --- facts ---


def fold_event(state: StockState, event: StockEvent, *, item: Item) -> StockState:
    """What somebody said."""
    pack, pool = item.product.pack_amount, is_pool(item)
    state = replace(state, shelf=_passed(state, at=event.at, item=item))
    match event:
        case Delivered(packs=packs) | BoughtElsewhere(packs=packs):
            return _received(state, packs * pack, at=event.at, item=item)
        case Scanned(packs=packs) if packs > 0:
            return _received(state, packs * pack, at=event.at, item=item)
        case Corrected(amount=amount):
            return _corrected(state, amount, at=event.at, item=item)
        case ThrownAway(amount=amount):
            return _thrown_away(state, amount, at=event.at, item=item)
        case Opened() | Scanned():
            state = replace(state, shelf=replace(state.shelf, opened_at=event.at))
            if not pool or state.shelf.amount is None:
                return state
            least = 1 if isinstance(event, Opened) else 0
            more = 0.0 if isinstance(event, Opened) else (-event.packs - 1) * pack
            total = max(0.0, shelves.whole_packs(state.shelf.amount, item=item, least=least) - more)
            return _corrected(state, total, at=event.at, item=item)


def _received(state: StockState, amount: float, *, at: datetime, item: Item) -> StockState:
    return replace(state, shelf=shelves.receive(state.shelf, amount, at=at, item=item, is_pool=is_pool(item)))


def _passed(state: StockState, *, at: datetime, item: Item) -> Shelf:
    """The shelf of an item without any sensor, as it would stand at `at`."""
    shelf = state.shelf
    if item.bindings or shelf.amount is None or shelf.at is None or at <= shelf.at:
        return shelf
    used, variance = reckoned_use(state.containers, since=shelf.at, until=at, item=item)
    return shelves.draw(shelf, used, at=at, variance=variance)


def _corrected(state: StockState, total: float, *, at: datetime, item: Item) -> StockState:
    """All was counted: what the appliances do not hold stands in the cupboard."""
    pack = item.product.pack_amount
    state = _learned(state, total, at=at, item=item)
    if is_pool(item):
        return replace(state, shelf=shelves.count(state.shelf, total, total=total, at=at, item=item))
    held = {box.name: _held(box, at=at, item=item) for box in state.containers}
    inside = sum(amount for amount in held.values() if amount is not None)
    unknown = [box for box in state.containers if held[box.name] is None]
    rest = total - inside
    if unknown:
        box = replace(unknown[0], amount=max(0.0, min(rest, pack)), amount_at=at, variance=0.0)
        state, rest = _with(state, box), rest - min(rest, pack)
    dispute = ""
    if rest < -_DISPUTED_PACKS * pack:
        state, dispute = _put_right(state, rest, at=at), f"{total / pack:.2g}"
    shelf = shelves.count(state.shelf, max(0.0, rest), total=total, at=at, item=item)
    return replace(state, shelf=replace(shelf, dispute=dispute))


def _held(box: Container, *, at: datetime, item: Item) -> float | None:
    levels = [(n, track) for n, track in enumerate(box.tracks) if track.level is not None]
    if levels:
        return next((t.level for n, t in levels if leads(box, n, at=at)), levels[0][1].level)
    return reckoned(box, at=at, item=item).amount


def _put_right(state: StockState, by: float, *, at: datetime) -> StockState:
    """The appliances say more than was counted: their zero is off by that, the fullest one's."""
    fullest = max(state.containers, key=lambda box: max((track.level or 0.0 for track in box.tracks), default=0.0))
    tracks = tuple(
        track if track.level is None else replace(
            track, level=max(0.0, track.level + by), offset=track.offset + by, settled_at=at, pending=None, lifted=None,
            crept=0.0,
        )
        for track in fullest.tracks
    )  # fmt: skip
    amount = None if fullest.amount is None else max(0.0, fullest.amount + by)
    return _with(state, replace(fullest, tracks=tracks, amount=amount))


def _learned(state: StockState, total: float, *, at: datetime, item: Item) -> StockState:
    """Of an item without a sensor, two counts and what came in between say what was used."""
    shelf = state.shelf
    if item.bindings or shelf.counted_at is None or at <= shelf.counted_at:
        return state
    used = shelf.counted + shelf.came - total
    if used < 0 or shelf.amount is None:
        return state
    box = state.containers[0]
    return _with(state, book(box, since=shelf.counted_at, until=at, used=used, gap_max=_BY_HAND_GAP_MAX))


def _thrown_away(state: StockState, amount: float, *, at: datetime, item: Item) -> StockState:
    """From the cupboard first; what was in an appliance is seen to go by its sensor, and was no use."""
    standing = state.shelf.amount or 0.0
    from_shelf = min(standing, amount)
    if from_shelf:
        state = replace(state, shelf=shelves.draw(state.shelf, from_shelf, at=at))
    rest = amount - from_shelf
    boxes = [box for box in state.containers if any(track.level is not None for track in box.tracks)]
    if rest > 0 and boxes:
        return _with(state, take_back(boxes[0], rest))
    if is_pool(item):
        return replace(state, shelf=replace(state.shelf, came=state.shelf.came - amount))
    return state
