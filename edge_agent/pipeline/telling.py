"""What a person says of a stock on its page becomes a fact that the next review counts."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import assert_never

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Opened,
    StockEvent,
    ThrownAway,
    Told,
    refuse_unfit,
)
from edge_agent.errors import RefusedError
from edge_agent.ports import Clock, HouseholdStore, StockEvents

log = logging.getLogger(__name__)


class Telling:
    """Fulfils the pages' `StockTelling`. `by` is the account's name."""

    def __init__(self, *, events: StockEvents, household: HouseholdStore, clock: Clock) -> None:
        self._events = events
        self._household = household
        self._clock = clock

    def tell(self, item: ItemId, *, what: Told, packs: float, by: str) -> None:
        """Keep what somebody says, in packs of the bound product.

        Raises: RefusedError when there is no such item, or when it cannot be meant.
        """
        known = self._household.load().item(item)
        if known is None:
            raise RefusedError(f"there is no item {item} any more")
        now = self._clock.now()
        event = _event(known, what=what, packs=packs, by=by, at=now)
        refuse_unfit(event, item=known, now=now)
        self._events.record(event)
        log.info("stock_told item=%s what=%s", item, what)


def _event(item: Item, *, what: Told, packs: float, by: str, at: datetime) -> StockEvent:
    ident, pack = ItemId(item.id), item.product.pack_amount
    match what:
        case "counted":
            return Corrected(ident, at, by, packs * pack)
        case "bought":
            return BoughtElsewhere(ident, at, by, packs)
        case "thrown_away":
            return ThrownAway(ident, at, by, packs * pack)
        case "opened":
            return Opened(ident, at, by)
        case _:
            assert_never(what)
