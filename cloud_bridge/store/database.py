"""The one connection to the bridge's SQLite file: lock, durability, migrations, transactions.

Exactly one connection writes and checkpoints, on a thread of its own, and a lock file keeps a second bridge away:
SQLite before 3.51.3 can damage a WAL that two connections reset at once. A reader (the report) opens the file
read-only and may do so while the bridge runs.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import alembic.command
import alembic.config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from cloud_bridge.errors import StoreError

Result = TypeVar("Result")

_WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}
_LOCK_SUFFIX = ".lock"


class Database:
    """SQLite in WAL mode with synchronous=FULL: what a committed transaction wrote survives a power cut.

    Raises: StoreError when the file is held by another bridge, damaged, or newer than this program.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._engine: Engine | None = None
        self._lock_fd: int | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    def open(self) -> Self:
        """Lock, open, check and migrate."""
        self._lock_fd = _lock(_path(self._url))
        try:
            self._engine = self._thread.submit(_open_writer, self._url).result()
        except BaseException:
            self.close()
            raise
        return self

    def open_reader(self) -> Self:
        """Open for reading only; the file must exist."""
        path = _path(self._url)
        if not path.exists():
            raise StoreError(f"{path} does not exist: run the bridge or `restock-bridge migrate` first")
        url = URL.create("sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        self._engine = _engine(url)
        return self

    def close(self) -> None:
        """Checkpoint, close and let the file go."""
        self._thread.shutdown()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction: all of it is durable when this returns, or none of it.

        Raises: StoreError.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        if self._engine is None:
            raise StoreError("the store is not open")
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as exc:
            raise StoreError(f"the store failed: {exc}") from exc


def _path(url: URL) -> Path:
    return Path(url.database or "")


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


def _engine(url: URL) -> Engine:
    # An error's text goes into the log, and what an order is about must not: it goes without the statement's values.
    return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, hide_parameters=True)


def _open_writer(url: URL) -> Engine:
    engine = _engine(url)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            _check(connection, url)
            _migrate(connection)
    except (SQLAlchemyError, CommandError) as exc:
        engine.dispose()
        raise StoreError(f"{_path(url)} cannot be used: {exc}") from exc
    except StoreError:
        engine.dispose()
        raise
    _path(url).chmod(0o600)
    return engine


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


def _check(connection: Connection, url: URL) -> None:
    for name, wanted in _WANTED_PRAGMAS.items():
        found = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        if found != wanted:
            raise StoreError(f"{_path(url)}: {name} is {found}, and {wanted} is wanted")
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if verdict != "ok":
        raise StoreError(f"{_path(url)} is damaged ({verdict}): restore a backup; nothing was sent")


def _migrate(connection: Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", "cloud_bridge:migrations")
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
