"""`restock-hub backup` and `restock-hub restore`, as they are typed, with the hub running and stopped."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import apsw
import pytest

from edge_agent.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE
from edge_agent.adapters.backup import parts
from edge_agent.adapters.backup.parts import Contents, Part, write_parts
from edge_agent.adapters.backup.sealed_file import sealing
from edge_agent.adapters.device_credentials import locked
from edge_agent.adapters.secret_file import write_whole
from edge_agent.adapters.store import snapshot as snapshots
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.snapshot import answer_once, snapshot
from edge_agent.commands import keeping
from edge_agent.errors import BackupError, ConfigurationError, StoreBusyError
from edge_agent.folder import RESTORE_FOLDER, RESTORE_MARK, STORE_FILE, data_folder
from tests.edge_agent.commands.keeping.home import CHEAP, PASSPHRASE, Hub
from tests.edge_agent.samples import NOW

KEYS = {"household.key", "household.secret", "household.json", STORE_FILE}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with an owner, anna."""
    return Hub(tmp_path / "old", monkeypatch).set_up()


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A machine on which nothing is yet."""
    return Hub(tmp_path / "new", monkeypatch)


def put_back(hub: Hub, file: Path, *, replace: bool = False, passphrase: str = PASSPHRASE) -> dict[str, Any]:
    """Put a backup back."""
    return dict(keeping.put_back(hub.config, file, passphrase=passphrase, replace=replace))


def test_whoever_waits_is_told_how_far_it_is(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """From nothing to all of it, and never back, for both."""
    making: list[float] = []
    putting: list[float] = []
    file = tmp_path / "b"
    keeping.back_up(hub.config, file, passphrase=PASSPHRASE, cost=CHEAP, progress=making.append)
    keeping.put_back(other.config, file, passphrase=PASSPHRASE, progress=putting.append)
    for heard in (making, putting):
        assert heard == sorted(heard)
        assert heard[-1] == 1.0
    assert making[0] == 0.0
    assert 0.5 in putting, "the half is that all of it was verified"


def test_a_home_is_on_another_machine_as_it_was(
    hub: Hub, other: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands themselves: keys, people, documents, devices' logins; nobody else can read it."""
    broker = hub.folder / "broker"
    broker.mkdir()
    write_whole(broker / "enrolled.json", b"{}")
    write_whole(broker / "ca.crt", b"a certificate")
    (hub.folder / "profiles.cache").write_bytes(b"made anew")
    (hub.folder / f"{STORE_FILE}.damaged-20260101T000000Z").write_bytes(b"set aside")
    file = tmp_path / "b"
    assert hub.types("backup", str(file)) == EXIT_DONE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert other.types("restore", str(file)) == EXIT_DONE
    assert other.names() == KEYS | {"broker/enrolled.json", "broker/ca.crt"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in other.folder.rglob("*")} == {0o600, 0o700}
    for name in KEYS - {STORE_FILE}:
        assert (other.folder / name).read_bytes() == (hub.folder / name).read_bytes()
    assert other.people(capsys) == ["anna"]
    with open_store(other.folder, other.config) as store:
        assert store.chain.check() is None
        assert store.chain.event_counts()["backup_put_back"] == 1


async def test_a_running_hub_makes_the_copy_itself(hub: Hub, tmp_path: Path) -> None:
    """It holds the store; what it writes while the copy is made is in it, and the copy is gone afterwards."""
    with open_store(hub.folder, hub.config) as store:
        loop = asyncio.get_running_loop()

        def pause(_: float) -> None:
            asyncio.run_coroutine_threadsafe(answer_once(hub.folder, store.connection), loop).result()

        def events() -> int:
            with snapshot(hub.folder, pause=pause) as copy:
                db = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
                try:
                    return int(db.execute("SELECT count(*) FROM audit WHERE event LIKE '%test_event%'").get)
                finally:
                    db.close()

        with store.connection.transaction() as db:
            db.execute("CREATE TABLE ballast AS SELECT randomblob(3000000) AS bytes")
        copied = asyncio.create_task(asyncio.to_thread(events))
        while not list(hub.folder.glob("*.part")):
            await asyncio.sleep(0)
            assert not copied.done()
        store.chain.record({"event": "test_event"})
        assert await copied == 1
        assert not list(hub.folder.glob("backup*"))


def test_a_store_that_another_command_holds_is_not_waited_for_for_ever(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes the note up: it is taken away, and said."""
    monkeypatch.setattr(snapshots, "_BUSY_TIMEOUT_MS", 1)
    with open_store(hub.folder, hub.config):
        with pytest.raises(BackupError, match="makes no copy"), snapshot(hub.folder, pause=lambda _: None):
            pytest.fail("there is a copy")
        assert not (hub.folder / snapshots.NOTE_FILE).exists()


async def test_the_hub_says_why_it_makes_no_copy(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk stops the backup, and not the hub."""
    with open_store(hub.folder, hub.config) as store:
        write_whole(hub.folder / snapshots.NOTE_FILE, b"0" * 32)
        monkeypatch.setattr("shutil.disk_usage", lambda _: _Disk(free=1))
        await answer_once(hub.folder, store.connection)
        store.chain.record({"event": "test_event"})
    assert "0 MiB are free" in (hub.folder / f"backup-{'0' * 32}.failed").read_text(encoding="utf-8")


class _Disk:
    def __init__(self, *, free: int) -> None:
        self.free = free


@pytest.mark.parametrize("note", [b"../../etc/passwd", b"", b"0" * 33, b"0" * 5_000, b"\xff" * 32])
async def test_a_note_that_is_none_makes_nothing(hub: Hub, note: bytes) -> None:
    """It is taken away."""
    with open_store(hub.folder, hub.config) as store:
        before = hub.names()
        (hub.folder / snapshots.NOTE_FILE).write_bytes(note)
        await answer_once(hub.folder, store.connection)
        assert hub.names() == before


def test_a_folder_that_is_not_empty_is_left_alone(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """Without --replace, and with it but without the word."""
    file = hub.back_up(tmp_path / "b")
    other.set_up()
    before = (other.folder / "household.key").read_bytes()
    assert other.types("restore", str(file)) == EXIT_USAGE
    assert other.types("restore", str(file), "--replace", stdin=f"{PASSPHRASE}\nyes") == EXIT_USAGE
    assert (other.folder / "household.key").read_bytes() == before


def test_what_is_replaced_is_kept(hub: Hub, other: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder of its own, which is no part of the next backup."""
    file = hub.back_up(tmp_path / "b")
    other.set_up()
    before = (other.folder / "household.key").read_bytes()
    capsys.readouterr()
    assert other.types("restore", str(file), "--replace", stdin=f"{PASSPHRASE}\nreplace") == EXIT_DONE
    kept = Path(json.loads(capsys.readouterr().out)["replaced"])
    assert (kept / "household.key").read_bytes() == before
    assert (other.folder / "household.key").read_bytes() == (hub.folder / "household.key").read_bytes()
    told = keeping.back_up(other.config, tmp_path / "again", passphrase=PASSPHRASE, cost=CHEAP)
    assert set(told["files"]) == KEYS  # type: ignore[call-overload]


def test_a_running_hub_is_not_replaced(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """Its store is held."""
    file = hub.back_up(tmp_path / "b")
    other.set_up()
    with (
        open_store(other.folder, other.config),
        pytest.raises(BackupError, match="stop the hub first"),
    ):
        put_back(other, file, replace=True)


@pytest.mark.parametrize("spoil", ["cut", "flip", "passphrase", "version"])
def test_what_cannot_be_read_changes_nothing(hub: Hub, other: Hub, tmp_path: Path, spoil: str) -> None:
    """Cut off, one bit flipped in the last file, another passphrase, another version: not one byte is written."""
    file = hub.back_up(tmp_path / "b")
    content = bytearray(file.read_bytes())
    match spoil:
        case "cut":
            del content[len(content) // 2 :]
        case "flip":
            content[-2_000] ^= 1
        case "version":
            content[9] = 9
    file.write_bytes(content)
    passphrase = "another passphrase" if spoil == "passphrase" else PASSPHRASE
    with pytest.raises(BackupError):
        put_back(other, file, passphrase=passphrase)
    assert list(other.folder.iterdir()) == []


def test_a_wrong_passphrase_is_told_in_words(
    hub: Hub, other: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever types it need not know what the program calls the error."""
    file = hub.back_up(tmp_path / "b")
    assert other.types("restore", str(file), stdin="another passphrase") == EXIT_FAILED
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("restock-hub: ")
    assert "Error" not in told


def test_a_full_disk_changes_nothing(hub: Hub, other: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where that is seen before, nor where it is met in the middle."""
    file = hub.back_up(tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: _Disk(free=1))
        with pytest.raises(BackupError, match="are needed, and 0 MiB are free"):
            put_back(other, file)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(BackupError, match="No space left"):
        put_back(other, file)
    assert list(other.folder.iterdir()) == []


def test_a_backup_on_a_full_disk_leaves_nothing(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither beside the store nor where the backup was to be."""
    before = hub.names()
    with monkeypatch.context() as patch:
        patch.setattr(keeping, "write_parts", _full)
        with pytest.raises(BackupError, match="No space left"):
            hub.back_up(tmp_path / "b")
    assert hub.names() == before
    assert {path.name for path in tmp_path.iterdir()} == {"old"}


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("renamed", range(7))
def test_a_restore_that_is_cut_off_goes_on(
    hub: Hub, other: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: int
) -> None:
    """After however many names were changed: the hub does not start meanwhile, and the next restore ends it."""
    file = hub.back_up(tmp_path / "b")
    other.set_up()
    old = (other.folder / "household.key").read_bytes()
    left, rename = [renamed], Path.rename

    def dies(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            return rename(path, target)
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dies)
        with pytest.raises(KeyboardInterrupt):
            put_back(other, file, replace=True)
    with pytest.raises(ConfigurationError, match="put back only in part"):
        data_folder(other.config)
    told = put_back(other, file, replace=True)
    assert told["finished"] is True
    assert (Path(told["replaced"]) / "household.key").read_bytes() == old
    assert (other.folder / "household.key").read_bytes() == (hub.folder / "household.key").read_bytes()
    assert other.names() >= KEYS
    assert not (other.folder / RESTORE_FOLDER).exists()
    with open_store(other.folder, other.config) as store:
        assert store.chain.check() is None


def test_a_restore_that_was_cut_off_before_leaves_the_folder_as_it_was(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """What lies unpacked there goes with the next one."""
    file = hub.back_up(tmp_path / "b")
    staging = other.folder / RESTORE_FOLDER
    staging.mkdir(parents=True)
    (staging / "household.key").write_bytes(b"half")
    assert not (staging / RESTORE_MARK).exists()
    put_back(other, file)
    assert other.names() == KEYS


def test_the_backup_of_another_home_is_refused(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """The bridge would not know it by this name."""
    file = hub.back_up(tmp_path / "b")
    other.file.write_text(other.file.read_text(encoding="utf-8") + 'hub = "kitchen"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="'kitchen'"):
        put_back(other, file)
    assert list(other.folder.iterdir()) == []


def test_a_store_whose_record_was_edited_is_not_put_back(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """The backup is whole, and what is in it is not."""
    db = apsw.Connection(str(hub.folder / STORE_FILE))
    db.execute("INSERT INTO audit (seq, prev_hash, hash, event) VALUES (99, 'a', 'b', '{}')")
    db.close()
    file = hub.back_up(tmp_path / "b")
    with pytest.raises(BackupError, match="is not whole"):
        put_back(other, file)
    assert list(other.folder.iterdir()) == []


def test_a_damaged_store_is_not_backed_up(hub: Hub, tmp_path: Path) -> None:
    """The backups that there are shall not give place to it."""
    store = hub.folder / STORE_FILE
    content = bytearray(store.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    store.write_bytes(content)
    with pytest.raises(BackupError, match=r"damaged|malformed|cannot be copied"):
        hub.back_up(tmp_path / "b")
    assert not (tmp_path / "b").exists()
    assert store.read_bytes() == content


def test_a_link_that_leads_out_is_left_out_and_named(hub: Hub, tmp_path: Path) -> None:
    """What the folder only points to is not the hub's."""
    (hub.folder / "link").symlink_to("/etc/hostname")
    told = keeping.back_up(hub.config, tmp_path / "b", passphrase=PASSPHRASE, cost=CHEAP)
    assert told["left_out"] == ["link"]


@pytest.mark.parametrize(
    "name", ["../escape", "/etc/x", "a/../../x", "a//b", ".", "hub.sqlite3-wal", ".restoring/whole"]
)
def test_a_name_that_leads_out_is_refused(hub: Hub, other: Hub, tmp_path: Path, name: str) -> None:
    """Even from somebody who knows the passphrase."""
    told = Contents(
        form=1, made_at=NOW, program="x", home="home", hub="hub",
        files=(Part(name=name, size_bytes=1), Part(name=STORE_FILE, size_bytes=1)),
    )  # fmt: skip
    (tmp_path / "one").write_bytes(b"x")
    with sealing(tmp_path / "b", PASSPHRASE, cost=CHEAP) as out:
        write_parts(out, told, {name: b"x"}, tmp_path / "one")
    with pytest.raises(BackupError, match="cannot have"):
        put_back(other, tmp_path / "b")
    assert list(other.folder.iterdir()) == []


def test_a_link_in_a_backup_is_refused(hub: Hub, other: Hub, tmp_path: Path) -> None:
    """Files are files."""
    told = Contents(
        form=1, made_at=NOW, program="x", home="home", hub="hub",
        files=(Part(name=STORE_FILE, size_bytes=0),),
    )  # fmt: skip
    link = tarfile.TarInfo(STORE_FILE)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    with (
        sealing(tmp_path / "b", PASSPHRASE, cost=CHEAP) as out,
        tarfile.open(fileobj=out, mode="w|") as archive,
    ):
        parts._add(archive, parts.LIST_NAME, told.model_dump_json().encode())
        archive.addfile(link)
    with pytest.raises(BackupError, match="not a file"):
        put_back(other, tmp_path / "b")


def test_a_place_that_would_be_lost_with_the_folder_is_refused(hub: Hub) -> None:
    """A backup in the data folder is none."""
    with pytest.raises(ConfigurationError, match="would be lost with it"):
        hub.back_up(hub.folder / "b")


def test_a_short_passphrase_is_refused(hub: Hub, tmp_path: Path) -> None:
    """As for the owner's account, at least 12 characters."""
    assert hub.types("backup", str(tmp_path / "b"), stdin="short") == EXIT_USAGE


def test_where_nothing_was_set_up_there_is_nothing_to_back_up(other: Hub, tmp_path: Path) -> None:
    """It says so."""
    assert other.types("backup", str(tmp_path / "b")) == EXIT_USAGE
    assert not (tmp_path / "b").exists()


def test_a_backup_that_is_there_stays(hub: Hub, tmp_path: Path) -> None:
    """Another name is wanted."""
    (tmp_path / "b").write_bytes(b"dear")
    assert hub.types("backup", str(tmp_path / "b")) == EXIT_FAILED
    assert (tmp_path / "b").read_bytes() == b"dear"


def test_nobody_changes_logins_while_they_are_copied(hub: Hub, tmp_path: Path) -> None:
    """Certificates and the list of who is enrolled belong together."""
    broker = hub.folder / "broker"
    broker.mkdir()
    with locked(broker), pytest.raises(StoreBusyError):
        hub.back_up(tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_what_cannot_be_read_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, and not as a trace; nothing is left."""

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BackupError, match=r"household\.\w+: Permission denied; mend that"):
        hub.back_up(tmp_path / "b")
    assert {path.name for path in tmp_path.iterdir()} == {"old"}
