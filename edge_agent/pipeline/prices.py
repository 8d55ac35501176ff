"""The daily price list, fetched on a schedule of its own.

A question asked at the moment of need would tell the cloud what the sensors just said.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId
from edge_agent.ports import Bridge, Clock, HouseholdStore, OrderStore

log = logging.getLogger(__name__)

# After such a refusal the list is known to be wrong; the bridge knows the need already, so asking tells it nothing new.
_LIST_WAS_WRONG = frozenset({"terms_changed", "out_of_stock"})


class PriceKeeper:
    """Keeps the price history of all bound products."""

    def __init__(
        self, *, bridge: Bridge, orders: OrderStore, household: HouseholdStore, clock: Clock, every_s: float
    ) -> None:
        self._bridge = bridge
        self._orders = orders
        self._household = household
        self._clock = clock
        self._every = timedelta(seconds=every_s)

    def due(self) -> bool:
        """Whether any product has no price, an old one, or one that an order has shown to be wrong."""
        now = self._clock.now()
        return any(self._due(ItemId(item.id), now=now) for item in self._household.load().items)

    async def run_once(self) -> int:
        """Fetch the whole list; returns how many prices were kept.

        Raises: BridgeUnreachableError.
        """
        prices = await self._bridge.fetch_prices(self._household.load())
        self._orders.save_prices(prices)
        log.info("prices count=%d", len(prices))
        return len(prices)

    def _due(self, item: ItemId, *, now: datetime) -> bool:
        newest = self._orders.prices(item, limit=1)
        if not newest or now - newest[0].fetched_at >= self._every:
            return True
        last = self._orders.last_intent(item)
        return (
            last is not None
            and last.state is IntentState.REJECTED
            and last.detail in _LIST_WAS_WRONG
            and newest[0].fetched_at < last.changed_at
        )
