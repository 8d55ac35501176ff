"""Recalls in the store: what was filed, what was done about it, and who was told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import cast

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.messages import ItemId
from edge_agent.core.recall import Done, Recall, What


class SqliteRecalls:
    """Fulfils `pipeline.recalls.RecallStore`. Every call is one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, recall: Recall) -> bool:
        """Keep a recall, with a line of the audit log; False: it was filed before."""
        with self._connection.transaction() as db:
            if db.execute("SELECT 1 FROM recall WHERE id = ?", (recall.id,)).get is not None:
                return False
            until = None if recall.until is None else recall.until.isoformat()
            db.execute(
                "INSERT INTO recall (id, gtin14, batch, until, text, source, filed_by, filed_ms) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (recall.id, recall.gtin14, recall.batch, until, recall.text, recall.source, recall.filed_by,
                 to_ms(recall.filed_at)),
            )  # fmt: skip
            chain.append(db, {"event": "recall_filed", "recall": recall.id, "by": recall.filed_by})
        return True

    def all(self, *, limit: int) -> list[Recall]:
        """What was filed, newest first."""
        rows = self._connection.db.execute(
            "SELECT id, gtin14, batch, until, text, source, filed_by, filed_ms FROM recall "
            "ORDER BY filed_ms DESC, id LIMIT ?",
            (limit,),
        )
        return [
            Recall(ident, gtin14, batch, None if until is None else date.fromisoformat(until), text, source, by,
                   from_ms(at_ms))
            for ident, gtin14, batch, until, text, source, by, at_ms in cast(
                "Iterator[tuple[str, str, str, str | None, str, str, str, int]]", rows
            )
        ]  # fmt: skip

    def done(self) -> dict[tuple[str, ItemId], Done]:
        """What was done last, by recall and item."""
        rows = self._connection.db.execute("SELECT recall, item, what, done_by, done_ms FROM recall_done")
        return {
            (recall, ItemId(item)): Done(recall, ItemId(item), what, by, from_ms(at_ms))
            for recall, item, what, by, at_ms in cast("Iterator[tuple[str, str, What, str, int]]", rows)
        }

    def put_done(self, done: Done) -> None:
        """Keep what was done, with a line of the audit log."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO recall_done (recall, item, what, done_by, done_ms) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (recall, item) DO UPDATE SET what = excluded.what, done_by = excluded.done_by, "
                "done_ms = excluded.done_ms",
                (done.recall, done.item, done.what, done.by, to_ms(done.at)),
            )
            told: dict[str, str | int] = {"event": "recall_done", "recall": done.recall, "item": done.item}
            chain.append(db, told | {"what": done.what, "by": done.by})

    def told(self) -> frozenset[tuple[str, str]]:
        """Who was told of which: (recall, person)."""
        rows = self._connection.db.execute("SELECT recall, person FROM recall_told")
        return frozenset(cast("Iterator[tuple[str, str]]", rows))

    def put_told(self, recall: str, *, person: str, channel: str, at: datetime) -> None:
        """A channel took the message."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO recall_told (recall, person, channel, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (recall, person, channel, to_ms(at)),
            )
