"""The store as it lies there, without a byte being written: not even the side files that SQLite makes when it reads.

A store that was closed well is one file, and is read as one that nobody changes. One with a log beside it is copied
together with it, and the copy is read.
"""

from __future__ import annotations

import importlib.resources
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import apsw

from edge_agent.adapters.doctor.places import is_held
from edge_agent.adapters.sealing import has_secret, load_secret
from edge_agent.adapters.store.chain import Chain
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.set_aside import standing
from edge_agent.adapters.store.trust import high_water
from edge_agent.core.doctor import Finding, fine, note, problem
from edge_agent.errors import HubError
from edge_agent.folder import STORE_FILE

_BACK = 'Stop the hub and put a backup back: "When the store is damaged" in the operator\'s guide.'
_ROOM_TIMES = 1.2


@dataclass(slots=True)
class StoreSeen:
    """Whether a hub runs on the store, and the greatest time that the store knows."""

    is_held: bool = False
    high_water: datetime | None = None
    takes_rows: bool = False  # it is whole, of this program, and nobody holds it


class _AsItLies(Connection):
    """A store that is read and never written; `text` is how SQLite is to find it."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(path)
        self._text = text

    def open(self) -> Self:
        """Open, and change nothing."""
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        self._db = apsw.Connection(self._text, flags=flags)
        return self


def look_at_store(folder: Path, seen: StoreSeen) -> Iterator[Finding]:
    """Its integrity, its schema, the record of what was approved, and stores that were set aside."""
    store = folder / STORE_FILE
    for each in standing(folder):
        yield problem(each.text, str(folder), '"When the store is damaged" in the operator\'s guide.')
    if not store.exists():
        if has_secret(folder):
            yield problem("The store is gone, though this home was set up.", str(store), _BACK)
        else:
            yield note("No home was set up here yet.", str(store), "restock-hub setup, or restock-hub restore.")
        return
    seen.is_held = is_held(store)
    if seen.is_held:
        yield note(
            "The hub runs and holds its store, so what is in it was not read; the hub itself stops when it is damaged.",
            str(store),
            "For a full check stop the hub and run doctor again, or make a backup, which checks the copy.",
        )
        return
    try:
        with _as_it_lies(store) as connection:
            yield from _read(folder, store, connection, seen)
    except (apsw.Error, HubError, OSError) as exc:
        if is_held(store):
            seen.is_held = True
            yield note("The hub began while its store was read.", str(store), "Run doctor again.")
        else:
            yield problem(f"The store cannot be read ({exc}).", str(store), _BACK)


def _read(folder: Path, store: Path, connection: Connection, seen: StoreSeen) -> Iterator[Finding]:
    db = connection.db
    verdict = db.execute("PRAGMA quick_check(1)").get
    if verdict != "ok":
        yield problem(f"The store is damaged ({verdict}).", str(store), _BACK)
        return
    version, known = db.pragma("user_version"), _schemas()
    if version > known:
        yield problem(
            f"The store has schema {version}, this program knows {known}.", str(store), "Install the newer release."
        )
        return
    if version < known:
        yield note(f"The store has schema {version}; the next start brings it to {known}.", str(store))
        return
    seen.high_water = high_water(db)
    fault = Chain(connection, secret=load_secret(folder)).check() if has_secret(folder) else None
    if fault is not None:
        yield problem(fault.text, str(store), '"When nothing is sent" in the operator\'s guide.')
    else:
        seen.takes_rows = not _has_log(store)  # only the hub itself brings it home
        yield fine("The store and the record of what was approved are whole.", str(store))


@contextmanager
def _as_it_lies(store: Path) -> Iterator[Connection]:
    log = _log_of(store)
    if not _has_log(store):
        with _AsItLies(store, f"{store.resolve().as_uri()}?immutable=1") as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory(prefix="restock-doctor-") as place:
        needed = (store.stat().st_size + log.stat().st_size) * _ROOM_TIMES
        if shutil.disk_usage(place).free < needed:
            raise OSError(f"it was not closed well, and {place} has no room for a copy; start the hub once")
        for each in (store, log):
            shutil.copyfile(each, Path(place) / each.name)
        with Connection(Path(place) / store.name) as connection:
            yield connection


def _log_of(store: Path) -> Path:
    return store.with_name(f"{store.name}-wal")


def _has_log(store: Path) -> bool:
    """Whether it was not closed well."""
    log = _log_of(store)
    return log.exists() and log.stat().st_size > 0


def _schemas() -> int:
    folder = importlib.resources.files("edge_agent.adapters.store").joinpath("schema")
    return sum(entry.name.endswith(".sql") for entry in folder.iterdir())
