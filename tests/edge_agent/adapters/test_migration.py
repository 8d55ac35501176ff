"""A store of the first schema opens under this program with everything in it."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import PromptState
from edge_agent.core.stock_events import Corrected, Delivered
from edge_agent.errors import StoreNewerError
from tests.edge_agent.samples import NOW

_AT = to_ms(NOW)
_OFFER = {
    "merchant": "grocer", "sku": "milk-whole-1l", "quantity": 4, "unit_price_minor": 129, "delivery_minor": 500,
    "total_minor": 1016, "total_max_minor": 1066, "currency": "USD", "delivery_ref": "home",
    "deliver_by": "2026-03-04", "expires_at": "2026-03-05T08:00:00+00:00", "hold_s": 120,
}  # fmt: skip
_TABLES = ("message", "reading", "price", "prompt", "authority", "intent", "outbox", "cursor", "audit", "egress",
           "account", "session", "failed_login", "device", "stock", "sequence", "quarantine")  # fmt: skip


def first_store(path: Path) -> dict[str, int]:
    """A store as the first schema kept it, with rows in every table; returns how many there are."""
    schema = importlib.resources.files("edge_agent.adapters.store").joinpath("schema", "0001.sql")
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON")
    with db:
        db.execute(schema.read_text(encoding="utf-8"))
        db.pragma("user_version", 1)
        _fill_leave(db)
        _fill_the_rest(db)
    counts = {table: db.execute(f"SELECT count(*) FROM {table}").get for table in (*_TABLES, "reservation")}  # noqa: S608
    db.close()
    return counts


def _fill_leave(db: apsw.Connection) -> None:
    for ident, item, state in (("p1", "milk", "approved"), ("p2", "soap", "approved"), ("p3", "tea", "open")):
        db.execute(
            "INSERT INTO prompt VALUES (?, ?, ?, 2, ?, ?, 5.0, ?, '[]', ?, ?, NULL, 'anna', NULL)",
            (ident, item, state, json.dumps(_OFFER), "f" * 64, _AT, _AT, _AT),
        )
    for ident, of, item, state, money in (
        ("i1", "p1", "milk", "placed", "spent"), ("i2", "p2", "soap", "approved", "reserved"),
    ):  # fmt: skip
        db.execute(
            "INSERT INTO authority VALUES (?, ?, 'approval', 'anna', ?, ?, ?, ?, ?)",
            (ident, of, b'{"total_max_minor":1066,"version":1}', b"s" * 64, ident * 16, _AT, _AT),
        )
        db.execute("INSERT INTO reservation VALUES (?, 1016, 'USD', ?, ?)", (ident, money, _AT))
        db.execute(
            "INSERT INTO intent VALUES (?, ?, ?, ?, 3, 'grocer', 4, 4140.0, 1016, 'USD', ?, ?, 'o-1', 1016, NULL, "
            "NULL, NULL)",
            (ident, of, item, state, _AT, _AT),
        )
    db.execute("INSERT INTO outbox VALUES (7, 'i2', x'7b7d', 'x', ?, 2, 'away')", (_AT,))


def _fill_the_rest(db: apsw.Connection) -> None:
    db.execute("INSERT INTO account VALUES ('anna', 'owner', 'hash-a'), ('gus', 'guest', 'hash-g')")
    db.execute("INSERT INTO session VALUES ('t1', 'anna', 'c1', 1, ?), ('t2', 'gus', 'c2', 1, ?)", (_AT * 2, _AT * 2))
    db.execute("INSERT INTO failed_login VALUES (1, 'gus', ?)", (_AT,))
    db.execute("INSERT INTO audit VALUES (1, ?, ?, '{}')", ("0" * 64, "1" * 64))
    db.execute("INSERT INTO cursor VALUES ('bridge', 42)")
    db.execute("INSERT INTO price VALUES (1, 'milk', 'grocer', 'milk-whole-1l', 129, 500, 'USD', 1, ?)", (_AT,))
    db.execute("INSERT INTO egress VALUES (1, ?, 'order', 'bridge', 'POST', '/v1/intents', 2, 'x')", (_AT,))
    db.execute("INSERT INTO message VALUES (1, 'fridge', 'p', 't', 'b', 1, 'd', ?, ?)", (_AT, _AT))
    db.execute("INSERT INTO reading VALUES (1, 1, 'fridge', 'milk.amount', 'value', 7.5, NULL, 'g', ?)", (_AT,))
    db.execute("INSERT INTO sequence VALUES ('fridge', 'b', 1, 1)")
    db.execute("INSERT INTO quarantine VALUES (1, 't', NULL, NULL, NULL, 'malformed', 'x', x'00', 1, 'd', ?)", (_AT,))
    db.execute("INSERT INTO device (device) VALUES ('fridge')")
    db.execute("INSERT INTO stock VALUES ('milk', '{}')")


def test_a_first_store_keeps_everything(tmp_path: Path) -> None:
    """Every row of every table is there afterwards, and the schema is whole."""
    path = tmp_path / "hub.sqlite3"
    before = first_store(path)
    assert all(before.values()), "a table without rows proves nothing"
    with Connection(path) as connection:
        after = {table: connection.db.execute(f"SELECT count(*) FROM {table}").get for table in (*_TABLES, "ledger")}  # noqa: S608
        assert after == {("ledger" if table == "reservation" else table): count for table, count in before.items()}
        assert connection.db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.db.execute("PRAGMA integrity_check").get == "ok"
    with Connection(path) as connection:
        assert connection.db.execute("SELECT count(*) FROM ledger").get == 2, "a second start migrates nothing"


def test_what_people_said_keeps_its_place(tmp_path: Path) -> None:
    """Stock events of an older schema stand under their numbers, with their cause, and say what they said."""
    path = tmp_path / "hub.sqlite3"
    folder = importlib.resources.files("edge_agent.adapters.store").joinpath("schema")
    older = sorted(each.name for each in folder.iterdir() if each.name < "0010")
    db = apsw.Connection(str(path))
    for name in older:
        db.execute(folder.joinpath(name).read_text(encoding="utf-8"))
    db.pragma("user_version", len(older))
    db.execute("INSERT INTO stock_event VALUES (7, 'milk', 'delivered', 2.0, ?, 'hub', 'order:i1')", (_AT,))
    db.close()
    with Connection(path) as connection:
        events = SqliteStockEvents(connection)
        assert events.events_after(ItemId("milk"), after_id=0, limit=9) == [
            (7, Delivered(ItemId("milk"), NOW, "hub", 2.0))
        ]
        assert not events.record(Delivered(ItemId("milk"), NOW, "hub", 2.0), cause="order:i1")


def test_what_the_rows_say_is_the_same(tmp_path: Path) -> None:
    """Money, states, people and sessions mean what they meant; an open question without its pack is asked anew."""
    path = tmp_path / "hub.sqlite3"
    first_store(path)
    with Connection(path) as connection:
        orders, accounts = Orders(connection), Accounts(connection)
        rows = connection.db.execute(
            "SELECT intent, state, amount_minor, currency, mandate FROM ledger ORDER BY intent"
        )
        assert rows.fetchall() == [("i1", "spent", 1016, "USD", None), ("i2", "reserved", 1016, "USD", None)]
        placed = orders.intent(IntentId("i1"))
        assert placed is not None
        assert (placed.state, placed.merchant_order_id, placed.charged_minor) == (IntentState.PLACED, "o-1", 1016)
        answered, asked = orders.prompt(PromptId("p1")), orders.prompt(PromptId("p3"))
        assert answered is not None
        assert asked is not None
        assert (answered.state, answered.offer.quantity, answered.offer.title) == (
            PromptState.APPROVED,
            4,
            "milk-whole-1l",
        )
        assert (asked.state, asked.version) == (PromptState.WITHDRAWN, 3)
        assert orders.live_prompt(ItemId("tea")) is None
        assert accounts.account("gus") == Account("gus", Role.GUEST, "hash-g")
        session = accounts.session("t1", now=NOW)
        assert session is not None
        assert (session.account, session.role) == ("anna", Role.OWNER)
        assert orders.status_cursor() == 42
        assert orders.next_handover() == 1, "old leave has no number"
        leave = orders.authority(IntentId("i2"))
        assert leave is not None
        assert (leave.receipt, leave.body, leave.terms[:1]) == (None, b"{}", b"{")


def test_an_older_store_takes_what_people_say_and_folds_its_stock_anew(tmp_path: Path) -> None:
    """The table of stock events is there, and a folded state of the program before is passed over, not misread."""
    path = tmp_path / "hub.sqlite3"
    first_store(path)
    with Connection(path) as connection:
        events = SqliteStockEvents(connection)
        event = Corrected(ItemId("milk"), NOW, "anna", 1035.0)
        events.record(event)
        assert [told for _, told in events.events_after(ItemId("milk"), after_id=0, limit=9)] == [event]
        assert SqliteReadings(connection).load_stock(ItemId("milk")) is None


def test_a_store_of_a_later_program_is_refused(tmp_path: Path) -> None:
    """A program that does not know the schema does not touch it."""
    path = tmp_path / "hub.sqlite3"
    with Connection(path) as connection:
        connection.db.pragma("user_version", 99)
    with pytest.raises(StoreNewerError, match="install the newer program"):
        Connection(path).open()
