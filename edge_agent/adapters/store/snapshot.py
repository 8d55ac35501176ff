"""A consistent copy of the store, by SQLite's own backup, while the hub runs or not.

The hub holds its store for itself alone, so while it runs nobody else can read it: whoever wants a copy leaves a note
in the data folder, and the hub makes the copy beside it, piece by piece between its other work. What it writes
meanwhile goes into the copy too, since one connection does both.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import apsw

from edge_agent.adapters.secret_file import flush, write_whole
from edge_agent.adapters.store.connection import Connection
from edge_agent.errors import BackupError
from edge_agent.folder import STORE_FILE

log = logging.getLogger(__name__)

COPY_PREFIX = "backup-"
NOTE_FILE = "backup.wanted"
_TOKEN = re.compile(r"[0-9a-f]{32}")
_NOTE_BYTES_MAX = 64
_STEP_PAGES = 64  # 256 KiB: what the hub does between two messages
_LOOK_EVERY_S = 1.0
_TAKEN_UP_WITHIN_S = 20.0
_DONE_WITHIN_S = 1_800.0
_BUSY_TIMEOUT_MS = 2_000
_ROOM_KEPT_BYTES = 16 << 20
_REASON_BYTES_MAX = 2_000


@contextmanager
def snapshot(folder: Path, *, pause: Callable[[float], None] = time.sleep) -> Iterator[Path]:
    """A copy of the store in `folder`, checked, for as long as the block lasts.

    Raises: BackupError when there is no store, it is damaged, the disk has no room, or who holds it makes no copy.
    """
    token = secrets.token_hex(16)
    copy = _copy_file(folder, token)
    _check_room(folder)
    try:
        if not _copy_here(folder, copy):
            _ask(folder, token, pause=pause)
        _check(copy)
        yield copy
    finally:
        for leftover in folder.glob(f"{COPY_PREFIX}{token}*"):
            leftover.unlink(missing_ok=True)


async def answer_always(folder: Path, connection: Connection, *, every_s: float = _LOOK_EVERY_S) -> None:
    """In the hub: make the copies that are wanted, for ever."""
    _sweep(folder)
    while True:
        await answer_once(folder, connection)
        await asyncio.sleep(every_s)


async def answer_once(folder: Path, connection: Connection) -> None:
    """In the hub: make the copy that is wanted, if one is. What goes wrong is told to who wanted it."""
    token = _wanted(folder)
    if token is None:
        return
    part = _copy_file(folder, token).with_suffix(".part")
    try:
        _check_room(folder)
        for _ in _copying(connection.db, part):
            await asyncio.sleep(0)
        await asyncio.to_thread(flush, part)
        part.rename(_copy_file(folder, token))
        log.info("backup_copied")
    except (BackupError, apsw.Error, OSError) as exc:
        log.warning("backup_not_copied error=%s", exc)
        part.unlink(missing_ok=True)
        with suppress(OSError):
            write_whole(part.with_suffix(".failed"), str(exc).encode()[:_REASON_BYTES_MAX])


def _sweep(folder: Path) -> None:
    """Copies for somebody who is gone."""
    for leftover in folder.glob(f"{COPY_PREFIX}*"):
        with suppress(OSError):
            leftover.unlink(missing_ok=True)


def _wanted(folder: Path) -> str | None:
    note = folder / NOTE_FILE
    try:
        with note.open("rb") as file:
            token = file.read(_NOTE_BYTES_MAX).decode("ascii", "replace")
        note.unlink()
    except FileNotFoundError:
        return None
    except OSError as exc:
        log.warning("backup_note_unreadable error=%s", exc)
        return None
    return token if _TOKEN.fullmatch(token) else None


def _copy_here(folder: Path, copy: Path) -> bool:
    """Make the copy in this process; False where another one holds the store."""
    store = folder / STORE_FILE
    if not store.exists():
        raise BackupError(f"{store} is not there: there is nothing to back up")
    db = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(_BUSY_TIMEOUT_MS)
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA user_version").get  # noqa: B018 - takes the lock
        for _ in _copying(db, copy):
            pass
        flush(copy)
    except apsw.BusyError:
        return False
    except apsw.Error as exc:
        # Not a byte of a store that may be damaged is moved.
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        raise BackupError(f"{store} cannot be copied ({exc}): run restock-hub doctor") from exc
    finally:
        db.close()
    return True


def _copying(source: apsw.Connection, target: Path) -> Iterator[None]:
    """Copy some pages between two steps of whoever iterates."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy = apsw.Connection(str(target))
    try:
        copy.execute("PRAGMA synchronous=OFF")  # it is made durable as a whole, or thrown away
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(_STEP_PAGES)
                yield
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()


def _ask(folder: Path, token: str, *, pause: Callable[[float], None]) -> None:
    """Let the hub make the copy, and wait for it."""
    note, copy = folder / NOTE_FILE, _copy_file(folder, token)
    if note.exists():
        raise BackupError(f"{folder}: another backup is being made; delete {note.name} if none is")
    write_whole(note, token.encode())
    waited_s = 0.0
    while not copy.exists():
        failed = copy.with_suffix(".failed")
        if failed.exists():
            raise BackupError(f"the hub could not copy its store: {failed.read_text(encoding='utf-8')}")
        is_late = note.exists() and waited_s >= _TAKEN_UP_WITHIN_S
        if is_late or waited_s >= _DONE_WITHIN_S:
            note.unlink(missing_ok=True)
            raise BackupError(f"{folder} is held by another process, which makes no copy: stop it, and try again")
        pause(0.2)
        waited_s += 0.2


def _check(copy: Path) -> None:
    db = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        verdict = cast("str", db.execute("PRAGMA quick_check(1)").get)
    except apsw.Error as exc:
        verdict = str(exc)
    finally:
        db.close()
    if verdict != "ok":
        raise BackupError(f"the store is damaged ({verdict}): keep the backups that you have; run restock-hub doctor")


def _check_room(folder: Path) -> None:
    size = sum(
        file.stat().st_size for file in folder.glob(f"{STORE_FILE}*") if file.suffix in {".sqlite3", ".sqlite3-wal"}
    )
    free = shutil.disk_usage(folder).free
    if free < size + _ROOM_KEPT_BYTES:
        raise BackupError(
            f"{folder}: the copy needs {(size + _ROOM_KEPT_BYTES) >> 20} MiB for a while, and {free >> 20} MiB are free"
        )


def _copy_file(folder: Path, token: str) -> Path:
    return folder / f"{COPY_PREFIX}{token}.sqlite3"
