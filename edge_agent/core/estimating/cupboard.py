"""What stands in the cupboard, as a part of what is left; all of it where no sensor tells how much there is."""

from __future__ import annotations

from datetime import datetime
from math import sqrt

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.containers import is_pool
from edge_agent.core.estimating.doubts import stale
from edge_agent.core.estimating.evidence import tells_level
from edge_agent.core.estimating.part import BY_HAND_TRUST, Z80, Part, freshness, seconds_since
from edge_agent.core.estimating.refilling import LEFT_EMPTY_FOR
from edge_agent.core.estimating.state import Container, StockState
from edge_agent.core.estimating.use import reckoned_use
from edge_agent.core.messages import Range

_LEFT_EMPTY_BOOKS_PACKS = 0.5
_OVERDRAWN_PACKS = 0.15
_COUNT_OFF = 0.05  # the household's word of what one count uses, one standard deviation
_DAY_S = 86_400.0


def cupboard_packs(state: StockState, *, item: Item) -> float:
    """Sealed packs in the cupboard; where no sensor tells the open one, all but the last begun pack."""
    amount, pack = state.shelf.amount or 0.0, item.product.pack_amount
    if not is_pool(item):
        return amount / pack
    return float(max(0, -int(-(amount - 1e-6 * pack) // pack) - 1))


def in_cupboard(state: StockState, use: Range, *, item: Item, now: datetime) -> Part | None:
    """What stands in the cupboard; all of it where no sensor tells the rest."""
    shelf = state.shelf
    if not is_pool(item):
        margin = Z80 * sqrt(shelf.variance)
        amount = shelf.amount or 0.0
        return Part(amount, max(0.0, amount - margin), amount + (margin if amount else 0.0), 1.0)
    if shelf.amount is None:
        return None
    if item.bindings:
        return _reckoned_pool(state, shelf.amount, use, item=item, now=now)
    since = shelf.at or now
    used, variance = reckoned_use(state.containers, since=since, until=now, item=item)
    value, margin = max(0.0, shelf.amount - used), Z80 * sqrt(shelf.variance + variance)
    trust = BY_HAND_TRUST * max(0.0, 1.0 - margin / (2 * item.product.pack_amount))
    return Part(value, max(0.0, value - margin), value + margin, trust)


def is_left_empty(state: StockState, *, item: Item, now: datetime) -> bool:
    """Whether all that holds it has stood empty for long, though by the books there is a pack to fill it with."""
    pack = item.product.pack_amount
    if is_pool(item) or (state.shelf.amount or 0.0) < _LEFT_EMPTY_BOOKS_PACKS * pack:
        return False
    tracks = [track for box in holding(state, item=item) for track in box.tracks if track.level is not None]
    return bool(tracks) and all(
        track.empty_at is not None and now - track.empty_at > LEFT_EMPTY_FOR for track in tracks
    )


def holding(state: StockState, *, item: Item) -> list[Container]:
    """The containers whose own amount counts; the others draw from the shelf."""
    if is_pool(item):
        return []
    own = {bound.holder for bound in item.bindings if tells_level(bound) or bound.kind == "flag"}
    return [box for box in state.containers if box.name in own]


def _reckoned_pool(state: StockState, amount: float, use: Range, *, item: Item, now: datetime) -> Part:
    """A stock that counters are taken from.

    What one count uses varies from time to time (`shelf.variance`), and may be off as a whole. Where more was counted
    than is known to have come, goods came that nobody told of.
    """
    shelf, pack = state.shelf, item.product.pack_amount
    drawn = max(0.0, shelf.counted + shelf.came - amount)
    margin = Z80 * sqrt(shelf.variance + (_COUNT_OFF * drawn) ** 2)
    untold = -shelf.overdrawn % pack if shelf.overdrawn > max(margin, _OVERDRAWN_PACKS * pack) else 0.0
    age_s = seconds_since(state.as_of, now)
    low = amount - margin - use.high * age_s / _DAY_S
    heard = [track for box in state.containers for track in box.tracks if track.as_of is not None]
    values = sum(track.values for track in heard)
    trust = values / (values + 1) * freshness(age_s)
    doubts = stale(item.bindings[0], age_s) if heard else ()
    spread = max(0.0, 1.0 - (margin + untold) / (2 * pack))
    return Part(amount, max(0.0, low), amount + margin + untold, trust * spread, doubts)
