"""Planted: the outbox is a TinyDB file, written as TinyDB writes: in place, flushed, then cut to its new length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

import apsw
from tinydb import TinyDB
from tinydb.storages import Storage

from edge_agent.adapters.store.orders import Orders, OutboxRow
from edge_agent.core.intent import IntentChange, IntentRecord
from edge_agent.core.messages import IntentId
from edge_agent.core.prompt import PromptChange

_FLAGS = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_MAIN_DB
_NUMBERED_FROM = 1_000_000  # what an older hub left in the table keeps its number
_NO_ROW = "CREATE TEMP TRIGGER IF NOT EXISTS elsewhere BEFORE INSERT ON main.outbox BEGIN SELECT raise(IGNORE); END"


class InPlaceStorage(Storage):
    """TinyDB's own JSONStorage, step by step, on the disk that SQLite uses: a simulated one is simulated here too."""

    def __init__(self, path: str) -> None:
        self._file = apsw.VFSFile("", path, [_FLAGS, 0])

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The whole document."""
        size = self._file.xFileSize()
        return json.loads(self._file.xRead(size, 0)) if size else None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Write over what is there, flush, cut off what is left of it."""
        serialized = json.dumps(data).encode()
        self._file.xWrite(serialized, 0)
        self._file.xSync(apsw.SQLITE_SYNC_NORMAL)
        self._file.xTruncate(len(serialized))

    def close(self) -> None:
        """Let the file go."""
        self._file.xClose()


class _Outbox:
    """The waiting orders in a file beside the store."""

    def __init__(self, orders: Orders) -> None:
        self._path = f"{orders._connection._path}-outbox.json"

    def add(self, intent: IntentRecord, body: bytes) -> None:
        with TinyDB(self._path, storage=InPlaceStorage) as waiting:
            waiting.insert({"intent": intent.id, "body": body.decode(), "at": intent.created_at.isoformat()})

    def rows(self, limit: int) -> list[OutboxRow]:
        with TinyDB(self._path, storage=InPlaceStorage) as waiting:
            return [
                OutboxRow(
                    id=_NUMBERED_FROM + one.doc_id,
                    intent=IntentId(one["intent"]),
                    body=one["body"].encode(),
                    attempts=one.get("attempts", 0),
                    last_error=None,
                    created_at=datetime.fromisoformat(one["at"]),
                )
                for one in waiting.all()[:limit]
            ]

    def tried(self, row: OutboxRow) -> None:
        with TinyDB(self._path, storage=InPlaceStorage) as waiting:
            waiting.update({"attempts": row.attempts + 1}, doc_ids=[row.id - _NUMBERED_FROM])

    def remove(self, row: OutboxRow) -> None:
        with TinyDB(self._path, storage=InPlaceStorage) as waiting:
            waiting.remove(doc_ids=[row.id - _NUMBERED_FROM])


@contextmanager
def planted() -> Iterator[None]:
    """Every order store keeps what waits for the bridge in its file, and no longer in its table."""
    approve, outbox, record_answer = Orders.approve, Orders.outbox, Orders.record_answer

    def approved(
        self: Orders, change: PromptChange, *, intent: IntentRecord, body: bytes, **others: object
    ) -> IntentRecord:
        self._connection.db.execute(_NO_ROW)
        made = approve(self, change, intent=intent, body=body, **others)
        _Outbox(self).add(intent, body)
        return made

    def answered(self: Orders, row: OutboxRow, change: IntentChange | None, *, taken: bool = False) -> None:
        record_answer(self, row, change, taken=taken)
        if row.id > _NUMBERED_FROM:
            _Outbox(self).remove(row)

    def tried(self: Orders, row: OutboxRow, *, error: str) -> None:
        if row.id > _NUMBERED_FROM:
            _Outbox(self).tried(row)

    def waiting(self: Orders, *, limit: int) -> list[OutboxRow]:
        return [*outbox(self, limit=limit), *_Outbox(self).rows(limit)][:limit]

    def claimed(self: Orders, row: OutboxRow, *, at: datetime) -> bool:
        return any(one.id == row.id for one in self.outbox(limit=1_000))

    with (
        patch.object(Orders, "approve", approved),
        patch.object(Orders, "record_answer", answered),
        patch.object(Orders, "record_attempt", tried),
        patch.object(Orders, "claim", claimed),
        patch.object(Orders, "outbox", waiting),
    ):
        yield
