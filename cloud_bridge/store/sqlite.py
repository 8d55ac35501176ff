"""A SQLite file of one bridge: lock, durability, migrations.

Exactly one connection writes and checkpoints, on a thread of its own, and a lock file keeps a second bridge away:
SQLite before 3.51.3 can damage a WAL that two connections reset at once. A reader (the report) opens the file
read-only and may do so while the bridge runs.
"""

from __future__ import annotations

import fcntl
import functools
import os
from pathlib import Path
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from cloud_bridge.errors import StoreError
from cloud_bridge.store.before_migration import keep_before_migration
from cloud_bridge.store.migrating import migrate, older

_WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
_LOCK_SUFFIX = ".lock"
_WRITERS_KEPT = 4


class SqliteFile:
    """A file in WAL mode with synchronous=FULL, held by one process."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._path = Path(url.database or "")
        self._lock_fd: int | None = None

    def open(self) -> Engine:
        """Lock, open, check, and migrate; an older file is copied before it is changed.

        Raises: StoreError when the file is held by another bridge, damaged, newer than this program, or older and
        cannot be copied.
        """
        self._lock_fd = _lock(self._path)
        engine = _writer(self._url)
        try:
            with engine.begin() as connection:
                self._check(connection)
                before = older(connection)
            if before is not None:
                keep_before_migration(engine, self._path, revision=before)
            with engine.begin() as connection:
                migrate(connection)
        except (SQLAlchemyError, CommandError) as exc:
            engine.dispose()
            raise StoreError(f"{self._path} cannot be used: {exc}") from exc
        except StoreError:
            engine.dispose()
            raise
        self._path.chmod(0o600)
        return engine

    def open_reader(self) -> Engine:
        """Open for reading only.

        Raises: StoreError when the file does not exist.
        """
        if not self._path.exists():
            raise StoreError(f"{self._path} does not exist: run the bridge or `restock-bridge migrate` first")
        return _engine(URL.create("sqlite", database=f"file:{self._path}", query={"mode": "ro", "uri": "true"}))

    def close(self) -> None:
        """Let the file go."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _check(self, connection: Connection) -> None:
        for name, wanted in _WANTED_PRAGMAS.items():
            found = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            if found != wanted:
                raise StoreError(f"{self._path}: {name} is {found}, and {wanted} is wanted")
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise StoreError(f"{self._path} is damaged ({verdict}): restore a backup; nothing was sent")


def _lock(path: Path) -> int:
    try:
        fd = os.open(f"{path}{_LOCK_SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreError(f"{path}: cannot be opened ({exc.strerror})") from exc
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(fd)
        raise StoreError(f"{path} is held by another bridge: stop that one first") from exc
    return fd


@functools.lru_cache(maxsize=_WRITERS_KEPT)
def _writer(url: URL) -> Engine:
    """For one who holds the lock. It is kept for a file that is opened again, with the statements it has compiled."""
    engine = _engine(url)
    event.listen(engine, "do_connect", functools.partial(_stay_relative, url.database or ""))
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _engine(url: URL) -> Engine:
    # An error's text goes into the log, and what an order is about must not: it goes without the statement's values.
    return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True)


def _stay_relative(path: str, _dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """Connect to the file that is locked: SQLAlchemy has made the path absolute when the engine was new."""
    arguments[:] = [path]


def _configure(dbapi_connection: Any, _record: object) -> None:  # noqa: ANN401  sqlite3's own type
    # The driver would begin transactions by itself, and late: `_begin_immediate` does it instead.
    dbapi_connection.isolation_level = None
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA trusted_schema=OFF",
        "PRAGMA secure_delete=ON",
        "PRAGMA busy_timeout=2000",
        "PRAGMA journal_size_limit=16777216",
    ):
        dbapi_connection.execute(statement)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
