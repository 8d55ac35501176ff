"""What people say of a stock, in the store: each once, in order, with its line of the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Label,
    Labelled,
    Opened,
    Scanned,
    SentBack,
    StockEvent,
    ThrownAway,
)
from tests.edge_agent.consumables import START
from tests.edge_agent.fresh_store import fresh_store

MILK = ItemId("milk")
EVENTS: tuple[StockEvent, ...] = (
    Corrected(MILK, START, "anna", 1500.0),
    Scanned(MILK, START, "anna", -1.0),
    BoughtElsewhere(MILK, START + timedelta(hours=1), "bo", 2.0),
    ThrownAway(MILK, START, "bo", 0.25),
    Opened(MILK, START, "bo"),
    Delivered(MILK, START, "hub", 3.0),
    SentBack(MILK, START, "anna", 1.0),
    Labelled(MILK, START, "anna", 2.0, Label("04006381333931", "A1", date(2026, 12, 31), date(2026, 12, 1))),
    Labelled(MILK, START, "anna", 2.0, Label("04006381333931")),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A new store."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


def test_what_was_said_comes_back_as_it_was_said(connection: Connection) -> None:
    """Every kind survives the store, in order, and after a number only what came later."""
    events = SqliteStockEvents(connection)
    for event in EVENTS:
        assert events.record(event)
    assert events.record(Opened(ItemId("coffee"), START, "anna"))
    found = events.events_after(MILK, after_id=0, limit=100)
    assert tuple(event for _, event in found) == EVENTS
    assert events.events_after(MILK, after_id=found[3][0], limit=1) == [found[4]]


def test_the_same_cause_counts_once(connection: Connection) -> None:
    """An order that is told as delivered twice came once."""
    events = SqliteStockEvents(connection)
    assert [events.record(EVENTS[5], cause="order:i1") for _ in range(3)] == [True, False, False]
    assert len(events.events_after(MILK, after_id=0, limit=10)) == 1


def test_each_act_is_in_the_audit_log(connection: Connection) -> None:
    """Who said what of which item; one line for each."""
    events = SqliteStockEvents(connection)
    for event in EVENTS[:2]:
        events.record(event, cause=f"c{event.at}")
    rows = connection.db.execute("SELECT event FROM audit ORDER BY seq").fetchall()
    assert [{name: said for name, said in json.loads(str(row[0])).items() if name != "salt"} for row in rows] == [
        {"event": "stock_told", "item": "milk", "what": "corrected", "by": "anna", "number": "1500"},
    ]
