"""The fold of what somebody said: goods that came, a count, a pack that was opened or thrown away."""

from __future__ import annotations

from datetime import datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating import shelf as shelves
from edge_agent.core.estimating.containers import is_pool, leads, with_box
from edge_agent.core.estimating.state import Container, Shelf, StockState, changed
from edge_agent.core.estimating.use import BY_HAND_GAP_MAX, book, reckoned, reckoned_use, take_back
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Labelled,
    Opened,
    Scanned,
    SentBack,
    StockEvent,
    ThrownAway,
    gone_amount,
)

_DISPUTED_PACKS = 0.15


def fold_event(state: StockState, event: StockEvent, *, item: Item) -> StockState:  # noqa: PLR0911 - one a kind
    """What somebody said."""
    pack, pool = item.product.pack_amount, is_pool(item)
    state = changed(state, shelf=_passed(state, at=event.at, item=item))
    match event:
        case Delivered(packs=packs) | BoughtElsewhere(packs=packs):
            return _received(state, packs * pack, at=event.at, item=item)
        case Scanned(packs=packs) if packs > 0:
            return _received(state, packs * pack, at=event.at, item=item)
        case Corrected(amount=amount):
            return _corrected(state, amount, at=event.at, item=item)
        case ThrownAway() | SentBack():
            return _thrown_away(state, gone_amount(event, pack_amount=pack), at=event.at, item=item)
        case Labelled():
            return _labelled(state, event, item=item)
        case Opened() | Scanned():
            state = changed(state, shelf=changed(state.shelf, opened_at=event.at))
            if not pool or state.shelf.amount is None:
                return state
            least = 1 if isinstance(event, Opened) else 0
            more = 0.0 if isinstance(event, Opened) else (-event.packs - 1) * pack
            total = max(0.0, shelves.whole_packs(state.shelf.amount, item=item, least=least) - more)
            return _corrected(state, total, at=event.at, item=item)


def _labelled(state: StockState, event: Labelled, *, item: Item) -> StockState:
    """The date on packs that are here; a label without one says nothing of the stock."""
    dated, amount = event.label.keeps_until, event.packs * item.product.pack_amount
    if dated is None:
        return state
    return changed(state, shelf=shelves.label(state.shelf, amount, dated=dated, at=event.at, item=item))


def _received(state: StockState, amount: float, *, at: datetime, item: Item) -> StockState:
    return changed(state, shelf=shelves.receive(state.shelf, amount, at=at, item=item, is_pool=is_pool(item)))


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
        return changed(state, shelf=shelves.count(state.shelf, total, total=total, at=at, item=item))
    held = {box.name: _held(box, at=at, item=item) for box in state.containers}
    inside = sum(amount for amount in held.values() if amount is not None)
    unknown = [box for box in state.containers if held[box.name] is None]
    rest = total - inside
    if unknown:
        box = changed(unknown[0], amount=max(0.0, min(rest, pack)), amount_at=at, variance=0.0)
        state, rest = with_box(state, box), rest - min(rest, pack)
    dispute = ""
    if rest < -_DISPUTED_PACKS * pack:
        state, dispute = _put_right(state, rest, at=at), f"{total / pack:.2g}"
    shelf = shelves.count(state.shelf, max(0.0, rest), total=total, at=at, item=item)
    return changed(state, shelf=changed(shelf, dispute=dispute))


def _held(box: Container, *, at: datetime, item: Item) -> float | None:
    levels = [(n, track) for n, track in enumerate(box.tracks) if track.level is not None]
    if levels:
        return next((t.level for n, t in levels if leads(box, n, at=at)), levels[0][1].level)
    return reckoned(box, at=at, item=item).amount


def _put_right(state: StockState, by: float, *, at: datetime) -> StockState:
    """The appliances say more than was counted: their zero is off by that, the fullest one's."""
    fullest = max(state.containers, key=lambda box: max((track.level or 0.0 for track in box.tracks), default=0.0))
    tracks = tuple(
        track if track.level is None else changed(
            track, level=max(0.0, track.level + by), offset=track.offset + by, settled_at=at, pending=None, lifted=None,
            crept=0.0,
        )
        for track in fullest.tracks
    )  # fmt: skip
    amount = None if fullest.amount is None else max(0.0, fullest.amount + by)
    return with_box(state, changed(fullest, tracks=tracks, amount=amount))


def _learned(state: StockState, total: float, *, at: datetime, item: Item) -> StockState:
    """Of an item without a sensor, two counts and what came in between say what was used."""
    shelf = state.shelf
    if item.bindings or shelf.counted_at is None or at <= shelf.counted_at:
        return state
    used = shelf.counted + shelf.came - total
    if used < 0 or shelf.amount is None:
        return state
    box = state.containers[0]
    return with_box(state, book(box, since=shelf.counted_at, until=at, used=used, gap_max=BY_HAND_GAP_MAX))


def _thrown_away(state: StockState, amount: float, *, at: datetime, item: Item) -> StockState:
    """From the cupboard first; what was in an appliance is seen to go by its sensor, and was no use."""
    standing = state.shelf.amount or 0.0
    from_shelf = min(standing, amount)
    if from_shelf:
        state = changed(state, shelf=shelves.draw(state.shelf, from_shelf, at=at))
    rest = amount - from_shelf
    boxes = [box for box in state.containers if any(track.level is not None for track in box.tracks)]
    if rest > 0 and boxes:
        return with_box(state, take_back(boxes[0], rest))
    if is_pool(item):
        return changed(state, shelf=changed(state.shelf, came=state.shelf.came - amount))
    return state
