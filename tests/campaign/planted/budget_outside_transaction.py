"""Planted: the ledger is asked when a draw is granted, and not once more in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from edge_agent.adapters.store import orders


@contextmanager
def planted() -> Iterator[None]:
    """Every store lets each granted draw through."""
    with patch.object(orders, "over_budget", lambda *_, **__: None):
        yield
