"""The containers of an item and their sensors: fitted to its bindings, which sensor leads, and what is put back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating.evidence import tells_level
from edge_agent.core.estimating.signs import is_stuck
from edge_agent.core.estimating.state import Container, StockState, Track, changed
from edge_agent.core.messages import ItemId

LEADS_FOR = timedelta(hours=24)  # a sensor that was silent for longer leads no more
BY_HAND = ""  # the container of what no sensor tells


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
    containers = tuple(changed(boxes.get(name) or Container(name), tracks=tuple(each)) for name, each in names.items())
    return state if containers == state.containers else changed(state, containers=containers)


class Seat(NamedTuple):
    """Where a binding's track is: the number of its container, and its number there."""

    container: int
    track: int


def seats(item: Item) -> tuple[Seat, ...]:
    """Where the track of each binding is, in a state that is fitted to the item."""
    taken: dict[str, int] = {}
    found = []
    for bound in item.bindings:
        number = taken.setdefault(bound.holder, 0)
        found.append(Seat(list(taken).index(bound.holder), number))
        taken[bound.holder] += 1
    return tuple(found)


def key_of(bound: Binding, *, item: Item) -> str:
    """The name of a binding's track: another meaning of the same signal is another track."""
    step = bound.amount_per_count or bound.amount_per_hour or bound.low_amount
    return f"{bound.device}/{bound.signal}/{bound.kind}/{bound.full_amount}/{step}/{item.product.pack_amount}"


def is_pool(item: Item) -> bool:
    """Whether no sensor tells how much there is: all of the stock is then reckoned as one."""
    return not any(tells_level(bound) or bound.kind == "flag" for bound in item.bindings)


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


def put(box: Container, number: int, track: Track) -> Container:
    """The container with this track as its sensor of that number."""
    return changed(box, tracks=(*box.tracks[:number], track, *box.tracks[number + 1 :]))


def with_box(state: StockState, box: Container, **changes: object) -> StockState:
    """The state with this container in the place of the one of that name, and other fields changed."""
    containers = tuple(box if each.name == box.name else each for each in state.containers)
    return changed(state, containers=containers, **changes)


def _has_moved(track: Track, *, since: datetime | None) -> bool:
    return track.moved_at is not None and since is not None and track.moved_at > since
