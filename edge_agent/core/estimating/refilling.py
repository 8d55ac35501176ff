"""More is in a container than there was: from the cupboard as far as that explains it, else from outside, a refill.

What a level or a flag told of the rise is in; where it came from is found here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import sqrt

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating import shelf as shelves
from edge_agent.core.estimating.containers import with_box
from edge_agent.core.estimating.level import Moved
from edge_agent.core.estimating.state import Container, Shelf, StockState, changed
from edge_agent.core.estimating.use import reckoned_use, take_back
from edge_agent.core.messages import Refill

REFILLS_KEPT = 16
LEFT_EMPTY_FOR = timedelta(hours=12)  # nobody leaves it empty for so long who has something to fill it with
REFILL_GAP_MAX = timedelta(hours=6)  # over a longer one the use before the refill cannot be told

_WHAT_CAME_PACKS = 0.15


def risen(
    state: StockState,
    box: Container,
    told: Moved,
    *,
    item: Item,
    is_part: bool,
    is_full: bool = True,
    is_brim: bool = False,
) -> StockState:
    """The state after a rise in a container: what stood in the cupboard explains it first, the rest is a refill."""
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
        shelf = changed(shelf, opened_at=told.until)
    outside, shelf = shelves.found(shelf, outside, at=told.until)
    if outside < shelves.REFILL_PACKS * pack:
        return with_box(state, box, shelf=shelf)
    refill = Refill(at=told.rise_seen_at or told.until, amount=outside, since=told.before_seen_at)
    if (state.shelf.amount or 0.0) > 0.0 and outside <= told.lifted + _WHAT_CAME_PACKS * pack:
        # Put back together with what stood in the cupboard: a sign that goods came, and no goods beyond the books.
        return with_box(state, take_back(box, outside), shelf=shelf, refills=(*state.refills, refill)[-REFILLS_KEPT:])
    was_out = told.empty_since is not None and refill.at - told.empty_since >= LEFT_EMPTY_FOR
    shelf = shelves.came_unexplained(shelf, outside, at=told.until, was_out=was_out)
    return with_box(state, box, shelf=shelf, refills=(*state.refills, refill)[-REFILLS_KEPT:])


def told_since(shelf: Shelf, since: datetime) -> float:
    """What people said came since then, as far as it still stands in the cupboard."""
    told = sum(arrival.amount for arrival in shelf.arrivals if arrival.at >= since and not arrival.is_hint)
    return min(told, shelf.amount or 0.0)


def _without_ghosts(state: StockState, told: Moved, *, item: Item) -> Shelf:
    """The cupboard before a refill: what stood there while the appliance was left empty was not there.

    So it is where goods that came since then explain the refill alone.
    """
    shelf, since, pack = state.shelf, told.empty_since, item.product.pack_amount
    if since is None or shelf.amount is None or (told.rise_seen_at or told.until) - since < LEFT_EMPTY_FOR:
        return shelf
    came, shelf = told_since(shelf, since), changed(shelf, maybe=0.0)
    if came <= 0.0 or told.rise > came + _WHAT_CAME_PACKS * pack:
        return shelf
    return changed(shelf, amount=came, variance=0.0)


def _used_unseen(state: StockState, told: Moved, *, item: Item) -> tuple[float, float]:
    """What was used by the rate between the last word of the old level and the first of the new one, and its spread."""
    since, until = told.before_seen_at, told.rise_seen_at or told.until
    if since is None or until <= since:
        return 0.0, 0.0
    used, variance = reckoned_use(state.containers, since=since, until=until, item=item)
    return (used if until - since > REFILL_GAP_MAX else 0.0), sqrt(variance)
