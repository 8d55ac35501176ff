"""The bridge's database: a SQLite file of its own, or a PostgreSQL server that several bridges share.

Work runs on a small pool of threads, each transaction on one connection: one thread for SQLite, where exactly one
connection writes and checkpoints, and a stated number for PostgreSQL. What differs between the two stands in
`sqlite` and `postgres`; what is asked of both is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, Self, TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from cloud_bridge.errors import StoreError
from cloud_bridge.store.postgres import PostgresServer
from cloud_bridge.store.sqlite import SqliteFile

Result = TypeVar("Result")


class Place(Protocol):
    """Where the tables are: opened once, closed once."""

    def open(self) -> Engine:
        """Check the settings that make a commit durable, migrate, and open for writing."""

    def open_reader(self) -> Engine:
        """Open for reading only, without a migration."""

    def close(self) -> None:
        """Let go of what `open` took beside the engine."""


class Database:
    """What a committed transaction wrote survives a power cut.

    `shared` says that other bridges may work in it at the same time. A commit whose answer got lost is a StoreError,
    too: then it may stand, and the fences of the next change find out.
    """

    def __init__(self, url: str, *, password: SecretStr | None = None, connections: int = 8) -> None:
        parsed = make_url(url)
        self.shared = parsed.get_backend_name() == "postgresql"
        workers = connections if self.shared else 1
        self._place: Place = (
            PostgresServer(parsed, password=password, connections=connections) if self.shared else SqliteFile(parsed)
        )
        self._engine: Engine | None = None
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="store")

    def open(self) -> Self:
        """Open, check and migrate.

        Raises: StoreError when the store is held by another bridge, damaged, not durable, or newer than this program.
        """
        try:
            self._engine = self._threads.submit(self._place.open).result()
        except BaseException:
            self.close()
            raise
        return self

    def open_reader(self) -> Self:
        """Open for reading only; the tables must be there.

        Raises: StoreError.
        """
        self._engine = self._place.open_reader()
        return self

    def close(self) -> None:
        """End what runs, close, and let the place go."""
        self._threads.shutdown()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self._place.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction: all of it is durable when this returns, or none of it.

        Raises: StoreError.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)

    async def look(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work`, which asks one thing and changes nothing: on a server without a transaction around it.

        One statement is one transaction by itself there; begin and commit would be two more questions.

        Raises: StoreError.
        """
        if not self.shared:
            return await self.transact(work)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, work)

    def _look(self, work: Callable[[Connection], Result]) -> Result:
        if self._engine is None:
            raise StoreError("the store is not open")
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                return work(connection)
        except SQLAlchemyError as exc:
            raise StoreError(f"the store failed: {exc}") from exc

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        if self._engine is None:
            raise StoreError("the store is not open")
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as exc:
            raise StoreError(f"the store failed: {exc}") from exc
