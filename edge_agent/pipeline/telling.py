"""What a person says of a stock on its page becomes a fact, which `heard` is told of at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import ItemId
from edge_agent.core.said import say
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Label,
    Labelled,
    Opened,
    Scanned,
    SentBack,
    StockEvent,
    ThrownAway,
    Told,
    refuse_unfit,
)
from edge_agent.errors import BugError, RefusedError
from edge_agent.ports import Clock, HouseholdStore, StockEvents

log = logging.getLogger(__name__)


class Telling:
    """Fulfils the pages' `StockTelling`. `by` is the account's name; `heard` is called with each item it is about."""

    def __init__(
        self,
        *,
        events: StockEvents,
        household: HouseholdStore,
        clock: Clock,
        heard: Callable[[ItemId], None] = lambda _: None,
    ) -> None:
        self._events = events
        self._household = household
        self._clock = clock
        self._heard = heard

    def tell(self, item: ItemId, *, what: Told, packs: float, by: str, label: Label | None = None) -> None:
        """Keep what somebody says, in packs of the bound product; with `label`, what stands on these packs.

        Raises: RefusedError when there is no such item, or when it cannot be meant.
        """
        known = self._household.load().item(item)
        if known is None:
            raise RefusedError(say("There is no item {item} any more.", item=item))
        now = self._clock.now()
        for event in _events(known, what=what, packs=packs, by=by, at=now, label=label):
            refuse_unfit(event, item=known, now=now)
            self._events.record(event)
        log.info("stock_told item=%s what=%s", item, what)
        self._heard(item)

    def said(self, item: ItemId, *, limit: int) -> Sequence[StockEvent]:
        """What was said of an item last, newest first."""
        return self._events.newest(item, limit=limit)

    def labels(self, item: ItemId, *, limit: int) -> Sequence[Labelled]:
        """What was read on its packs last, newest first."""
        return self._events.labels(item=item, limit=limit)


def _events(item: Item, *, what: Told, packs: float, by: str, at: datetime, label: Label | None) -> list[StockEvent]:
    """What is said, and what stands on the packs where that was read: packs that come and packs that are here."""
    events = [] if what == "labelled" else [_event(item, what=what, packs=packs, by=by, at=at)]
    if label is None:
        if not events:
            raise RefusedError(say("Scan or type what stands on the pack: nothing was read."))
        return events
    if what not in {"taken_in", "bought", "labelled"}:
        raise RefusedError(say("A label is of packs that came in or are here."))
    if label.gtin14 not in {product.gtin14 for product in item.products}:
        raise RefusedError(say("{item}: this label is of another product.", item=item.name))
    return [*events, Labelled(ItemId(item.id), at, by, packs, label)]


def _event(item: Item, *, what: Told, packs: float, by: str, at: datetime) -> StockEvent:
    ident, pack = ItemId(item.id), item.product.pack_amount
    match what:
        case "counted":
            return Corrected(ident, at, by, packs * pack)
        case "bought" | "sent_back":
            return (BoughtElsewhere if what == "bought" else SentBack)(ident, at, by, packs)
        case "thrown_away":
            return ThrownAway(ident, at, by, packs * pack)
        case "opened":
            return Opened(ident, at, by)
        case "taken_in" | "taken_out":
            return Scanned(ident, at, by, packs if what == "taken_in" else -packs)
        case "labelled":
            raise BugError("a label alone is no event of the stock")
        case _:
            assert_never(what)
