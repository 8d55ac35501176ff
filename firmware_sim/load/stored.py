"""Consumers that keep what came in a file of their own, which is read when the run is over.

`HubStore` reads the SQLite store of Restock's hub by its published schema (tables `message` and `quarantine`), and
never writes. `Lines` reads what anything else wrote: one reading a line, as it came, with
`received_at` besides where the consumer knows it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from firmware_sim.listening import LinkError, WrongArgumentsError
from firmware_sim.load.heard import Heard, Told, epoch, told
from firmware_sim.load.link import Subscription, Wire
from firmware_sim.load.plan import Plan

_STOP_WITHIN_S = 300.0
_LOOK_AGAIN_S = 0.5


class HubStore:
    """Fulfils heard.Consumer. A reading that the hub keeps apart with its reason is not lost; it is counted there.

    A running hub keeps its store to itself. How far it has come is heard from its acknowledgements meanwhile; what it
    has is read when it has been stopped, which `say` asks for.
    """

    name = "hub"

    def __init__(
        self, store: Path, wire: Wire, plan: Plan, *, heard: Heard, run: str, epoch_s: float, say: Callable[[str], None]
    ) -> None:
        self._store = store
        self._wire = wire
        self._filter = f"restock/v1/{plan.home}/+/ack"
        self._client_id = f"sim-{run}-acks"
        self._heard = heard
        self._boots = (f"{run}-", f"{run}.")  # "." comes after "-": all boots of this run lie between
        self._epoch_s = epoch_s
        self._say = say
        self._acked: dict[tuple[str, str], int] = {}
        self._count = 0
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """See heard.Consumer.

        Raises: WrongArgumentsError where this is no hub's store.
        """
        try:
            await asyncio.to_thread(self._read)
        except sqlite3.Error as exc:
            if not _is_held(exc):
                raise WrongArgumentsError(f"--store {self._store}: cannot be read as a hub's store: {exc}") from exc
        self._subscription = await self._wire.listen([self._filter], self._hear, client_id=self._client_id)

    async def look(self) -> int | None:
        """See heard.Consumer: what the hub has acknowledged without a gap."""
        return self._count

    async def close(self) -> None:
        """See heard.Consumer.

        Raises: LinkError when the store cannot be read.
        """
        if self._subscription is not None:
            await self._subscription.close()
        stored, apart = await self._wait_and_read()
        for device, boot, seq, event_ms, received_ms in stored:
            words = Told(device, boot, seq, event_ms / 1_000)
            self._heard.file(words, heard_s=received_ms / 1_000 - self._epoch_s, epoch_s=self._epoch_s)
        for device, boot, seq, reason in apart:
            self._heard.kept_apart[reason] += 1
            self._heard.file(Told(device, boot, seq, self._epoch_s), heard_s=None, epoch_s=self._epoch_s)

    def _hear(self, topic: str, payload: bytes) -> None:  # noqa: ARG002 - the port's signature
        try:
            words = json.loads(payload)
        except ValueError:
            return
        match words:
            case {"device": str(device), "boot": str(boot), "seq": int(seq)} if boot.startswith(self._boots[0]):
                before = self._acked.get((device, boot), 0)
                self._acked[device, boot] = max(before, seq)
                self._count += max(0, seq - before)
            case _:
                pass

    async def _wait_and_read(self) -> tuple[list[Any], list[Any]]:
        told = False
        try:
            async with asyncio.timeout(_STOP_WITHIN_S):
                while True:
                    try:
                        return await asyncio.to_thread(self._read)
                    except sqlite3.Error as exc:
                        if not _is_held(exc):
                            raise LinkError(f"--store {self._store}: cannot be read: {exc}") from exc
                    if not told:
                        self._say(f"stop the hub now: {self._store} can be read when it has let go of it")
                    told = True
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            raise LinkError(f"--store {self._store}: the hub was not stopped within {_STOP_WITHIN_S:.0f} s") from None

    def _read(self) -> tuple[list[Any], list[Any]]:
        address = f"{self._store.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=0)) as hub:
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
        return stored, apart


def _is_held(exc: sqlite3.Error) -> bool:
    return exc.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


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
