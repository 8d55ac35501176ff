"""The store of readings: each message once, cursors without a gap, a bounded quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    Reading,
    StoredCursor,
)
from tests.edge_agent.fresh_store import fresh_store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FRIDGE, WASHER = DeviceId("fridge"), DeviceId("washer")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A store on disk, as in the hub."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


@pytest.fixture
def store(connection: Connection) -> SqliteReadings:
    """The store under test."""
    return SqliteReadings(connection)


@pytest.fixture
def inspection(connection: Connection) -> SqliteInspection:
    """What pages and reports see of it."""
    return SqliteInspection(connection)


def message(seq: int | None, *, boot: str = "b-1", body: str = "", amount: float = 100.0) -> Decoded:
    """A message of the fridge, or one of the washer's vendor where there is no sequence."""
    return Decoded(
        device=FRIDGE if seq else WASHER,
        profile="restock.fridge" if seq else "samsung.washer",
        topic="restock/v1/h/fridge/reading" if seq else "bridge/smartthings/washer/status",
        boot=boot if seq else None,
        seq=seq,
        digest=body or f"{boot}/{seq}",
        event_at=NOW,
        received_at=NOW,
        duplicate=False,
        readings=(Reading("milk.amount", Presence.VALUE, amount, "g"),),
    )


def strange(number: int, *, seq: int | None = None) -> Quarantined:
    """A message that was kept apart."""
    return Quarantined(
        topic="t",
        device=FRIDGE,
        reason=QuarantineReason.OUT_OF_RANGE,
        detail="d",
        payload=b"x" * 5_000,
        size_bytes=70_000,
        digest=str(number),
        received_at=NOW,
        duplicate=False,
        boot=None if seq is None else "b-1",
        seq=seq,
    )


def seqs(*numbers: int) -> list[Decoded]:
    """Messages with these sequence numbers."""
    return [message(number) for number in numbers]


@pytest.mark.parametrize(
    ("groups", "cursors"),
    [
        ([(1, 2, 3)], [3]),
        ([(1,), (2,), (3,)], [1, 2, 3]),
        ([(1, 2), (4,), (3,)], [2, 2, 4]),
        ([(1,), (3, 5), (4,), (2,)], [1, 1, 1, 5]),
        ([(2, 1)], [2]),
        ([(3,), (2,), (1,)], [0, 0, 3]),
        ([(1, 2), (1, 2), (2, 3)], [2, 2, 3]),
    ],
)
def test_the_cursor_is_the_end_of_the_run(
    store: SqliteReadings, groups: list[tuple[int, ...]], cursors: list[int]
) -> None:
    """Gaps hold it back, late messages let it go on, and a redelivery is answered again."""
    told = [store.commit(seqs(*group), []) for group in groups]
    assert told == [[StoredCursor(FRIDGE, "b-1", seq)] for seq in cursors]


def test_a_boot_begins_where_its_birth_says(store: SqliteReadings) -> None:
    """A hub that joins late waits for what the device still holds, and for nothing else."""
    store.record_birth(Birth(FRIDGE, "restock.fridge", "1.0", "b-1", NOW, first_seq=5_000))
    told = [store.commit(seqs(seq), []) for seq in (5_001, 5_000)]
    assert told == [[StoredCursor(FRIDGE, "b-1", seq)] for seq in (4_999, 5_001)]


def test_a_later_birth_closes_a_gap_that_the_device_cannot_fill(store: SqliteReadings) -> None:
    """What a device had to forget does not hold its other readings back; what was stored is never undone."""
    store.commit(seqs(1, 2, 7), [])
    store.record_birth(Birth(FRIDGE, "restock.fridge", "1.0", "b-1", NOW, first_seq=7))
    assert store.commit(seqs(7), []) == [StoredCursor(FRIDGE, "b-1", 7)]
    store.record_birth(Birth(FRIDGE, "restock.fridge", "1.0", "b-1", NOW, first_seq=3))
    assert store.commit(seqs(8), []) == [StoredCursor(FRIDGE, "b-1", 8)]


def test_each_boot_has_its_own_cursor(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """A reboot starts anew and is no gap."""
    told = store.commit([*seqs(1, 2), message(1, boot="b-2")], [])
    assert told == [StoredCursor(FRIDGE, "b-1", 2), StoredCursor(FRIDGE, "b-2", 1)]
    assert inspection.message_ranges() == {FRIDGE: {"b-1": [(1, 2)], "b-2": [(1, 1)]}}


def test_a_redelivery_is_stored_once(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """In the same group, in a later one, and after a restart."""
    store.commit([*seqs(1, 1), message(None), message(None, body="other")], [])
    store.commit([*seqs(1), message(None)._replace(duplicate=True)], [])
    assert inspection.message_ranges() == {FRIDGE: {"b-1": [(1, 1)]}}
    assert inspection.unsequenced_counts() == {WASHER: 2}
    assert inspection.readings_count() == 3
    assert inspection.quarantine(limit=9) == []


def test_the_first_of_a_group_stands(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """A redelivery, and another body under a known identity, may come right behind the message itself."""
    again = message(None)._replace(duplicate=True)
    store.commit([message(1), message(1, body="forged", amount=0.0), message(2), message(None), again], [])
    assert inspection.message_ranges() == {FRIDGE: {"b-1": [(1, 2)]}}
    assert inspection.unsequenced_counts() == {WASHER: 1}
    assert inspection.quarantine_counts() == {QuarantineReason.SEQUENCE_CONFLICT: 1}
    told = store.readings_after(FRIDGE, "milk.amount", after_id=0, limit=9)
    assert [kept.value for _, _, kept in told] == [100.0, 100.0]


def test_the_same_status_again_is_another_message(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """Without a sequence only the DUP flag tells a redelivery from a device that says the same twice."""
    store.commit([message(None)], [])
    store.commit([message(None)], [])
    assert inspection.unsequenced_counts() == {WASHER: 2}


def test_an_unknown_redelivery_is_stored(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """DUP says that the broker sent it before, not that it was committed."""
    store.commit([message(None)._replace(duplicate=True), message(1)._replace(duplicate=True)], [])
    assert inspection.readings_count() == 2


def test_a_second_body_is_kept_apart(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """The first one stands, the second is counted once, however often it comes."""
    store.commit(seqs(1), [])
    for _ in range(3):
        told = store.commit([message(1, body="forged", amount=0.0)], [])
    assert told == [StoredCursor(FRIDGE, "b-1", 1)]
    assert inspection.quarantine_counts() == {QuarantineReason.SEQUENCE_CONFLICT: 1}
    assert b"milk.amount" in inspection.quarantine(limit=1)[0].payload
    ((_, _, kept),) = store.readings_after(FRIDGE, "milk.amount", after_id=0, limit=9)
    assert kept.value == 100.0


def test_what_was_kept_apart_does_not_hold_the_cursor(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """A sound envelope with a bad value is stored in the quarantine, so the device may forget it."""
    assert store.commit(seqs(1), [strange(2, seq=2)]) == [StoredCursor(FRIDGE, "b-1", 2)]
    assert store.commit([], [strange(4, seq=4)]) == [StoredCursor(FRIDGE, "b-1", 2)]
    assert store.commit(seqs(3), [strange(2, seq=2)]) == [StoredCursor(FRIDGE, "b-1", 4)]
    assert inspection.message_ranges() == {FRIDGE: {"b-1": [(1, 4)]}}
    assert inspection.quarantine_counts() == {QuarantineReason.OUT_OF_RANGE: 2}
    assert inspection.readings_count() == 2


def test_a_redelivered_oddity_counts_once(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """With DUP it is the same; without, the device said it again."""
    store.commit([], [strange(1)])
    store.commit([], [replace(strange(1), duplicate=True)])
    assert sum(inspection.quarantine_counts().values()) == 1
    store.commit([], [strange(1)])
    assert sum(inspection.quarantine_counts().values()) == 2


def test_the_quarantine_is_bounded(connection: Connection, inspection: SqliteInspection) -> None:
    """The newest rows stay, newest first; a payload is cut and its real size kept."""
    store = SqliteReadings(connection, quarantine_rows_max=5)
    store.commit([], [strange(number) for number in range(8)])
    rows = inspection.quarantine(limit=100)
    assert len(rows) == 5
    assert (len(rows[0].payload), rows[0].size_bytes) == (4_096, 70_000)
    assert len(inspection.quarantine(limit=2)) == 2


def test_readings_come_back_as_they_were_stored(store: SqliteReadings) -> None:
    """All three outcomes and both kinds of values, in the order of storing, after an id, up to a limit."""
    readings = (
        Reading("milk.amount", Presence.VALUE, 12.5, "g"),
        Reading("milk.amount", Presence.UNKNOWN, None, "g"),
        Reading("milk.amount", Presence.NOT_APPLICABLE, None, "g"),
        Reading("salt.state", Presence.VALUE, "low", ""),
    )
    earlier = NOW - timedelta(hours=1)
    store.commit([message(1)._replace(readings=readings, event_at=earlier), message(2)], [])
    rows = store.readings_after(FRIDGE, "milk.amount", after_id=0, limit=10)
    assert [reading for _, _, reading in rows] == [*readings[:3], message(2).readings[0]]
    assert [at for _, at, _ in rows] == [earlier, earlier, earlier, NOW]
    assert store.readings_after(FRIDGE, "milk.amount", after_id=rows[1][0], limit=1) == [rows[2]]
    assert store.readings_after(FRIDGE, "salt.state", after_id=0, limit=1)[0][2] == readings[3]
    assert store.readings_after(WASHER, "milk.amount", after_id=0, limit=1) == []


def test_devices(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """A birth, a state and messages each tell a part; a vendor's message never names a native device's profile."""
    assert store.birth_of(WASHER) is None
    store.record_presence(PresenceChange(FRIDGE, online=True, received_at=NOW))
    store.commit([message(None)], [])
    assert store.birth_of(WASHER) is None
    birth = Birth(WASHER, "restock.washer", "1.2", "b-9", NOW + timedelta(seconds=5))
    store.record_birth(birth)
    store.commit([message(None)], [])
    assert store.birth_of(WASHER) == birth
    fridge, washer = inspection.devices()
    assert (fridge.device, fridge.profile, fridge.online, fridge.seen_at) == (FRIDGE, None, True, NOW)
    assert (washer.profile, washer.firmware, washer.online) == ("restock.washer", "1.2", None)


def test_a_device_that_starts_again_has_its_new_birth(store: SqliteReadings) -> None:
    """However often the old one was asked for."""
    for boot in ("b-1", "b-2"):
        birth = Birth(FRIDGE, "restock.fridge", "1.2", boot, NOW)
        store.record_birth(birth)
        assert [store.birth_of(FRIDGE) for _ in range(2)] == [birth, birth]


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    """What commit returned from is on the disk, cursors too."""
    path = tmp_path / "again.sqlite3"
    with Connection(path) as first:
        SqliteReadings(first).commit(seqs(1, 2), [strange(1)])
    with Connection(path) as second:
        assert SqliteReadings(second).commit(seqs(3), []) == [StoredCursor(FRIDGE, "b-1", 3)]
        inspection = SqliteInspection(second)
        assert inspection.message_ranges() == {FRIDGE: {"b-1": [(1, 3)]}}
        assert inspection.first_received_at() == NOW


def test_a_group_is_stored_whole_or_not_at_all(store: SqliteReadings, inspection: SqliteInspection) -> None:
    """A message that the schema refuses takes its group with it."""
    broken = message(2)._replace(profile=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        store.commit([message(1), broken], [])
    assert inspection.message_ranges() == {}
    assert inspection.first_received_at() is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=5), min_size=1, max_size=8))
def test_any_order_any_repetition(groups: list[list[int]]) -> None:
    """The cursor never passes a gap, never falls, and everything is stored once."""
    with TemporaryDirectory() as folder, Connection(Path(folder) / "hub.sqlite3") as connection:
        store, inspection = SqliteReadings(connection), SqliteInspection(connection)
        stored, last = set[int](), 0
        for group in groups:
            ((_, _, cursor),) = [
                (each.device, each.boot, each.seq) for each in store.commit([message(seq) for seq in group], [])
            ]
            stored |= set(group)
            end = next(seq for seq in range(99) if seq + 1 not in stored)
            assert cursor == end >= last
            last = cursor
        assert inspection.readings_count() == len(stored)
