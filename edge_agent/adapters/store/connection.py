"""The one connection to the hub's SQLite store: opening, durability, migrations, transactions.

Exactly one connection writes and checkpoints, held for the life of the process under an exclusive lock, so a second
hub on the same folder is refused. All callers run on the event loop's thread and never await inside a transaction.
"""

from __future__ import annotations

import importlib.resources
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, Self

import apsw

from edge_agent.errors import (
    FailClosedError,
    StoreBusyError,
    StoreCorruptError,
    StoreFailedError,
    StoreMalformedError,
    StoreNewerError,
    StoreUnreadableError,
)
from edge_agent.ports import CrashHook, CrashPoint, no_crash

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LIBRARY_VERSION_MIN = (3, 51, 3)  # earlier ones can corrupt a WAL that two connections reset at once
BeforeMigrating = Callable[[apsw.Connection, int], object]  # the open store and its schema
DISK_ERRORS = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CorruptError, apsw.NotADBError)  # also of reads
_WAL_PAGES_MAX = 1_000  # then it is checkpointed


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return (at - _EPOCH) // _MILLISECOND


def from_ms(at_ms: int) -> datetime:
    """Aware UTC from milliseconds since 1970."""
    return _EPOCH + at_ms * _MILLISECOND


class TransactionPart(Protocol):
    """Something that belongs to every transaction, whoever began it."""

    def begin(self, db: apsw.Connection) -> None:
        """Called when the transaction has begun."""

    def commit(self, db: apsw.Connection) -> None:
        """Called before it is committed; what is written here is part of it."""

    def migrated(self, db: apsw.Connection, *, schema: int) -> None:
        """Called in each transaction that brings an older store to the next schema, with the number of that."""


class Connection:
    """SQLite in WAL mode with synchronous=FULL: what a committed transaction wrote survives a power cut.

    `failure` is what went wrong with the last transaction that wrote, until one succeeds; damage stays.
    `before_migrating` is called once when an older store is to be brought to this program's schema.

    Raises: StoreBusyError when another process holds the file; StoreCorruptError when it fails its check;
    StoreNewerError when a newer program has migrated it; StoreFailedError when the disk fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        parts: Sequence[TransactionPart] = (),
        busy_timeout_ms: int = 2_000,
        crash_hook: CrashHook = no_crash,
        before_migrating: BeforeMigrating = lambda _db, _schema: None,
    ) -> None:
        self._path = path
        self._before_migrating = before_migrating
        self._parts = parts
        self._busy_timeout_ms = busy_timeout_ms
        self._crash_hook = crash_hook
        self._db: apsw.Connection | None = None
        self._is_damaged = False
        self.failure: str | None = None

    def open(self) -> Self:
        """Open, lock, check and migrate.

        Raises: StoreBusyError; StoreMalformedError when SQLite cannot read the file, StoreUnreadableError when it
        cannot be opened; StoreNewerError when its schema is unknown; StoreCorruptError, StoreFailedError for the rest.
        """
        if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < _LIBRARY_VERSION_MIN:
            raise StoreCorruptError(f"SQLite {apsw.sqlite_lib_version()} is too old for this store")
        try:
            db = apsw.Connection(str(self._path))
        except (apsw.CantOpenError, apsw.IOError) as exc:
            raise _unreadable(self._path, exc) from exc
        try:
            db.set_busy_timeout(self._busy_timeout_ms)
            _configure(db)
            _check(db, self._path)
            _migrate(db, self._parts, self._crash_hook, before_migrating=self._before_migrating)
            db.set_wal_hook(self._checkpoint)
        except apsw.BusyError as exc:
            _let_go(db)
            raise StoreBusyError(f"{self._path} is held by another process: stop the other hub first") from exc
        except (apsw.NotADBError, apsw.CorruptError) as exc:
            _let_go(db)
            raise _damaged(self._path) from exc
        except (apsw.IOError, apsw.CantOpenError) as exc:
            _let_go(db)
            raise _unreadable(self._path, exc) from exc
        except (apsw.FullError, apsw.ReadOnlyError) as exc:
            _let_go(db)
            raise _failed(self._path, exc) from exc
        except FailClosedError:
            _let_go(db)
            raise
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

        Raises: StoreFailedError when the disk is full or fails; nothing of the block is kept then. StoreCorruptError
        when the file is damaged.
        """
        db = self.db
        changes = db.total_changes()
        try:
            db.execute("BEGIN IMMEDIATE")
            for part in self._parts:
                part.begin(db)
            yield db
            for part in self._parts:
                part.commit(db)
            has_written = db.total_changes() > changes
            db.execute("COMMIT")
        except (apsw.FullError, apsw.IOError, apsw.ReadOnlyError) as exc:
            _roll_back(db)
            raise self._noted(_failed(self._path, exc)) from exc
        except (apsw.NotADBError, apsw.CorruptError) as exc:
            _roll_back(db)
            raise self._noted(_damaged(self._path)) from exc
        except BaseException:
            _roll_back(db)
            raise
        if has_written and not self._is_damaged:
            self.failure = None

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Reads outside a transaction, with the same errors.

        Raises: StoreFailedError, StoreCorruptError.
        """
        try:
            yield self.db
        except (apsw.FullError, apsw.IOError, apsw.ReadOnlyError) as exc:
            raise self._noted(_failed(self._path, exc)) from exc
        except (apsw.NotADBError, apsw.CorruptError) as exc:
            raise self._noted(_damaged(self._path)) from exc

    def _noted(self, error: FailClosedError) -> FailClosedError:
        self.failure = str(error)
        self._is_damaged = self._is_damaged or isinstance(error, StoreCorruptError)
        return error

    def _checkpoint(self, db: apsw.Connection, name: str, pages: int) -> int:
        """After each commit: bring a long log home, as SQLite would by itself. Its failure is not the commit's."""
        if pages >= _WAL_PAGES_MAX:
            try:
                db.wal_checkpoint(name)
            except (apsw.FullError, apsw.IOError, apsw.BusyError) as exc:
                log.warning("checkpoint_failed error=%s; the log grows until it can be done", exc)
            self._crash_hook(CrashPoint.CHECKPOINTED)
        return apsw.SQLITE_OK


def _failed(path: Path, exc: apsw.Error) -> StoreFailedError:
    return StoreFailedError(f"{path} cannot be written ({exc}): free or mend the disk; until then nothing is sent")


def _unreadable(path: Path, exc: apsw.Error) -> StoreUnreadableError:
    return StoreUnreadableError(f"{path} cannot be opened ({exc}): mend the disk or the file's owner; nothing is sent")


def _damaged(path: Path) -> StoreMalformedError:
    return StoreMalformedError(f"{path} is damaged: restart the hub, then put a backup back; nothing is sent")


def _newer(version: int, *, known: int) -> StoreNewerError:
    return StoreNewerError(
        f"the store has schema {version}, this program knows {known}: install the newer program again, or put the copy "
        'back that was made before the upgrade ("Going back" in the installation guide); nothing was changed'
    )


def _let_go(db: apsw.Connection) -> None:
    """Close a store that was refused as it is: its log is not brought home into a file that may be damaged."""
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.close()


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
        raise StoreMalformedError(f"{path} is damaged ({verdict}): put a backup back; nothing is sent")


def _migrate(
    db: apsw.Connection,
    parts: Sequence[TransactionPart],
    crash_hook: CrashHook,
    *,
    before_migrating: BeforeMigrating,
) -> None:
    """Bring the schema up to date, one transaction a step; what an older store lacks for it comes with the step."""
    version: int = db.pragma("user_version")
    folder = importlib.resources.files("edge_agent.adapters.store").joinpath("schema")
    steps = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    if version > len(steps):
        raise _newer(version, known=len(steps))
    if 0 < version < len(steps):
        before_migrating(db, version)
    for number, entry in enumerate(steps[version:], start=version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute(entry.read_text(encoding="utf-8"))
            db.pragma("user_version", number)
            if version > 0:
                for part in parts:
                    part.migrated(db, schema=number)
            crash_hook(CrashPoint.MIGRATING)
            db.execute("COMMIT")
        except BaseException:
            _roll_back(db)
            raise
