"""Stocktaking, on each review: new readings and what people said become the stock of every item.

A binding whose signal cannot tell the item's stock is refused here, with the reason: its readings are passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from edge_agent.core.binding_check import Declared, misfit
from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimate import Row, StockState, estimate, fold
from edge_agent.core.messages import DeviceId, ItemId, Reason, StockEstimate
from edge_agent.core.stock_events import StockEvent
from edge_agent.ports import ReadingStore, StockEvents

log = logging.getLogger(__name__)

_READINGS_MAX = 5_000  # a signal and turn; what is left over is folded on the next one
_SLICE = 250  # a signal; so many are folded in some 10 ms
_EVENTS_MAX = 1_000
_QUIET_AFTER = timedelta(hours=36)
_QUIET_SHARE = 0.75  # so much of a home stands still when nobody is there
_QUIET_ITEMS_MIN = 3


def not_declared(binding: Binding) -> Declared | None:
    """Nothing is known of any profile."""
    del binding
    return None


class Stocktaking:
    """Folds what is new, keeps the folded states, and says what is left.

    `declared` says what the profile of a bound device says of the signal, None where it is not loaded.
    """

    def __init__(
        self,
        *,
        readings: ReadingStore,
        events: StockEvents | None = None,
        declared: Callable[[Binding], Declared | None] = not_declared,
    ) -> None:
        self._readings = readings
        self._events = events
        self._declared = declared
        self._states: dict[ItemId, StockState] = {}

    def catch_up(self, items: Sequence[Item]) -> Iterator[None]:
        """Fold all that is stored and was not folded yet, in slices: between two of them something else may run.

        Each slice is kept at once, so a hub that ends in the middle goes on there. Without this, `take` folds as much
        of it as belongs to one turn.
        """
        for item in items:
            refused = frozenset(self._refused(item))
            while self._fold_slice(item, refused=refused):
                yield

    def _fold_slice(self, item: Item, *, refused: frozenset[int]) -> bool:
        """Whether there was so much that more may be left."""
        ident = ItemId(item.id)
        before = self._states.get(ident) or self._readings.load_stock(ident)
        rows = self._rows(item, after_id=before.reading_id if before is not None else 0, limit=_SLICE)
        if len(rows) < _SLICE:
            return False  # a turn's work: `take` does it, with what was said of the item
        state = self._states[ident] = self._fold(item, before, rows, refused=refused, is_part=True)
        self._readings.save_stock([state])
        return True

    def take(
        self, items: Sequence[Item], *, home: Sequence[Item] | None = None, now: datetime
    ) -> list[tuple[Item, StockEstimate]]:
        """What is left of each item, in their order. `home` are all items, where `items` are some of them."""
        changed, refused = [], {}
        for item in items:
            ident = ItemId(item.id)
            refused[ident] = self._refused(item)
            before = self._states.get(ident) or self._readings.load_stock(ident)
            rows = self._rows(item, after_id=before.reading_id if before is not None else 0, limit=_READINGS_MAX)
            state = self._fold(item, before, rows, refused=frozenset(refused[ident]))
            if before is None or (state.reading_id, state.event_id) != (before.reading_id, before.event_id):
                changed.append(state)
            self._states[ident] = state
        if changed:
            self._readings.save_stock(changed)
        is_quiet = self._is_quiet(items if home is None else home, now=now)
        return [
            (
                item,
                estimate(
                    self._states[ItemId(item.id)], item=item, now=now, is_home_quiet=is_quiet,
                    refused=tuple(refused[ItemId(item.id)].values()),
                ),
            )
            for item in items
        ]  # fmt: skip

    def _refused(self, item: Item) -> dict[int, Reason]:
        found = ((place, misfit(bound, self._declared(bound), item=item)) for place, bound in enumerate(item.bindings))
        return {place: why for place, why in found if why is not None}

    def _fold(
        self,
        item: Item,
        before: StockState | None,
        rows: Sequence[Row],
        *,
        refused: frozenset[int],
        is_part: bool = False,
    ) -> StockState:
        events: list[tuple[int, StockEvent]] = []
        if self._events is not None:
            after_id = before.event_id if before is not None else 0
            events = self._events.events_after(ItemId(item.id), after_id=after_id, limit=_EVENTS_MAX)
        if is_part:  # what was said later belongs among the readings that follow
            events = list(takewhile(lambda told: told[1].at <= rows[-1][1], events))
        return fold(before, rows, item=item, events=events, refused=refused)

    def _rows(self, item: Item, *, after_id: int, limit: int) -> list[Row]:
        """New readings of all its sensors in the order in which they were stored, as far as all of them were read."""
        rows: list[Row] = []
        read_to: int | None = None
        for place, bound in enumerate(item.bindings):
            found = self._readings.readings_after(DeviceId(bound.device), bound.signal, after_id=after_id, limit=limit)
            rows += [(number, at, reading, place) for number, at, reading in found]
            if len(found) == limit:
                read_to = found[-1][0] if read_to is None else min(read_to, found[-1][0])
        rows.sort(key=lambda row: row[0])
        return rows if read_to is None else [row for row in rows if row[0] <= read_to]

    def _is_quiet(self, items: Sequence[Item], *, now: datetime) -> bool:
        """Whether hardly anything at home is used: nobody is there."""
        states = [self._states.get(ItemId(item.id)) for item in items if item.bindings]
        known = [state.used_at for state in states if state is not None and state.used_at is not None]
        still = [at for at in known if now - at >= _QUIET_AFTER]
        return len(known) >= _QUIET_ITEMS_MIN and len(still) >= _QUIET_SHARE * len(known)
