"""Planted: the answer to a prompt is stored in a transaction of its own, and the order in the next one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from edge_agent.adapters.store import orders
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.intent import IntentRecord
from edge_agent.core.prompt import PromptChange


@contextmanager
def planted() -> Iterator[None]:
    """First the leave is used up, then something is bought with it."""
    approve = Orders.approve

    def apart(self: Orders, change: PromptChange, **others: object) -> IntentRecord:
        self.change_prompt(change)
        with patch.object(orders, "apply_prompt", lambda _db, _change: None):
            return approve(self, change, **others)

    with patch.object(Orders, "approve", apart):
        yield
