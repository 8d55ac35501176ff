"""Planted: when the outbox tries again, it builds the body anew instead of sending the one that was approved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from cloud_bridge.wire import Intent
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.outbox import OutboxRow
from tests.campaign.simulation.hub import Tables


@contextmanager
def planted() -> Iterator[None]:
    """Every store of orders, the simulation's too, gives out bodies with a fresh nonce from the second try on."""
    with (
        patch.object(Orders, "outbox", _rebuilding(Orders.outbox)),
        patch.object(Tables, "outbox", _rebuilding(Tables.outbox)),
    ):
        yield


def _rebuilding(outbox: Callable[..., list[OutboxRow]]) -> Callable[..., list[OutboxRow]]:
    def rebuilt(self: Any, *, limit: int) -> list[OutboxRow]:  # noqa: ANN401  either store
        return [row if row.attempts == 0 else _anew(row) for row in outbox(self, limit=limit)]

    return rebuilt


def _anew(row: OutboxRow) -> OutboxRow:
    intent = Intent.model_validate_json(row.body)
    nonce = hashlib.sha256(f"{intent.terms.nonce}{row.attempts}".encode()).hexdigest()[:32]
    terms = intent.terms.model_copy(update={"nonce": nonce})
    return replace(row, body=intent.model_copy(update={"terms": terms}).model_dump_json().encode())
