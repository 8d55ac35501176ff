"""A copy of the store as it was, made before another schema: what a return to the older program needs.

Rules of this file:
- Without a whole copy there is no migration: it is written under another name, flushed, and only then renamed.
- One copy is kept, that of the newest migration. It lies beside the store, closed to other users, and nothing reads it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import apsw

from edge_agent.adapters.secret_file import flush
from edge_agent.errors import StoreFailedError

log = logging.getLogger(__name__)

_PART = ".part"
_OF_THE_DISK = (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)


def keep_before_migration(db: apsw.Connection, path: Path, *, schema: int) -> Path:
    """Copy the open store, which has `schema` and no transaction, to `path` with `.schema-N` after it; returns that.

    Raises: StoreFailedError when the copy cannot be made, as on a disk without room for it. Damage is not caught here.
    """
    copy = path.with_name(f"{path.name}.schema-{schema}")
    try:
        _write(db, copy)
        for older in path.parent.glob(f"{path.name}.schema-*"):
            if older != copy:
                older.unlink()
    except (*_OF_THE_DISK, OSError) as exc:
        raise StoreFailedError(
            f"{path} is of an older version, and {copy.name} could not be written beside it ({exc}): free as much room "
            "on the disk as the store takes; until then it stays as it is and nothing is sent"
        ) from exc
    log.info("store_copied schema=%d name=%s", schema, copy.name)
    return copy


def _write(db: apsw.Connection, copy: Path) -> None:
    part = copy.with_name(copy.name + _PART)
    part.unlink(missing_ok=True)  # of a start that was cut short
    try:
        db.execute("VACUUM INTO ?", (str(part),))
        part.chmod(0o600)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    flush(copy.parent)
