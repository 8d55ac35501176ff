"""A copy of a SQLite store as it was, made before its tables are changed: what a return to the older program needs.

Rules of this file:
- Without a whole copy there is no migration: it is written under another name, flushed, and only then renamed.
- One copy is kept, that of the newest migration. It lies beside the store, closed to other users, and nothing reads it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path

from sqlalchemy import Engine

from cloud_bridge.errors import StoreError

log = logging.getLogger(__name__)

_PART = ".part"


def keep_before_migration(engine: Engine, path: Path, *, revision: str) -> Path:
    """Copy the open store to `path` with `.schema-REVISION` after it; returns that. No transaction may be open.

    Raises: StoreError when the copy cannot be made, as on a disk without room for it.
    """
    copy = path.with_name(f"{path.name}.schema-{revision}")
    try:
        _write(engine, copy)
        for earlier in path.parent.glob(f"{path.name}.schema-*"):
            if earlier != copy:
                earlier.unlink()
    except (sqlite3.Error, OSError) as exc:
        raise StoreError(
            f"{path} is of an older version, and {copy.name} could not be written beside it ({exc}): free as much room "
            "on the disk as the store takes; until then it stays as it is and nothing is sent"
        ) from exc
    log.info("store_copied revision=%s name=%s", revision, copy.name)
    return copy


def _write(engine: Engine, copy: Path) -> None:
    part = copy.with_name(copy.name + _PART)
    part.unlink(missing_ok=True)  # of a start that was cut short
    try:
        # SQLAlchemy would begin a transaction, and none may be open.
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("VACUUM INTO ?", (str(part),))
        finally:
            raw.close()
        part.chmod(0o600)
        _flush(part)
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    _flush(copy.parent)


def _flush(place: Path) -> None:
    fd = os.open(place, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
