"""Readings that the household wants gone: of one device, or from before a day.

A message whose rows go stays known by its number, so that a late redelivery does not bring it back. Orders, leave, what
people said and the audit log stay: they say what was bought and who allowed it. Rows go a few at a time, each part in
one transaction of its own, so that readings come in meanwhile; SQLite overwrites their bytes (`secure_delete`).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import cast

import apsw

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.core.holdings import ForgettingNow, Forgotten
from edge_agent.core.messages import DeviceId
from edge_agent.core.said import say
from edge_agent.errors import RefusedError, StoreFailedError

log = logging.getLogger(__name__)

_AT_ONCE = 1_000
_STRETCH = 10  # parts inside a request: a second or two on a slow card

_RUNS = """
INSERT INTO message_summary (device, boot, first_seq, last_seq)
    SELECT device, boot, min(seq), max(seq) FROM (
        SELECT device, boot, seq, seq - row_number() OVER (PARTITION BY device, boot ORDER BY seq) AS run
        FROM message WHERE id IN (SELECT value FROM json_each(?)) AND seq IS NOT NULL
    ) GROUP BY device, boot, run
"""
_UNNUMBERED = """
INSERT INTO unsequenced_summary (device, messages)
    SELECT device, count(*) FROM message WHERE id IN (SELECT value FROM json_each(?)) AND seq IS NULL GROUP BY device
ON CONFLICT (device) DO UPDATE SET messages = messages + excluded.messages
"""
Values = Mapping[str, str | int]
_Take = Callable[[apsw.Connection, str, Values], Forgotten | None]


@dataclass(frozen=True, slots=True)
class _Step:
    """Rows of one sort to take away, some at a time; `table` is where those that are left are counted."""

    take: _Take
    table: str
    where: str
    values: Values


@dataclass(slots=True)
class _Job:
    """A deletion that was asked for: what is left to do, and what went. `noted` rows stand in the audit log already."""

    told: Values
    steps: list[_Step]
    gone: Forgotten = field(default_factory=Forgotten)
    noted: int = 0
    has_trouble: bool = False


class Forgetting:
    """Fulfils the pages' `Forgetting`. One line of the audit log says how many rows went, never what was in them.

    A deletion begins in the request that asked for it; what is not done after `stretch` parts is done by `go_on`. It is
    remembered in memory only: after a restart what is gone is gone, and whoever wants the rest gone asks again.

    `store` is the file of the store: copies of it that upgrades left beside it go too. `midnight` is when a day begins
    at home.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        midnight: Callable[[date], datetime],
        store: Path | None = None,
        stretch: int = _STRETCH,
    ) -> None:
        self._connection = connection
        self._midnight = midnight
        self._store = store
        self._stretch = stretch
        self._job: _Job | None = None
        self._busy = asyncio.Lock()

    async def before(self, day: date, *, by: str) -> Forgotten:
        """Readings from before the day begins at home; sums of days (by UTC) that end before it.

        Raises: RefusedError while another deletion is under way; StoreFailedError, and it is tried again by `go_on`.
        """
        before = {"at": to_ms(self._midnight(day))}
        steps = [
            _Step(_take_messages, "reading", "event_ms < :at", before),
            _Step(_take_apart, "quarantine", "received_ms < :at", before),
            _Step(_take_sums, "reading_summary", "day < :day", {"day": day.isoformat()}),
        ]
        return await self._begin(_Job({"before": day.isoformat(), "by": by}, steps))

    async def of_device(self, device: DeviceId, *, by: str) -> Forgotten:
        """All readings of one device.

        Raises: RefusedError while another deletion is under way; StoreFailedError, and it is tried again by `go_on`.
        """
        takes = ((_take_messages, "reading"), (_take_apart, "quarantine"), (_take_sums, "reading_summary"))
        of_it = {"device": str(device)}
        steps = [_Step(take, table, "device = :device", of_it) for take, table in takes]
        return await self._begin(_Job({"device": str(device), "by": by}, steps))

    def now(self) -> ForgettingNow | None:
        """The deletion that is under way, with what it has still to take."""
        job = self._job
        if job is None:
            return None
        before, device = job.told.get("before"), job.told.get("device")
        return ForgettingNow(
            before=None if before is None else date.fromisoformat(str(before)),
            device=None if device is None else str(device),
            gone=job.gone.rows,
            left=sum(self._left(step) for step in job.steps),
            has_trouble=job.has_trouble,
        )

    async def go_on(self) -> None:
        """Do what is left of the deletion that is under way, if there is one.

        Raises: StoreFailedError; it may be called again.
        """
        if self._job is not None and not self._busy.locked():
            await self._work(self._job, parts_max=None)

    async def _begin(self, job: _Job) -> Forgotten:
        if self._job is not None:
            raise RefusedError(say("readings are being deleted already: wait until that is done"))
        self._job = job
        await self._work(job, parts_max=self._stretch)
        return replace(job.gone, is_done=self._job is not job)

    async def _work(self, job: _Job, *, parts_max: int | None) -> None:
        async with self._busy:
            job.has_trouble = True  # until this stretch has come to its end
            self._connection.db.execute("PRAGMA secure_delete = ON")
            parts = 0
            while job.steps and (parts_max is None or parts < parts_max):
                self._take(job)
                parts += 1
                await asyncio.sleep(0)
            if not job.steps:
                self._finish()
            self._note(job)
            job.has_trouble = False
            if not job.steps:
                self._job = None

    def _take(self, job: _Job) -> None:
        step = job.steps[0]
        with self._connection.transaction() as db:
            part = step.take(db, step.where, step.values)
        if part is None:
            del job.steps[0]
        else:
            job.gone += part

    def _finish(self) -> None:
        """Copies of the store hold the same rows, and so does the log of writes until it is brought home."""
        try:
            for copy in copies(self._store):
                copy.unlink(missing_ok=True)
                log.info("store_copy_removed name=%s", copy.name)
        except OSError as exc:
            raise StoreFailedError(f"a copy of the store could not be removed ({exc.strerror})") from exc
        with suppress(apsw.BusyError):
            self._connection.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def _note(self, job: _Job) -> None:
        if job.steps and job.gone.rows == job.noted:
            return
        with self._connection.transaction() as db:
            chain.append(db, {"event": "readings_forgotten", "rows": job.gone.rows - job.noted, **job.told})
        job.noted = job.gone.rows

    def _left(self, step: _Step) -> int:
        text = f"SELECT count(*) FROM {step.table} WHERE {step.where}"  # noqa: S608 - constants
        return cast("int", self._connection.db.execute(text, step.values).get)


def copies(store: Path | None) -> list[Path]:
    """Copies of the store that upgrades left beside it."""
    return [] if store is None else sorted(store.parent.glob(f"{store.name}.schema-*"))


def _take_messages(db: apsw.Connection, where: str, values: Values) -> Forgotten | None:
    going = _chosen(db, "message", where, values)
    if going is None:
        return None
    for statement in (_RUNS, _UNNUMBERED):
        db.execute(statement, (going,))
    db.execute("DELETE FROM reading WHERE message_id IN (SELECT value FROM json_each(?))", (going,))
    readings = db.changes()
    db.execute("DELETE FROM message WHERE id IN (SELECT value FROM json_each(?))", (going,))
    return Forgotten(readings=readings)


def _take_apart(db: apsw.Connection, where: str, values: Values) -> Forgotten | None:
    going = _chosen(db, "quarantine", where, values)
    if going is None:
        return None
    db.execute("DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?))", (going,))
    return Forgotten(kept_apart=db.changes())


def _take_sums(db: apsw.Connection, where: str, values: Values) -> Forgotten | None:
    some = f"SELECT device, signal, unit, day FROM reading_summary WHERE {where} LIMIT {_AT_ONCE}"  # noqa: S608 - constants
    db.execute(f"DELETE FROM reading_summary WHERE (device, signal, unit, day) IN ({some})", values)  # noqa: S608 - constants
    return Forgotten(day_sums=db.changes()) if db.changes() else None


def _chosen(db: apsw.Connection, table: str, where: str, values: Values) -> str | None:
    """The ids of the next rows to go, as a JSON array; None: there are none."""
    rows = db.execute(f"SELECT id FROM {table} WHERE {where} LIMIT {_AT_ONCE}", values)  # noqa: S608 - constants
    ids = [row[0] for row in rows]
    return json.dumps(ids) if ids else None
