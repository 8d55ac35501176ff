"""The store of everything that may cost money."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.orders import Orders
from edge_agent.core import intent as intents
from edge_agent.core.intent import LIVE, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.prompt import PromptChange, PromptEvent, PromptState, step
from edge_agent.core.terms import Terms, seal
from edge_agent.errors import RefusedError, StoreBusyError, StoreCorruptError, StoreFailedError
from tests.edge_agent.samples import NOW, intent, offer, price, prompt


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An open store in a fresh folder."""
    with Connection(tmp_path / "hub.sqlite3") as opened:
        yield opened


@pytest.fixture
def orders(connection: Connection) -> Orders:
    """Orders on that store."""
    return Orders(connection)


def terms(ident: str = "i1", *, nonce: str = "b" * 32) -> Terms:
    """Sealed terms of the sample offer."""
    return seal(offer(), intent_id=IntentId(ident), household="home-1", hub="hub-1", customer_ref="a" * 64, nonce=nonce)


def approval(ident: str = "p1") -> PromptChange:
    """Anna approves the sample prompt."""
    return step(prompt(ident), PromptEvent.APPROVE, now=NOW, by="anna")


def hand_over(orders: Orders) -> None:
    """A prompt, approved."""
    orders.add_prompt(prompt())
    orders.approve(approval(), intent=intent(), terms=terms(), signature=b"s" * 64, body=b"{}")


def count(connection: Connection, table: str) -> int:
    """Rows of a table."""
    return int(connection.db.execute(f"SELECT count(*) FROM {table}").get)  # noqa: S608 - names of this file


def test_a_prompt_comes_back_as_it_went_in(orders: Orders) -> None:
    """Nothing of a prompt is lost or rounded on the way through the store."""
    orders.add_prompt(prompt())
    assert orders.prompt(PromptId("p1")) == prompt()
    assert orders.live_prompt(ItemId("milk")) == prompt()


def test_an_intent_comes_back_as_it_went_in(orders: Orders) -> None:
    """Nothing of an intent is lost or rounded on the way through the store."""
    hand_over(orders)
    assert orders.intent(IntentId("i1")) == intent()
    assert orders.intent_of(PromptId("p1")) == intent()


def test_the_hand_over_is_whole(orders: Orders, connection: Connection) -> None:
    """An approval leaves prompt, authority, reservation, intent, outbox and audit, one of each."""
    hand_over(orders)
    assert [count(connection, t) for t in ("authority", "reservation", "intent", "outbox")] == [1, 1, 1, 1]
    assert orders.answers() == {"approve": 1, "snooze": 0, "decline": 0}
    stored = orders.prompt(PromptId("p1"))
    assert stored is not None
    assert stored.state is PromptState.APPROVED


@pytest.mark.parametrize("table", ["authority", "reservation", "intent", "outbox", "audit", "prompt"])
def test_the_hand_over_is_whole_or_nothing(orders: Orders, connection: Connection, table: str) -> None:
    """When any one of the six writes fails, none of them is there."""
    orders.add_prompt(prompt())
    before = count(connection, "audit")
    operation = "UPDATE" if table == "prompt" else "INSERT"
    connection.db.execute(f"CREATE TEMP TRIGGER broken BEFORE {operation} ON main.{table} "
                          "BEGIN SELECT raise(ABORT, 'broken'); END")  # fmt: skip
    with pytest.raises(apsw.ConstraintError):
        orders.approve(approval(), intent=intent(), terms=terms(), signature=b"s" * 64, body=b"{}")
    assert [count(connection, t) for t in ("authority", "reservation", "intent", "outbox")] == [0, 0, 0, 0]
    assert count(connection, "audit") == before
    assert orders.live_prompt(ItemId("milk")) == prompt()


def test_a_prompt_is_approved_once(orders: Orders, connection: Connection) -> None:
    """The second of two approvals of one prompt is refused and leaves nothing."""
    hand_over(orders)
    with pytest.raises(RefusedError):
        orders.approve(
            approval(), intent=intent("i2"), terms=terms("i2", nonce="c" * 32), signature=b"s" * 64, body=b"{}"
        )
    assert count(connection, "intent") == 1


@pytest.mark.parametrize("state", sorted(LIVE))
def test_one_live_order_per_need(orders: Orders, connection: Connection, state: IntentState) -> None:
    """While an order of an item is under way, it is not asked about again: the rule and the schema agree."""
    hand_over(orders)
    connection.db.execute("UPDATE intent SET state = ?", (state,))
    with pytest.raises(RefusedError, match="under way"):
        orders.add_prompt(prompt("p2"))
    with pytest.raises(apsw.ConstraintError):
        connection.db.execute(
            "INSERT INTO intent SELECT 'i2', 'p2', item, state, version, merchant, quantity, amount, total_minor, "
            "currency, created_ms, changed_ms, NULL, NULL, NULL, NULL, NULL FROM intent"
        )


def test_one_live_prompt_per_item(orders: Orders) -> None:
    """A second open prompt of an item is refused."""
    orders.add_prompt(prompt())
    with pytest.raises(RefusedError, match="open prompt"):
        orders.add_prompt(prompt("p2"))


def test_a_change_of_an_older_version_is_refused(orders: Orders) -> None:
    """Two people answering at once: the first durable answer wins, the second is told."""
    orders.add_prompt(prompt())
    first = step(prompt(), PromptEvent.DECLINE, now=NOW, by="anna")
    second = step(prompt(), PromptEvent.SNOOZE, now=NOW, by="ben", wake_at=NOW + timedelta(hours=6))
    orders.change_prompt(first)
    with pytest.raises(RefusedError, match="meanwhile"):
        orders.change_prompt(second)
    stored = orders.prompt(PromptId("p1"))
    assert stored is not None
    assert stored.answered_by == "anna"


def test_a_status_and_its_cursor_are_one(orders: Orders, connection: Connection) -> None:
    """Applying events moves the cursor in the same transaction, and never back."""
    hand_over(orders)
    change = intents.step(intent(), IntentState.PLACED, at=NOW, merchant_order_id="o-1", charged_minor=1016)
    assert change is not None
    orders.change_intents([change], cursor=7)
    assert orders.status_cursor() == 7
    stale = intents.step(intent(), IntentState.HELD, at=NOW)
    assert stale is not None
    with pytest.raises(RefusedError):
        orders.change_intents([stale], cursor=9)
    assert orders.status_cursor() == 7
    orders.change_intents([], cursor=3)
    assert orders.status_cursor() == 7
    assert connection.db.execute("SELECT state, amount_minor FROM reservation").fetchone() == ("spent", 1016)


def test_the_outbox_keeps_a_row_until_it_is_answered(orders: Orders) -> None:
    """A failed attempt leaves the body as it was, byte for byte; an answer removes it."""
    hand_over(orders)
    [row] = orders.outbox(limit=5)
    orders.record_attempt(row, error="away")
    [again] = orders.outbox(limit=5)
    assert (again.body, again.attempts, again.last_error) == (b"{}", 1, "away")
    orders.record_answer(again, intents.step(intent(), IntentState.HELD, at=NOW))
    assert orders.outbox(limit=5) == []


def test_a_body_that_was_changed_is_not_sent(orders: Orders, connection: Connection) -> None:
    """What leaves is, byte for byte, what was approved."""
    hand_over(orders)
    connection.db.execute("UPDATE outbox SET body = x'7b7d7b'")
    with pytest.raises(StoreCorruptError, match="approved"):
        orders.outbox(limit=5)


def test_a_full_disk_is_said_and_leaves_nothing(orders: Orders, connection: Connection) -> None:
    """A write that finds no room is undone whole, and the store works again when there is room."""
    connection.db.execute("CREATE TABLE ballast (filling BLOB)")
    connection.db.execute(f"PRAGMA max_page_count = {connection.db.pragma('page_count') + 2}")
    with pytest.raises(StoreFailedError, match="disk"), connection.transaction() as db:
        db.execute("INSERT INTO ballast VALUES (zeroblob(1000000))")
    connection.db.execute("PRAGMA max_page_count = 1000000")
    orders.add_prompt(prompt())
    assert count(connection, "ballast") == 0


def test_prices_come_newest_first(orders: Orders) -> None:
    """The price history is kept, not overwritten."""
    orders.save_prices([price(unit_price_minor=119, at=NOW - timedelta(days=1))])
    orders.save_prices([price()])
    assert [line.unit_price_minor for line in orders.prices(ItemId("milk"), limit=9)] == [129, 119]


def test_an_edited_audit_row_is_found(orders: Orders, connection: Connection) -> None:
    """Editing the log behind the hub's back breaks the chain where it was edited."""
    hand_over(orders)
    assert orders.audit_break() is None
    connection.db.execute("UPDATE audit SET event = replace(event, 'p1', 'p9') WHERE seq = 1")
    assert orders.audit_break() == 1


def test_the_store_is_durable_and_exclusive(connection: Connection, tmp_path: Path) -> None:
    """WAL with synchronous=FULL, foreign keys on, and no second process at the same file."""
    assert connection.db.pragma("journal_mode") == "wal"
    assert connection.db.pragma("synchronous") == 2
    assert connection.db.pragma("foreign_keys") == 1
    connection.db.execute("INSERT INTO cursor VALUES ('x', 1)")
    second = Connection(tmp_path / "hub.sqlite3", busy_timeout_ms=1)
    with pytest.raises(StoreBusyError, match="another process"):
        second.open()


def test_a_damaged_store_is_refused(tmp_path: Path) -> None:
    """A file that is no store is refused by name, and left as it is."""
    path = tmp_path / "hub.sqlite3"
    path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StoreCorruptError, match="damaged"):
        Connection(path).open()
    assert path.read_bytes().startswith(b"not a database")
