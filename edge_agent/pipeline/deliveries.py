"""Orders that have come become a fact of the stock: each pack once, as they come; and those that went back, out of it.

How many came is told as a count that never falls, so what is new of it is what was not recorded yet. A substitute adds
what its own pack holds; what nobody can tell the amount of adds nothing (`core.arrivals`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from edge_agent.core.arrivals import back_packs, came_packs, pack_amount
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import IntentId
from edge_agent.core.stock_events import Delivered, SentBack
from edge_agent.ports import StockEvents

log = logging.getLogger(__name__)

_BY = "hub"
_NEWS_FOR = timedelta(days=3)  # what came earlier was used or counted since
_KNOWN_MAX = 10_000


class Deliveries:
    """Tells the stock of packs that were delivered, or sent back."""

    def __init__(self, events: StockEvents) -> None:
        self._events = events
        self._known: dict[IntentId, tuple[int, int]] = {}

    def note(self, orders: Sequence[IntentRecord], *, items: Sequence[Item], now: datetime) -> None:
        """Record what was delivered or sent back lately; what was recorded before is passed over."""
        of = {item.id: item for item in items}
        for order in orders:
            item, counts = of.get(order.item), (came_packs(order), back_packs(order))
            if item is None or counts == self._known.get(order.id, (0, 0)):
                continue
            self._note(order, item, now=now)
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[order.id] = counts

    def _note(self, order: IntentRecord, item: Item, *, now: datetime) -> None:
        amount = pack_amount(order, item)
        if not amount:
            log.info("delivered_unknown item=%s intent=%s", order.item, order.id)
            return
        packs = amount / item.product.pack_amount
        came_at = order.arrived_at or order.delivered_at or order.changed_at
        if came_packs(order) and now - came_at <= _NEWS_FOR:
            told = Delivered(order.item, came_at, _BY, came_packs(order) * packs)
            if self._events.record_up_to(told, cause=f"order:{order.id}"):
                log.info("delivered item=%s intent=%s packs=%d", order.item, order.id, came_packs(order))
        back_at = order.returned_at or order.changed_at
        if back_packs(order) and now - back_at <= _NEWS_FOR:
            back = SentBack(order.item, back_at, _BY, back_packs(order) * packs)
            if self._events.record_up_to(back, cause=f"return:{order.id}"):
                log.info("sent_back item=%s intent=%s packs=%d", order.item, order.id, back_packs(order))
