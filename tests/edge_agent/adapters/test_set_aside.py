"""A store that cannot be read: kept apart, a fresh one takes readings, and nothing is sent until an owner decides."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from edge_agent.adapters.store import set_aside
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.intents import insert_intent
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.outbox import insert_body
from edge_agent.adapters.store.put_back import put_back
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.set_aside import ON_ITS_WAY, open_for_service, standing
from edge_agent.adapters.store.set_aside_note import NOTE_FILE, kept_apart
from edge_agent.app import IngestSide
from edge_agent.config import HubConfig
from edge_agent.core.clock_trust import RELEASED_AT
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import (
    Decoded,
    DeviceId,
    ItemId,
    Presence,
    PromptId,
    Quarantined,
    QuarantineReason,
    Reading,
)
from edge_agent.core.safety import SafetyCode
from edge_agent.errors import (
    RefusedError,
    StoreBusyError,
    StoreMalformedError,
    StoreNewerError,
    StoreUnreadableError,
)
from edge_agent.folder import STORE_FILE
from tests.edge_agent.samples import intent

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
CONFIG = HubConfig()


def message(seq: int) -> Decoded:
    """One reading of the fridge."""
    return Decoded(
        device=DeviceId("fridge"),
        profile="p",
        topic="t",
        boot="b",
        seq=seq,
        digest=f"d{seq}",
        event_at=NOW,
        received_at=NOW,
        duplicate=False,
        readings=(Reading("milk", Presence.VALUE, float(seq), "mL"),),
    )


def strange(hour: int) -> Quarantined:
    """The same bytes, kept apart at another time."""
    at = NOW + timedelta(hours=hour)
    reason = QuarantineReason.MALFORMED
    return Quarantined("t", DeviceId("fridge"), reason, "d", b"x", 1, "dx", received_at=at, duplicate=False)


def filled(folder: Path, *seqs: int) -> None:
    """A store with some readings, closed."""
    with open_store(folder, CONFIG) as store:
        SqliteReadings(store.connection).commit([message(seq) for seq in seqs], ())


def overwrite(folder: Path) -> None:
    """Every page but the first is gone."""
    path = folder / STORE_FILE
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (size - 4096))


def cut(folder: Path) -> None:
    """No SQLite file any more."""
    (folder / STORE_FILE).write_bytes(b"what a broken card gave back" * 200)


def replaced_by_a_folder(folder: Path) -> None:
    """Nothing that can be opened."""
    (folder / STORE_FILE).unlink()
    (folder / STORE_FILE).mkdir()


def emptied(folder: Path) -> None:
    """A file of no bytes, which SQLite takes for a new store."""
    (folder / STORE_FILE).write_bytes(b"")


def gone(folder: Path) -> None:
    """No file at all, though there was one."""
    (folder / STORE_FILE).unlink()


@pytest.mark.parametrize("harm", [overwrite, cut, replaced_by_a_folder, emptied, gone])
def test_a_damaged_store_is_kept_and_a_fresh_one_takes_readings(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Byte for byte under a name with its time; the fresh store is durable, and the note says that nothing is sent."""
    filled(tmp_path, 1, 2, 3)
    harm(tmp_path)
    was_there = (tmp_path / STORE_FILE).exists()
    before = (tmp_path / STORE_FILE).read_bytes() if (tmp_path / STORE_FILE).is_file() else None
    with open_for_service(tmp_path, CONFIG) as store:
        SqliteReadings(store.connection).commit([message(4)], ())
        assert store.chain.event_counts()["store_set_aside"] == 1
    [kept] = kept_apart(tmp_path)
    assert kept.is_moved
    assert (tmp_path / kept.name).exists() is was_there
    assert before is None or (tmp_path / kept.name).read_bytes() == before
    [problem] = standing(tmp_path)
    assert problem.code is SafetyCode.STORE_SET_ASIDE
    assert kept.name in problem.text
    with open_for_service(tmp_path, CONFIG) as store:
        assert SqliteInspection(store.connection).readings_count() == 1
    assert len(kept_apart(tmp_path)) == 1


def test_a_good_store_is_left_alone(tmp_path: Path) -> None:
    """Nothing is renamed, nothing stands against sending."""
    filled(tmp_path, 1)
    with open_for_service(tmp_path, CONFIG):
        pass
    assert standing(tmp_path) == ()
    assert not list(tmp_path.glob("*damaged*"))


def test_the_first_start_of_a_hub_sets_nothing_aside(tmp_path: Path) -> None:
    """Without the household's secret there never was a store."""
    with open_for_service(tmp_path, CONFIG):
        pass
    assert standing(tmp_path) == ()


@pytest.mark.parametrize(("harm", "reason"), [(emptied, "it is empty"), (gone, "it is gone")])
def test_the_log_of_a_store_that_is_lost_is_kept(tmp_path: Path, harm: Callable[[Path], None], reason: str) -> None:
    """Byte for byte, before SQLite would cut it; a fresh store that is lost as well adds nothing to the note."""
    log = b"what was committed last"
    filled(tmp_path, 1)
    harm(tmp_path)
    (tmp_path / f"{STORE_FILE}-wal").write_bytes(log)
    with open_for_service(tmp_path, CONFIG):
        pass
    [kept] = kept_apart(tmp_path)
    assert kept.reason == reason
    assert (tmp_path / f"{kept.name}-wal").read_bytes() == log
    harm(tmp_path)
    with open_for_service(tmp_path, CONFIG) as store:
        assert SqliteInspection(store.connection).readings_count() == 0
    assert kept_apart(tmp_path) == (kept,)


@pytest.mark.parametrize("harm", [emptied, gone])
def test_what_is_lost_after_a_store_was_set_aside_is_kept_and_told(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """The log of the fresh store; and that a backup which was put back is no longer there."""
    log = b"what came meanwhile"
    filled(tmp_path, 1)
    shutil.copyfile(tmp_path / STORE_FILE, tmp_path / "backup.sqlite3")
    set_aside.move(tmp_path, "it is damaged", at=NOW)
    filled(tmp_path, 2)
    harm(tmp_path)
    (tmp_path / f"{STORE_FILE}-wal").write_bytes(log)
    with open_for_service(tmp_path, CONFIG):
        pass
    assert (tmp_path / f"{kept_apart(tmp_path)[1].name}-wal").read_bytes() == log
    put_back(tmp_path, tmp_path / "backup.sqlite3", at=NOW)
    harm(tmp_path)
    with open_for_service(tmp_path, CONFIG):
        assert len(kept_apart(tmp_path)) == 4


def test_a_store_that_another_hub_holds_is_left_alone(tmp_path: Path) -> None:
    """It is whole: the second hub ends."""
    with (
        open_store(tmp_path, CONFIG) as first,
        pytest.raises(StoreBusyError),
        open_for_service(tmp_path, CONFIG),
    ):
        first.chain.record({"event": "never"})
    assert kept_apart(tmp_path) == ()


def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    """It is whole, and a fresh one would hide it."""
    filled(tmp_path, 1)
    db = apsw.Connection(str(tmp_path / STORE_FILE))
    db.pragma("user_version", 99)
    db.close()
    with pytest.raises(StoreNewerError, match="schema 99"), open_for_service(tmp_path, CONFIG):
        pass
    assert kept_apart(tmp_path) == ()


def test_what_is_set_aside_is_not_written_to_by_looking_at_it(tmp_path: Path) -> None:
    """A log beside a damaged file stays beside it, as it was."""
    filled(tmp_path, 1)
    log = b"not a log of SQLite's, but the only thing that there is"
    cut(tmp_path)
    (tmp_path / f"{STORE_FILE}-wal").write_bytes(log)
    with open_for_service(tmp_path, CONFIG):
        pass
    [kept] = kept_apart(tmp_path)
    assert (tmp_path / f"{kept.name}-wal").read_bytes() == log


@pytest.mark.parametrize("done", range(5))
def test_a_crash_between_two_steps_leaves_the_sends_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    """Whichever rename was the last one: at the next start the rest is moved, and the note stands."""
    filled(tmp_path, 1, 2)
    cut(tmp_path)
    for end in ("-wal", "-shm", "-journal"):
        (tmp_path / f"{STORE_FILE}{end}").write_bytes(b"x")
    real, left = Path.rename, iter(range(done))

    def rename(self: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        try:
            with open_for_service(tmp_path, CONFIG):
                assert done == 4
        except KeyboardInterrupt:
            assert done < 4
    assert standing(tmp_path) != ()
    with open_for_service(tmp_path, CONFIG):
        pass
    [kept] = kept_apart(tmp_path)
    assert kept.is_moved
    assert sorted(path.name for path in tmp_path.glob("*damaged*")) == sorted(
        f"{kept.name}{end}" for end in ("", "-wal", "-shm", "-journal")
    )


@pytest.mark.parametrize("note", ["[{", "", "{}", "[]", '""', "[{}]", "0", "null"])
def test_a_note_that_cannot_be_read_stops_the_sends(tmp_path: Path, note: str) -> None:
    """Unknown is not "all is well", and a note that names nothing is unknown."""
    filled(tmp_path, 1)
    (tmp_path / NOTE_FILE).write_text(note, encoding="utf-8")
    with open_for_service(tmp_path, CONFIG):
        assert standing(tmp_path) != ()


@pytest.mark.parametrize("asks", ["exists", "read_text", "stat"])
def test_a_note_that_the_disk_does_not_give_stops_the_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: str
) -> None:
    """Another user's file, or a bad block: the hub starts all the same."""
    filled(tmp_path, 1)
    (tmp_path / NOTE_FILE).write_text("[{", encoding="utf-8")
    real = getattr(Path, asks)

    def refused(self: Path, **options: Any) -> object:  # noqa: ANN401 - what pathlib itself passes on
        if self.name == NOTE_FILE:
            raise PermissionError(13, "Permission denied")
        return real(self, **options)

    monkeypatch.setattr(Path, asks, refused)
    with open_for_service(tmp_path, CONFIG):
        assert standing(tmp_path) != ()


def test_the_time_of_a_note_that_cannot_be_read_is_told_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the hub stands: the page says UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (tmp_path / NOTE_FILE).write_text("[{", encoding="utf-8")
        os.utime(tmp_path / NOTE_FILE, (NOW.timestamp(), NOW.timestamp()))
        [problem] = standing(tmp_path)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "2026-03-02 08:00 UTC" in problem.text


def test_a_disk_that_damages_one_store_after_another_is_not_filled(tmp_path: Path) -> None:
    """After five the hub ends, as it did for the first one before."""
    for _ in range(5):
        cut(tmp_path)
        with open_for_service(tmp_path, CONFIG):
            pass
    cut(tmp_path)
    with pytest.raises(StoreMalformedError), open_for_service(tmp_path, CONFIG):
        pass
    assert len(kept_apart(tmp_path)) == 5


def test_a_folder_that_takes_no_store_at_all_is_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no store can be made beside it, the file stays in its place."""
    filled(tmp_path, 1)

    class Broken:
        def __init__(self, path: str) -> None:
            raise apsw.CantOpenError(path)

    monkeypatch.setattr(apsw, "Connection", Broken)
    with pytest.raises(StoreUnreadableError), open_for_service(tmp_path, CONFIG):
        pass
    assert kept_apart(tmp_path) == ()
    assert (tmp_path / STORE_FILE).exists()


def test_it_is_accepted_only_when_nothing_can_be_on_its_way(tmp_path: Path) -> None:
    """Two hours after the last one; before that, and when nothing was set aside, it is refused."""
    with pytest.raises(RefusedError):
        set_aside.accept(tmp_path, now=NOW)
    filled(tmp_path, 1)
    set_aside.move(tmp_path, "it is damaged", at=NOW)
    with pytest.raises(RefusedError, match="on its way"):
        set_aside.accept(tmp_path, now=NOW + ON_ITS_WAY - timedelta(seconds=1))
    assert len(set_aside.accept(tmp_path, now=NOW + ON_ITS_WAY)) == 1
    assert standing(tmp_path) != ()
    set_aside.forget(tmp_path)
    assert standing(tmp_path) == ()


@pytest.mark.parametrize("noted_at", [RELEASED_AT - timedelta(days=20_000), NOW + timedelta(days=30)])
def test_a_note_of_a_clock_that_was_wrong_begins_its_two_hours_anew(tmp_path: Path, noted_at: datetime) -> None:
    """A time before the release, or one that has not come yet, says nothing about how long ago it was."""
    filled(tmp_path, 1)
    set_aside.move(tmp_path, "it is damaged", at=noted_at)
    with pytest.raises(RefusedError, match="10:00 UTC"):
        set_aside.accept(tmp_path, now=NOW)
    assert kept_apart(tmp_path)[0].at == NOW
    with pytest.raises(RefusedError):
        set_aside.accept(tmp_path, now=NOW + ON_ITS_WAY - timedelta(seconds=1))
    assert len(set_aside.accept(tmp_path, now=NOW + ON_ITS_WAY)) == 1


def test_a_clock_that_stays_wrong_accepts_nothing(tmp_path: Path) -> None:
    """However long it has shown a time before the release."""
    filled(tmp_path, 1)
    wrong = RELEASED_AT - timedelta(days=20_000)
    set_aside.move(tmp_path, "it is damaged", at=wrong)
    for hours in (3, 6):
        with pytest.raises(RefusedError, match="clock"):
            set_aside.accept(tmp_path, now=wrong + timedelta(hours=hours))


def test_a_backup_that_is_put_back_keeps_what_was_acknowledged_since(tmp_path: Path) -> None:
    """Readings of the backup and of the fresh store, each once; the fresh one is kept apart, the sends stay stopped."""
    hub = tmp_path / "hub"
    hub.mkdir()
    filled(hub, 1, 2)
    (hub / STORE_FILE).rename(tmp_path / "backup.sqlite3")
    cut(hub)
    with open_for_service(hub, CONFIG) as store:
        SqliteReadings(store.connection).commit([message(2), message(3)], ())
    told = put_back(hub, tmp_path / "backup.sqlite3", at=NOW)
    assert told["messages"] == 2
    assert standing(hub) != ()
    assert (hub / str(told["old_store"])).exists()
    with open_store(hub, CONFIG) as store:
        assert SqliteInspection(store.connection).message_ranges() == {"fridge": {"b": [(1, 3)]}}
        assert SqliteReadings(store.connection).commit([message(3)], ())[0].seq == 3
        assert store.chain.check() is None


def test_what_was_approved_since_is_not_dropped_without_a_word(tmp_path: Path) -> None:
    """An order that has not ended stops it; where it is to go all the same, report and audit log name it."""
    hub, backup = tmp_path / "hub", tmp_path / "backup.sqlite3"
    hub.mkdir()
    filled(hub, 1)
    shutil.copyfile(hub / STORE_FILE, backup)
    with open_store(hub, CONFIG) as store, store.connection.transaction() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        insert_intent(db, intent("i1"))
        insert_body(db, intent("i1"), b"{}", terms=b"{}")
        insert_intent(db, replace(intent("i2"), prompt=PromptId("p2"), item=ItemId("oats"), state=IntentState.EXPIRED))
        known = replace(intent("i3"), prompt=PromptId("p3"), item=ItemId("rice"), state=IntentState.HELD)
        insert_intent(db, known)
    with pytest.raises(RefusedError, match=r"i1.*--drop-orders"):
        put_back(hub, backup, at=NOW)
    assert kept_apart(hub) == ()
    told = put_back(hub, backup, at=NOW, drop_orders=True)
    assert told["not_ordered"] == ["i1"]
    with open_store(hub, CONFIG) as store:
        [event] = store.connection.db.execute("SELECT event FROM audit WHERE event LIKE '%store_put_back%'").fetchall()
        assert json.loads(event[0])["not_ordered"] == "i1"
        assert store.chain.check() is None


def test_putting_back_twice_doubles_nothing(tmp_path: Path) -> None:
    """Messages without a sequence too, and those that were kept apart."""
    hub, backup = tmp_path / "hub", tmp_path / "backup.sqlite3"
    hub.mkdir()
    bare = [message(seq)._replace(seq=None, boot=None, received_at=NOW + timedelta(hours=seq)) for seq in (1, 2)]
    twin = bare[0]._replace(received_at=NOW + timedelta(hours=3))
    with open_store(hub, CONFIG) as store:
        SqliteReadings(store.connection).commit([bare[0]], [strange(1)])
    shutil.copyfile(hub / STORE_FILE, backup)
    with open_store(hub, CONFIG) as store:
        SqliteReadings(store.connection).commit([bare[1], twin], [strange(2)])
    for _ in range(2):
        assert put_back(hub, backup, at=NOW)["messages"] == 3
    with open_store(hub, CONFIG) as store:
        inspection = SqliteInspection(store.connection)
        assert inspection.unsequenced_counts() == {"fridge": 3}
        assert sum(inspection.quarantine_counts().values()) == 2


def test_a_backup_does_not_take_the_place_of_what_cannot_be_read(tmp_path: Path) -> None:
    """It says what to do, and leaves everything where it is."""
    filled(tmp_path, 1)
    shutil.copyfile(tmp_path / STORE_FILE, tmp_path / "backup.sqlite3")
    cut(tmp_path)
    before = (tmp_path / STORE_FILE).read_bytes()
    with pytest.raises(StoreMalformedError, match="start the hub once"):
        put_back(tmp_path, tmp_path / "backup.sqlite3", at=NOW)
    assert (tmp_path / STORE_FILE).read_bytes() == before
    assert kept_apart(tmp_path) == ()


def test_a_store_that_turns_out_damaged_while_it_is_read_is_condemned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put back over it; the next start sets it aside, and then the same command goes through."""
    hub, backup = tmp_path / "hub", tmp_path / "backup.sqlite3"
    hub.mkdir()
    filled(hub, 1)
    shutil.copyfile(hub / STORE_FILE, backup)

    def unreadable(db: apsw.Connection) -> list[Any]:
        raise apsw.CorruptError(db.filename)

    with monkeypatch.context() as patch:
        patch.setattr("edge_agent.adapters.store.put_back._births", unreadable)
        with pytest.raises(StoreMalformedError, match="start the hub once"):
            put_back(hub, backup, at=NOW)
    assert kept_apart(hub) == ()
    with open_for_service(hub, CONFIG):
        assert len(kept_apart(hub)) == 1
    assert put_back(hub, backup, at=NOW)["messages"] == 0


@pytest.mark.parametrize("step", ["link", "replace"])
def test_a_crash_while_a_backup_is_put_back_loses_no_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The fresh store is there still; the same command again brings everything together."""
    hub, backup = tmp_path / "hub", tmp_path / "backup.sqlite3"
    hub.mkdir()
    filled(hub, 1, 2)
    (hub / STORE_FILE).rename(backup)
    cut(hub)
    with open_for_service(hub, CONFIG) as store:
        SqliteReadings(store.connection).commit([message(3)], ())

    real = Path.replace

    def dies(source: Path, target: Path) -> Path:
        if step == "replace" and target.name != STORE_FILE:
            return real(source, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "link") if step == "link" else (Path, "replace")), dies)
        with pytest.raises(KeyboardInterrupt):
            put_back(hub, backup, at=NOW)
    assert standing(hub) != ()
    with open_for_service(hub, CONFIG) as store:
        SqliteReadings(store.connection).commit([message(4)], ())
    assert put_back(hub, backup, at=NOW)["messages"] == 2
    with open_store(hub, CONFIG) as store:
        assert SqliteInspection(store.connection).message_ranges() == {"fridge": {"b": [(1, 4)]}}


def test_a_backup_that_is_damaged_or_tampered_with_is_not_put_back(tmp_path: Path) -> None:
    """Everything stays as it was."""
    filled(tmp_path, 1)
    good = (tmp_path / STORE_FILE).read_bytes()
    backup = tmp_path / "backup.sqlite3"
    backup.write_bytes(b"nothing of use" * 1_000)
    with pytest.raises(StoreMalformedError):
        put_back(tmp_path, backup, at=NOW)
    backup.write_bytes(good)
    db = apsw.Connection(str(backup))
    db.execute("INSERT INTO audit (seq, prev_hash, hash, event) VALUES (9, 'x', 'y', '{}')")
    db.close()
    with pytest.raises(RefusedError):
        put_back(tmp_path, backup, at=NOW)
    assert kept_apart(tmp_path) == ()
    with open_store(tmp_path, CONFIG) as store:
        assert SqliteInspection(store.connection).readings_count() == 1


def test_the_note_is_what_a_script_can_read(tmp_path: Path) -> None:
    """JSON with time, name and reason."""
    filled(tmp_path, 1)
    entry = set_aside.move(tmp_path, "it is damaged", at=NOW)
    [row] = json.loads((tmp_path / NOTE_FILE).read_text(encoding="utf-8"))
    assert row == {"at": NOW.isoformat(), "name": entry.name, "reason": "it is damaged", "is_moved": True}


def test_a_store_that_was_condemned_is_set_aside_though_it_opens(tmp_path: Path) -> None:
    """Once: the fresh one stays."""
    filled(tmp_path, 1)
    set_aside.condemn(tmp_path)
    for _ in range(2):
        with open_for_service(tmp_path, CONFIG) as store:
            assert SqliteInspection(store.connection).readings_count() == 0
    assert len(kept_apart(tmp_path)) == 1


@pytest.mark.parametrize("mark", ["", None])
def test_a_backup_in_the_place_of_a_condemned_store_stays(tmp_path: Path, mark: str | None) -> None:
    """The sentence was about another file, whether or not the mark could say which."""
    filled(tmp_path, 1)
    shutil.copyfile(tmp_path / STORE_FILE, tmp_path / "backup.sqlite3")
    set_aside.condemn(tmp_path)
    if mark is not None:
        (tmp_path / "store-condemned").write_text(mark, encoding="utf-8")
    put_back(tmp_path, tmp_path / "backup.sqlite3", at=NOW)
    [swapped] = kept_apart(tmp_path)
    with open_for_service(tmp_path, CONFIG) as store:
        assert SqliteInspection(store.connection).readings_count() == 1
    assert kept_apart(tmp_path) == (swapped,)


@pytest.mark.parametrize("mark", ["", "not a number", None])
def test_only_another_file_escapes_the_mark(tmp_path: Path, mark: str | None) -> None:
    """A file that was put there by hand does; a mark that does not say which file is meant means any."""
    filled(tmp_path, 1)
    shutil.copyfile(tmp_path / STORE_FILE, tmp_path / "by hand")
    set_aside.condemn(tmp_path)
    if mark is not None:
        (tmp_path / "store-condemned").write_text(mark, encoding="utf-8")
    (tmp_path / "by hand").replace(tmp_path / STORE_FILE)
    for _ in range(2):
        with open_for_service(tmp_path, CONFIG):
            assert (standing(tmp_path) != ()) is (mark is not None)
    assert not (tmp_path / "store-condemned").exists()


class Damaged:
    """A store that takes nothing, until `mends_at`."""

    def __init__(self, mends_at: int) -> None:
        self.tried, self.mends_at = 0, mends_at

    async def run_once(self) -> int:
        """One try."""
        self.tried += 1
        if self.tried == self.mends_at + 1:
            raise asyncio.CancelledError
        if self.tried != self.mends_at:
            raise StoreMalformedError("it is damaged")
        return 1


@pytest.mark.parametrize(("mends_at", "is_condemned"), [(3, False), (4, True)])
async def test_three_groups_in_a_row_condemn_a_store(tmp_path: Path, mends_at: int, is_condemned: bool) -> None:
    """Then the hub ends, and is started on a fresh store; before that it tries again."""
    filled(tmp_path, 1)
    ingest = Damaged(mends_at)
    nobody = cast("Any", None)
    side = IngestSide(
        kept=nobody, intake=nobody, devices=nobody, ingest=cast("Any", ingest), folder=tmp_path, retry_s=0,
    )  # fmt: skip
    with pytest.raises(StoreMalformedError if is_condemned else asyncio.CancelledError):
        await side.take_messages()
    with open_for_service(tmp_path, CONFIG):
        assert (standing(tmp_path) != ()) is is_condemned
