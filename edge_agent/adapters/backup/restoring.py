"""Putting a backup in the place of a data folder: first every file beside it, then the names.

The files lie in a folder of their own until all of them are there, durable and checked; a mark then says so, and they
take their places one by one. Cut off before the mark, nothing has happened; cut off after it, the hub does not start,
and the next `restore` goes on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from edge_agent.adapters.backup.parts import REPLACED_PREFIX, Contents, present, reading_parts
from edge_agent.adapters.backup.sealed_file import SealedFile
from edge_agent.adapters.secret_file import flush, write_whole
from edge_agent.errors import BackupError
from edge_agent.folder import RESTORE_FOLDER, RESTORE_MARK, is_half_restored

_ROOM_KEPT_BYTES = 16 << 20


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only one who puts a backup back here.

    Raises: BackupError when another process does.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
        yield
    except BlockingIOError as exc:
        raise BackupError(f"{folder}: another restock-hub restore is at work here") from exc
    finally:
        os.close(handle)


def contents_of(sealed: SealedFile) -> Contents:
    """What is in a verified backup: each file in its size and order, read once without being kept.

    Raises: BackupError when list and files differ.
    """
    with sealed.reading() as kept, reading_parts(kept) as (contents, parts):
        found = [(name, sum(map(len, pieces))) for name, pieces in parts]
    if found != [(part.name, part.size_bytes) for part in contents.files]:
        raise BackupError("the backup's list and its files differ")
    return contents


def unpack(sealed: SealedFile, folder: Path, *, progress: Callable[[float], None] = lambda _: None) -> Path:
    """Every file into a folder beside the data, durable; what lay there of a restore that was cut off goes.

    `progress` hears the share that is written.
    Raises: BackupError when the disk has no room; nothing is left then.
    """
    staging = folder / RESTORE_FOLDER
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(mode=0o700)
        with sealed.reading() as kept, reading_parts(kept) as (contents, parts):
            _check_room(folder, contents)
            counted = _counting(contents.size_bytes, progress)
            for name, pieces in parts:
                _write(staging / name, counted(pieces))
    except OSError as exc:
        shutil.rmtree(staging, ignore_errors=True)
        raise BackupError(f"{folder}: the backup could not be unpacked ({exc.strerror}); nothing was changed") from exc
    except BackupError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return staging


def put_in_place(folder: Path, *, at: datetime) -> Path | None:
    """Let what was unpacked and checked take its place; what lay there is kept, and the folder it is in returned."""
    staging, aside = folder / RESTORE_FOLDER, None
    if present(folder):
        aside = folder / f"{REPLACED_PREFIX}{at:%Y%m%dT%H%M%SZ}"
    for each in sorted(staging.rglob("*"), reverse=True):
        if each.is_dir():
            flush(each)
    write_whole(staging / RESTORE_MARK, b"" if aside is None else aside.name.encode())
    return finish(folder)


def finish(folder: Path) -> Path | None:
    """Change the names, as far as that is not done: as often as it is cut off."""
    staging = folder / RESTORE_FOLDER
    mark = staging / RESTORE_MARK
    name = mark.read_text(encoding="utf-8")
    aside = folder / name if name else None
    moved = staging / "moved"  # says that what lies in the folder now is not what lay there before
    if not moved.exists():
        if aside is not None:
            aside.mkdir(mode=0o700, exist_ok=True)
            for old in present(folder):
                (folder / old).rename(aside / old)
            flush(aside)
        write_whole(moved, b"")
    for each in sorted(staging.iterdir()):
        if each.name not in {RESTORE_MARK, moved.name}:
            each.rename(folder / each.name)
    flush(folder)
    mark.unlink()
    shutil.rmtree(staging)
    flush(folder)
    return aside


def drop(folder: Path) -> None:
    """Throw away what was unpacked and does not fit."""
    if not is_half_restored(folder):
        shutil.rmtree(folder / RESTORE_FOLDER, ignore_errors=True)


def _counting(total_bytes: int, progress: Callable[[float], None]) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    """Passes pieces of several files on, and tells `progress` the share of all of them."""
    done_bytes = 0

    def counted(pieces: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done_bytes
        for piece in pieces:
            yield piece
            done_bytes += len(piece)
            progress(min(1.0, done_bytes / max(1, total_bytes)))

    return counted


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - the mode
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def _check_room(folder: Path, contents: Contents) -> None:
    free = shutil.disk_usage(folder).free
    if free < contents.size_bytes + _ROOM_KEPT_BYTES:
        needed = contents.size_bytes + _ROOM_KEPT_BYTES
        raise BackupError(f"{folder}: {needed >> 20} MiB are needed, and {free >> 20} MiB are free")
