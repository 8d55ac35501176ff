"""Consumers that keep what came in a file of their own, which is read when the run is over.

`HubStore` reads the SQLite store of Restock's hub by its published schema (tables `message`, `quarantine` and
`message_summary`), and never writes. `Lines` reads what anything else wrote: one reading a line, as it came, with
`received_at` besides where the consumer knows it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from firmware_sim.listening import LinkError, WrongArgumentsError
from firmware_sim.load.heard import Heard, Told, epoch, told

_BUSY_S = 10.0


class HubStore:
    """Fulfils heard.Consumer. A reading that the hub keeps apart with its reason is not lost; it is counted there."""

    name = "hub"

    def __init__(self, store: Path, *, heard: Heard, run: str, epoch_s: float) -> None:
        self._store = store
        self._heard = heard
        self._boots = (f"{run}-", f"{run}.")  # "." comes after "-": all boots of this run lie between
        self._epoch_s = epoch_s
        self._before = 0

    async def open(self) -> None:
        """See heard.Consumer.

        Raises: WrongArgumentsError where this is no hub's store.
        """
        self._before = await asyncio.to_thread(self._newest)

    async def look(self) -> int | None:
        """See heard.Consumer: messages that came since the run began."""
        return await asyncio.to_thread(self._newest) - self._before

    async def close(self) -> None:
        """See heard.Consumer."""
        stored, apart = await asyncio.to_thread(self._read)
        for device, boot, seq, event_ms, received_ms in stored:
            words = Told(device, boot, seq, event_ms / 1_000)
            self._heard.file(words, heard_s=received_ms / 1_000 - self._epoch_s, epoch_s=self._epoch_s)
        for device, boot, seq, reason in apart:
            self._heard.kept_apart[reason] += 1
            self._heard.file(Told(device, boot, seq, self._epoch_s), heard_s=None, epoch_s=self._epoch_s)

    def _newest(self) -> int:
        """How many messages the hub has stored or kept apart in its life."""
        try:
            with closing(self._connection()) as hub:
                [[count]] = hub.execute(
                    "SELECT (SELECT coalesce(max(id), 0) FROM message) + (SELECT coalesce(max(id), 0) FROM quarantine)"
                )
        except sqlite3.Error as exc:
            raise WrongArgumentsError(f"--store {self._store}: cannot be read as a hub's store: {exc}") from exc
        return int(count)

    def _read(self) -> tuple[list[Any], list[Any]]:
        try:
            with closing(self._connection()) as hub:
                stored = hub.execute(
                    "SELECT device, boot, seq, event_ms, received_ms FROM message WHERE seq IS NOT NULL"
                    " AND boot >= ? AND boot < ?",
                    self._boots,
                ).fetchall()
                apart = hub.execute(
                    "SELECT device, boot, seq, reason FROM quarantine WHERE seq IS NOT NULL"
                    " AND reason <> 'sequence_conflict' AND boot >= ? AND boot < ?",
                    self._boots,
                ).fetchall()
        except sqlite3.Error as exc:
            raise LinkError(f"--store {self._store}: cannot be read: {exc}") from exc
        return stored, apart

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._store.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)


class Lines:
    """Fulfils heard.Consumer for a file to which a consumer appends."""

    name = "lines"

    def __init__(self, store: Path, *, heard: Heard, run: str, epoch_s: float) -> None:
        self._store = store
        self._heard = heard
        self._mark = f'"{run}-'.encode()
        self._epoch_s = epoch_s
        self._at = 0
        self._count = 0

    async def open(self) -> None:
        """See heard.Consumer. The file may come about later."""
        if self._store.is_dir():
            raise WrongArgumentsError(f"--store {self._store}: a file is wanted, not a folder")

    async def look(self) -> int | None:
        """See heard.Consumer: lines of this run, with repeated ones."""
        self._count += sum(self._mark in line for line in self._new())
        return self._count

    async def close(self) -> None:
        """See heard.Consumer."""
        self._at = 0
        for line in self._new():
            try:
                words = json.loads(line)
            except ValueError:
                self._heard.foreign += 1
                continue
            reading = told(words)
            if reading is None:
                self._heard.foreign += 1
                continue
            self._heard.file(reading, heard_s=self._received_s(words), epoch_s=self._epoch_s)

    def _new(self) -> Iterator[bytes]:
        """Whole lines that nobody has read yet."""
        try:
            with self._store.open("rb") as lines:
                lines.seek(self._at)
                for line in lines:
                    if not line.endswith(b"\n"):
                        return
                    self._at += len(line)
                    yield line
        except FileNotFoundError:
            return
        except OSError as exc:
            raise LinkError(f"--store {self._store}: cannot be read: {exc}") from exc

    def _received_s(self, words: dict[str, Any]) -> float | None:
        try:
            return epoch(words["received_at"]) - self._epoch_s
        except (KeyError, TypeError, ValueError):
            return None
