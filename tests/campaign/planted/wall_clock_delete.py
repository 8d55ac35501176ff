"""Planted: what is older than a week by the wall clock is tidied away, sent or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from edge_agent.adapters.store.connection import to_ms
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.messages import Price

_KEPT = timedelta(days=7)


@contextmanager
def planted() -> Iterator[None]:
    """The daily price list is the occasion, and its time the clock."""
    save_prices = Orders.save_prices

    def tidy(self: Orders, prices: Sequence[Price]) -> None:
        save_prices(self, prices)
        with self._connection.transaction() as db:
            for price in prices:
                db.execute("DELETE FROM outbox WHERE created_ms <= ?", (to_ms(price.fetched_at - _KEPT),))

    with patch.object(Orders, "save_prices", tidy):
        yield
