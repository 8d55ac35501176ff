"""The one connection to the hub's SQLite store: opening, durability, migrations, transactions.

Exactly one connection writes and checkpoints, held for the life of the process under an exclusive lock, so a second
hub on the same folder is refused. All callers run on the event loop's thread and never await inside a transaction.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import apsw

from edge_agent.errors import StoreBusyError, StoreCorruptError, StoreFailedError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LIBRARY_VERSION_MIN = (3, 51, 3)  # earlier ones can corrupt a WAL that two connections reset at once


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return (at - _EPOCH) // _MILLISECOND


def from_ms(at_ms: int) -> datetime:
    """Aware UTC from milliseconds since 1970."""
    return _EPOCH + at_ms * _MILLISECOND


class Connection:
    """SQLite in WAL mode with synchronous=FULL: what a committed transaction wrote survives a power cut.

    Raises: StoreBusyError when another process holds the file; StoreCorruptError when it fails its check.
    """

    def __init__(self, path: Path, *, busy_timeout_ms: int = 2_000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._db: apsw.Connection | None = None

    def open(self) -> Self:
        """Open, lock, check and migrate."""
        if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < _LIBRARY_VERSION_MIN:
            raise StoreCorruptError(f"SQLite {apsw.sqlite_lib_version()} is too old for this store")
        db = apsw.Connection(str(self._path))
        try:
            db.set_busy_timeout(self._busy_timeout_ms)
            _configure(db)
            _check(db, self._path)
            _migrate(db)
        except apsw.BusyError as exc:
            db.close()
            raise StoreBusyError(f"{self._path} is held by another process: stop the other hub first") from exc
        except (apsw.NotADBError, apsw.CorruptError) as exc:
            db.close()
            raise StoreCorruptError(f"{self._path} is damaged: restore a backup; nothing was sent") from exc
        self._path.chmod(0o600)
        self._db = db
        return self

    def close(self) -> None:
        """Checkpoint and let the file go."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def db(self) -> apsw.Connection:
        """The open connection, for reads outside a transaction."""
        if self._db is None:
            raise StoreBusyError(f"{self._path} is not open")
        return self._db

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """One immediate transaction: all of it is durable when the block ends, or none of it.

        Raises: StoreFailedError when the disk is full or fails; nothing of the block is kept then.
        """
        db = self.db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except (apsw.FullError, apsw.IOError, apsw.ReadOnlyError) as exc:
            _roll_back(db)
            raise StoreFailedError(f"{self._path} cannot be written ({exc}): free or mend the disk") from exc
        except BaseException:
            _roll_back(db)
            raise


def _roll_back(db: apsw.Connection) -> None:
    if db.in_transaction:  # SQLite has already done it after some failures
        db.execute("ROLLBACK")


def _configure(db: apsw.Connection) -> None:
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA foreign_keys=ON")
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA secure_delete=ON")
    db.execute("PRAGMA journal_size_limit=16777216")
    db.execute("PRAGMA cache_size=-1024")  # KiB: the working set of a home is small


def _check(db: apsw.Connection, path: Path) -> None:
    verdict = db.execute("PRAGMA quick_check(1)").get
    if verdict != "ok":
        raise StoreCorruptError(f"{path} is damaged ({verdict}): restore a backup; nothing was sent")


def _migrate(db: apsw.Connection) -> None:
    version: int = db.pragma("user_version")
    folder = importlib.resources.files("edge_agent.adapters.store").joinpath("schema")
    steps = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    if version > len(steps):
        raise StoreCorruptError(f"the store has schema {version}, this program knows {len(steps)}: upgrade it")
    for number, entry in enumerate(steps[version:], start=version + 1):
        with db:
            db.execute(entry.read_text(encoding="utf-8"))
            db.pragma("user_version", number)
