"""Orders that have come become a fact of the stock, each once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.stock_events import Delivered
from edge_agent.ports import StockEvents

log = logging.getLogger(__name__)

_BY = "hub"
_NEWS_FOR = timedelta(days=3)  # what came earlier was used or counted since
_KNOWN_MAX = 10_000


class Deliveries:
    """Tells the stock of orders that were delivered."""

    def __init__(self, events: StockEvents) -> None:
        self._events = events
        self._known: set[IntentId] = set()

    def note(self, orders: Sequence[IntentRecord], *, items: Sequence[Item], now: datetime) -> None:
        """Record what was delivered lately; an order that was recorded before is passed over."""
        of = {item.id: item for item in items}
        for order in orders:
            item = of.get(order.item)
            if order.state is not IntentState.DELIVERED or item is None or order.id in self._known:
                continue
            came_at = order.arrived_at or order.changed_at
            if now - came_at <= _NEWS_FOR and order.amount > 0:
                told = Delivered(order.item, came_at, _BY, order.amount / item.product.pack_amount)
                if self._events.record(told, cause=f"order:{order.id}"):
                    log.info("delivered item=%s intent=%s", order.item, order.id)
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known.add(order.id)
