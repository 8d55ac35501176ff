"""Planted: the hub's outbox lets a row go before the bridge has answered for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from cloud_bridge.wire import PATH_INTENTS
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Purpose
from edge_agent.core import intent as intents
from edge_agent.core.intent import IntentState


@contextmanager
def planted() -> Iterator[None]:
    """Every client marks first and sends then."""

    async def drain(self: BridgeClient, *, check: Callable[[], None]) -> int:
        check()
        rows = self._orders.outbox(limit=20)
        for row in rows:
            record = self._orders.intent(row.intent)
            change = None if record is None else intents.step(record, IntentState.HELD, at=self._clock.now())
            self._orders.record_answer(row, change, taken=True)
        for row in rows:
            await self._send(Purpose.ORDER, f"{PATH_INTENTS}?head={self._orders.acknowledged()}", body=row.body)
        return len(rows)

    with patch.object(BridgeClient, "drain", drain):
        yield
