"""What is held is counted, written out without secrets, and readings are deleted without forgetting their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import apsw
import pytest

from edge_agent.adapters.store import forgetting as forgetting_module
from edge_agent.adapters.store import holdings
from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.adapters.store.forgetting import Forgetting
from edge_agent.adapters.store.holdings import SqliteHoldings, thrown_away
from edge_agent.adapters.store.summaries import was_summed_up
from edge_agent.core.holdings import Beside, ForgettingNow, Forgotten
from edge_agent.core.messages import DeviceId
from edge_agent.errors import RefusedError, StoreFailedError
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.fresh_store import fresh_store

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
_DAY_MS = 86_400_000


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A store with ten days of two devices, one a day, and rows that are nobody else's business."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        with opened.transaction() as db:
            for number in range(20):
                device, seq = ("scale", "washer")[number % 2], number // 2 + 1
                at_ms = to_ms(FIRST) + (seq - 1) * _DAY_MS
                db.execute(
                    "INSERT INTO message (id, device, profile, topic, boot, seq, digest, event_ms, received_ms) "
                    "VALUES (?, ?, 'p', 't', 'b', ?, ?, ?, ?)",
                    (number + 1, device, seq, str(number), at_ms, at_ms),
                )
                db.execute(
                    "INSERT INTO reading (message_id, device, signal, presence, number, unit, event_ms) "
                    "VALUES (?, ?, 'level', 'value', 1.5, 'g', ?)",
                    (number + 1, device, at_ms),
                )
            db.execute("INSERT INTO reading_summary VALUES ('scale', 'level', 'g', '2025-12-30', 5, 5, 5, 1, 1)")
            db.execute(
                "INSERT INTO account (name, role, password_hash, pin_hash) "
                "VALUES ('robin', 'owner', 'secret-hash', 'secret-pin')"
            )
            db.execute("INSERT INTO session VALUES ('secret-token', 'robin', 'secret-csrf', 0, 1)")
            db.execute(
                "INSERT INTO api_token VALUES "
                "('t1', 'secret-token-hash', 'a shelf', 'robin', 'read', 'robin', 0, 1, NULL)"
            )
            db.execute(
                "INSERT INTO notice_channel (id, person, kind, rank, address, added_ms) "
                "VALUES ('c1', 'robin', 'apprise', 1, 'tgram://secret-key', 0)"
            )
            db.execute("INSERT INTO notice_link VALUES ('secret-link', 'robin', 'c1', '[\"p\"]', 9, NULL)")
            db.execute(
                "INSERT INTO stock_event (item, kind, number, at_ms, said_by) "
                "VALUES ('milk', 'thrown_away', 1.5, ?, 'r')",
                (to_ms(FIRST),),
            )
        yield opened


def forgetting(connection: Connection, *, store: Path | None = None, stretch: int = 10) -> Forgetting:
    """For a home on UTC."""
    return Forgetting(
        connection,
        midnight=lambda day: datetime.combine(day, time.min, tzinfo=UTC),
        store=store,
        stretch=stretch,
    )


async def lines(connection: Connection) -> list[dict[str, Any]]:
    """The export, read again."""
    made = SqliteHoldings(connection, clock=ManualClock(), household=lambda: "{}")
    return [json.loads(line) for part in [part async for part in made.export()] for line in part.splitlines()]


def rows(connection: Connection, table: str) -> int:
    """How many."""
    return int(connection.db.execute(f"SELECT count(*) FROM {table}").get)  # noqa: S608


def test_each_kind_is_counted_since_its_oldest_row(connection: Connection) -> None:
    """Tables without a row are left out."""
    held = {one.kind: one for one in SqliteHoldings(connection, clock=ManualClock(), household=lambda: "").held()}
    assert (held["reading"].rows, held["reading"].since) == (20, FIRST)
    assert "intent" not in held


def test_devices_are_named_once_each(connection: Connection) -> None:
    """Those of sums by day too, by name."""
    connection.db.execute("INSERT INTO reading_summary VALUES ('attic', 'level', 'g', '2025-12-30', 5, 5, 5, 1, 1)")
    made = SqliteHoldings(connection, clock=ManualClock(), household=lambda: "")
    assert made.devices() == ["attic", "scale", "washer"]


@pytest.mark.parametrize("at_once", [1_000, 3])
async def test_the_export_has_every_row_once_and_no_secret(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Whatever the size of a part; its last line says how many rows there are."""
    monkeypatch.setattr(holdings, "ROWS_AT_ONCE", at_once)
    told = await lines(connection)
    assert [line["kind"] for line in told[:2]] == ["about", "household_file"]
    assert told[-1] == {"kind": "end", "rows": len(told) - 3}
    assert sorted(line["id"] for line in told if line["kind"] == "reading") == list(range(1, 21))
    assert [line for line in told if line["kind"] == "account"] == [
        {"kind": "account", "name": "robin", "role": "owner", "language": None}
    ]
    assert {"api_token", "notice_channel", "notice_link"} <= {line["kind"] for line in told}
    assert [line["stock_event_kind"] for line in told if line["kind"] == "stock_event"] == ["thrown_away"]
    assert "secret" not in json.dumps(told)


def test_every_column_of_the_export_exists(connection: Connection) -> None:
    """The list of columns follows the schema."""
    for table in holdings.TABLES:
        connection.db.execute(f"SELECT {table.columns}, {table.at or 1} FROM {table.name}")  # noqa: S608


async def test_readings_from_before_a_day_go_and_their_numbers_stay(connection: Connection) -> None:
    """A redelivery of a deleted message is known; what came later is all there."""
    gone = await forgetting(connection).before(date(2026, 1, 5), by="robin")
    assert gone == Forgotten(readings=8, day_sums=1)
    assert (rows(connection, "reading"), rows(connection, "message"), rows(connection, "reading_summary")) == (
        12,
        12,
        0,
    )
    assert all(was_summed_up(connection.db, "scale", "b", seq=seq) for seq in range(1, 5))
    assert not was_summed_up(connection.db, "scale", "b", seq=5)


async def test_the_readings_of_one_device_go(connection: Connection) -> None:
    """Those of the others stay, and so does what people said; the audit log says how many rows went."""
    gone = await forgetting(connection).of_device(DeviceId("scale"), by="robin")
    assert gone == Forgotten(readings=10, day_sums=1)
    assert (rows(connection, "reading"), rows(connection, "stock_event")) == (10, 1)
    event = json.loads(str(connection.db.execute("SELECT event FROM audit").get))
    event.pop("salt")
    assert event == {"event": "readings_forgotten", "rows": 11, "device": "scale", "by": "robin"}


async def test_a_large_deletion_goes_on_after_its_answer(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes after a few parts; meanwhile it is told how many are left, and nobody begins another."""
    monkeypatch.setattr(forgetting_module, "_AT_ONCE", 3)
    made = forgetting(connection, stretch=2)
    gone = await made.of_device(DeviceId("scale"), by="robin")
    assert gone == Forgotten(readings=6, is_done=False)
    assert made.now() == ForgettingNow(before=None, device="scale", gone=6, left=5)
    with pytest.raises(RefusedError, match="being deleted already"):
        await made.before(date(2026, 1, 5), by="robin")
    await made.go_on()
    assert (made.now(), rows(connection, "reading"), rows(connection, "message")) == (None, 10, 10)
    noted = [json.loads(str(event))["rows"] for (event,) in connection.db.execute("SELECT event FROM audit")]
    assert noted == [6, 5]
    await made.go_on()
    assert rows(connection, "audit") == 2


async def test_a_deletion_that_fails_is_tried_again(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the part that failed is lost count of, and the page may say that there is trouble."""
    made = forgetting(connection)

    def fail(*_: object) -> Forgotten:
        raise apsw.FullError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(forgetting_module, "_chosen", fail)
        with pytest.raises(StoreFailedError):
            await made.of_device(DeviceId("scale"), by="robin")
    under_way = made.now()
    assert under_way is not None
    assert (under_way.gone, under_way.has_trouble) == (0, True)
    await made.go_on()
    assert (made.now(), rows(connection, "reading")) == (None, 10)


async def test_copies_of_upgrades_go_with_the_readings(connection: Connection, tmp_path: Path) -> None:
    """They hold the same rows; what a person or the operator set apart is only named."""
    for name in (
        "hub.sqlite3.schema-5",
        "hub.sqlite3.damaged-20260101T000000Z",
        "hub.sqlite3.damaged-20260101T000000Z-wal",
    ):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "replaced-20260101T000000Z").mkdir()
    store = tmp_path / "hub.sqlite3"
    made = SqliteHoldings(connection, clock=ManualClock(), household=lambda: "", store=store)
    apart = ("hub.sqlite3.damaged-20260101T000000Z", "replaced-20260101T000000Z")
    assert made.beside() == Beside(("hub.sqlite3.schema-5",), 5, apart)
    await forgetting(connection, store=store).before(date(2025, 1, 1), by="robin")
    assert made.beside() == Beside((), 0, apart)


def bytes_in(folder: Path) -> bytes:
    """All that its files hold."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_byte_of_a_deleted_reading_stays_in_the_store(tmp_path: Path) -> None:
    """Neither in its file nor in its log of writes."""
    store, secret = tmp_path / "hub.sqlite3", "signal-nobody-shall-find"
    with Connection(store) as opened:
        with opened.transaction() as db:
            db.execute(
                "INSERT INTO message (id, device, profile, topic, boot, seq, digest, event_ms, received_ms) "
                "VALUES (1, 'scale', 'p', 't', 'b', 1, 'd', 0, 0)"
            )
            db.execute(
                "INSERT INTO reading (message_id, device, signal, presence, number, unit, event_ms) "
                "VALUES (1, 'scale', ?, 'value', 1.5, 'g', 0)",
                (secret,),
            )
        await forgetting(opened, store=store).of_device(DeviceId("scale"), by="robin")
        assert secret.encode() not in bytes_in(tmp_path)


def test_what_was_thrown_away_is_summed_up(connection: Connection) -> None:
    """By item, since a time."""
    assert [(one.item, one.times, one.amount) for one in thrown_away(connection, since=FIRST)] == [("milk", 1, 1.5)]
    assert thrown_away(connection, since=datetime(2026, 2, 1, tzinfo=UTC)) == []


def test_the_readings_of_a_message_are_found_without_reading_all(connection: Connection) -> None:
    """Each message that is deleted looks for readings that still point to it: a scan for each would take hours."""
    plan = connection.db.execute("EXPLAIN QUERY PLAN SELECT 1 FROM reading WHERE message_id = 7")
    assert [str(row[3]).split()[0] for row in plan] == ["SEARCH"]
