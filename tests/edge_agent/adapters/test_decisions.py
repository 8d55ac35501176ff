"""Shadow orders and decision bundles are kept, replaced by their newer state, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.decisions import BUNDLES_MAX, SHADOW_ORDERS_MAX, Decisions
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.errors import BugError
from tests.edge_agent.consumables import START
from tests.edge_agent.core.deciding.test_shadow import MADE
from tests.edge_agent.fresh_store import fresh_store


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A fresh store."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


def test_a_shadow_order_comes_back_as_it_was_put(connection: Connection) -> None:
    """Newest first, and its newer state in its place."""
    store = Decisions(connection)
    later = replace(MADE, at=START + timedelta(days=3))
    for order in (MADE, later, replace(MADE, empty_on=(START.date(),))):
        store.put_shadow_order(order)
    assert store.shadow_orders(ItemId("milk"), limit=9) == [later, replace(MADE, empty_on=(START.date(),))]
    assert store.shadow_orders(ItemId("bread"), limit=9) == []


def test_both_are_bounded(connection: Connection) -> None:
    """The newest rows stay, of each item by itself."""
    store = Decisions(connection)
    store.put_shadow_order(replace(MADE, item=ItemId("bread")))
    for number in range(SHADOW_ORDERS_MAX + 3):
        store.put_shadow_order(replace(MADE, at=START + timedelta(hours=number)))
    kept = store.shadow_orders(ItemId("milk"), limit=10_000)
    assert len(kept) == SHADOW_ORDERS_MAX
    assert kept[-1].at == START + timedelta(hours=3)
    assert len(store.shadow_orders(ItemId("bread"), limit=9)) == 1
    for number in range(BUNDLES_MAX + 3):
        store.put_bundle(PromptId(f"p{number}"), b"{}", at=START + timedelta(hours=number))
    assert store.bundle(PromptId("p1")) is None
    assert store.bundle(PromptId(f"p{BUNDLES_MAX}")) == b"{}"


def test_what_is_unreadable_is_said(connection: Connection) -> None:
    """A row that nobody wrote is a fault of ours, not an order."""
    with connection.transaction() as db:
        db.execute("INSERT INTO shadow_order (item, at_ms, said) VALUES ('milk', 1, '{}')")
    with pytest.raises(BugError, match="shadow order"):
        Decisions(connection).shadow_orders(ItemId("milk"), limit=1)
