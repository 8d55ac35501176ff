"""What is left of an item: a fold over readings and what people said, and the estimate drawn from it at any time.

The rules of the fold:

- Readings are folded in the order in which they were stored, each once: an id that was folded before is skipped.
  Events likewise, each before the first reading that is later than it.
- A late reading (its event time is not after the last folded value of its sensor) changes nothing but the id. Folding
  a set sorted by event time therefore gives the same as folding it as it came, apart from the readings that came late.
- What a reading says depends on its binding's class: a level (`estimating.level`), a counter or run time
  (`estimating.counter`), a flag (`estimating.flags`). Everything else, and what is absurd, says nothing.
- What people said is folded by `estimating.facts`.
- A rise takes from the cupboard first (`estimating.shelf`); only what that cannot explain is a refill hint.
- Unknown is never zero: an amount that no sensor told and nobody counted is None.

Nothing here reads a clock; nothing raises for what a device sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.containers import anew, fitted, seats
from edge_agent.core.estimating.cupboard import cupboard_packs
from edge_agent.core.estimating.facts import fold_event
from edge_agent.core.estimating.folding import fold_reading
from edge_agent.core.estimating.fusing import fused
from edge_agent.core.estimating.shelf import REFILL_PACKS
from edge_agent.core.estimating.signs import is_settling
from edge_agent.core.estimating.spoiling import batches
from edge_agent.core.estimating.state import StockState, changed
from edge_agent.core.estimating.use import HISTORY_DAYS, complete_days, use_per_day
from edge_agent.core.messages import ItemId, Range, Reading, Reason, StockEstimate
from edge_agent.core.stock_events import StockEvent

__all__ = ["HISTORY_DAYS", "REFILL_PACKS", "Row", "StockState", "estimate", "fold"]

Row = tuple[int, datetime, Reading] | tuple[int, datetime, Reading, int]  # id, event time, reading, number of binding

_USED_PACKS_MIN = 0.02  # less than that on a day may be drift
_REFUSED_TRUST = 0.5


def fold(
    state: StockState | None,
    readings: Iterable[Row],
    *,
    item: Item,
    events: Iterable[tuple[int, StockEvent]] = (),
    refused: frozenset[int] = frozenset(),
) -> StockState:
    """The state after more stored readings and events of an item; None starts anew.

    A row without a number is of the first binding. `refused` are the numbers of bindings that cannot tell this stock:
    their readings count as folded and say nothing. A sensor that is bound anew starts anew.
    """
    if state is None or state.unit != item.unit:
        ids = (0, 0) if state is None else (state.reading_id, state.event_id)
        state = anew(item, reading_id=ids[0], event_id=ids[1])
    state = fitted(state, item=item, refused=refused)
    counting = {
        place: told_by
        for place, told_by in enumerate(zip(item.bindings, seats(item), strict=True))
        if place not in refused
    }
    read_to = state.reading_id
    for told in _in_order(readings, events):
        if len(told) == 2:
            number, event = told
            if number > state.event_id:
                state = changed(fold_event(state, event, item=item), event_id=number)
            continue
        reading_id, at, reading, place = told
        if reading_id > read_to:
            read_to = reading_id
            if place in counting:
                bound, seat = counting[place]
                state = fold_reading(state, reading, at=at, bound=bound, seat=seat, item=item)
    return state if read_to == state.reading_id else changed(state, reading_id=read_to)


def estimate(
    state: StockState | None,
    *,
    item: Item,
    now: datetime,
    is_home_quiet: bool = False,
    refused: Sequence[Reason] = (),
) -> StockEstimate:
    """What is known of an item at `now`. `as_of` of the result is the last value's event time, `now` if there is none.

    The amount stands still after the last value; its lower bound goes on falling with the use. Without any sensor it is
    reckoned on to `now`. `is_home_quiet`: nothing else at home is used either, so a value that stands still is no
    stuck sensor. `refused` says which bindings do not count, and why.
    """
    state = state or anew(item)
    seen_at, pack = state.as_of if item.bindings else None, item.product.pack_amount
    as_of = seen_at or now
    days = complete_days(state.containers, item=item, today=as_of.date())
    use = use_per_day(days, item=item)
    found = fused(state, use, item=item, now=now, is_home_quiet=is_home_quiet)
    amount = None if found is None else Range(value=found.value, low=found.low, high=found.high)
    doubts = (*refused, *(() if found is None else found.doubts))
    tracks = [track for box in state.containers for track in box.tracks]
    trust = 0.0 if found is None else found.trust * (_REFUSED_TRUST if refused else 1.0)
    return StockEstimate(
        item=ItemId(item.id),
        unit=item.unit,
        as_of=as_of,
        amount=amount,
        use_per_day=use,
        trust=min(1.0, max(0.0, trust)),
        daily_use=days,
        refills=state.refills,
        cupboard_packs=cupboard_packs(state, item=item),
        spoils=() if amount is None else batches(state, amount.value, item=item),
        doubts=doubts,
        last_used_on=_last_used_on(state, item=item),
        is_settling=any(is_settling(track, pack=pack) for track in tracks),
        is_told_by_hand=all(track.as_of is None for track in tracks),
    )


def _in_order(
    readings: Iterable[Row], events: Iterable[tuple[int, StockEvent]]
) -> Iterator[tuple[int, StockEvent] | tuple[int, datetime, Reading, int]]:
    """Readings as they were stored; each event before the first reading that is later than it."""
    waiting = list(events)
    for row in readings:
        while waiting and waiting[0][1].at < row[1]:
            yield waiting.pop(0)
        yield (row[0], row[1], row[2], row[3] if len(row) == 4 else 0)
    yield from waiting


def _last_used_on(state: StockState, *, item: Item) -> date | None:
    """The last day with real use, as far as it was seen."""
    least = _USED_PACKS_MIN * item.product.pack_amount
    used = [day.ordinal for box in state.containers for day in box.days if day.used >= least]
    return date.fromordinal(max(used)) if used else None
