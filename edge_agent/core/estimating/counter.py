"""The fold of a counter or a run time that only says how much was used: washes, pages, hours.

A counter goes up. One that goes back was reset or has wrapped: it counts from 0 again, as far as that is believable. A
step that no household makes is not counted; where the next value agrees with it, the counter goes on from there.
"""

from __future__ import annotations

from datetime import datetime

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating.evidence import use_amount
from edge_agent.core.estimating.level import Moved
from edge_agent.core.estimating.state import LevelAt, Track, changed

_BELIEVED_PACKS = 3.0  # at a stroke
_BELIEVED_TIMES = 20.0  # of the guess of use, over the time since the last value
_DAY_S = 86_400.0


def fold_counter(track: Track, number: float, *, at: datetime, item: Item, binding: Binding) -> tuple[Track, Moved]:
    """One value later than all before, and the use that it tells."""
    before, since = track.raw, track.as_of
    track = changed(track, as_of=at, values=track.values + 1)
    if before is None or since is None:
        return changed(track, raw=number, moved_at=at), Moved(since=None, until=at)
    used = use_amount(number - before if number >= before else max(0.0, number), binding)
    days = (at - since).total_seconds() / _DAY_S
    believed = max(_BELIEVED_PACKS * item.product.pack_amount, _BELIEVED_TIMES * item.prior_use_per_day * days)
    if used > believed:
        if track.pending is None or not 0 <= number - track.pending.level <= believed / use_amount(1.0, binding):
            return changed(track, pending=LevelAt(max(0.0, number), at)), Moved(since=since, until=at)
        used = use_amount(number - track.pending.level, binding)
    moved_at = at if used > 0 else track.moved_at
    track = changed(track, raw=number, moved_at=moved_at, used_at=moved_at, pending=None, counted=track.counted + used)
    return track, Moved(since=since, until=at, used=used, step=use_amount(1.0, binding))
