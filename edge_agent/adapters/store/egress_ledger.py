"""The ledger of what left the home: one row a message, written before its first byte, each linked to the one before.

The newest bodies are kept byte by byte, so that the household can read what was sent; of older ones only size and
digest stay, and the oldest rows go. A row that was edited or taken from the middle is found by `broken_at`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

import apsw

from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.leave.audit import GENESIS, ORIGIN, AuditRow, Link, append, follow
from edge_agent.core.overview import EgressRow
from edge_agent.ports import Clock

_FIELDS = "id, at_ms, purpose, recipient, method, path, size_bytes, sha256"
_SELECT = f"SELECT {_FIELDS}"
_INSERT = f"INSERT INTO egress ({_FIELDS}, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_Fields = tuple[int, int, str, str, str, str, int, str]


class EgressLedger:
    """Fulfils `web.parts.Ledger`. The newest `rows_max` messages are known, the newest `bodies_max` word for word."""

    def __init__(
        self, connection: Connection, *, clock: Clock, rows_max: int = 50_000, bodies_max: int = 2_000
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._rows_max = rows_max
        self._bodies_max = bodies_max

    def write_down(self, *, purpose: str, recipient: str, method: str, path: str, body: bytes) -> None:
        """Make durable what is about to be sent."""
        digest = hashlib.sha256(body).hexdigest()
        told = (to_ms(self._clock.now()), purpose, recipient, method, path, len(body), digest)
        with self._connection.transaction() as db:
            before = _last(db)
            row = append(before, _event((before.seq + 1, *told)))
            db.execute(_INSERT, (row.seq, *told, body, row.prev_hash, row.hash))
            db.execute("UPDATE egress SET body = NULL WHERE id = ?", (row.seq - self._bodies_max,))
            db.execute("DELETE FROM egress WHERE id <= ?", (row.seq - self._rows_max,))

    def rows(self, *, limit: int, before_id: int | None) -> Sequence[EgressRow]:
        """Messages, newest first; those older than `before_id` where one is given. Without bodies."""
        rows = self._connection.db.execute(
            _SELECT + ", NULL FROM egress WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2", (before_id, limit)
        )
        return [_record(row) for row in rows]

    def row(self, row: int) -> EgressRow | None:
        """One message with its body."""
        found = self._connection.db.execute(_SELECT + ", body FROM egress WHERE id = ?", (row,)).fetchone()
        return None if found is None else _record(found)

    def broken_at(self) -> int | None:
        """The first row that does not follow from the one before it; None when the ledger is whole.

        Rows from before the ledger was linked are not looked at.
        """
        rows = self._connection.db.execute(
            _SELECT + ", prev_hash, hash FROM egress "  # noqa: S608 - a constant of this module
            "WHERE id >= (SELECT min(id) FROM egress WHERE hash IS NOT NULL) ORDER BY id"
        )
        start: Link | None = None
        for row in rows:
            linked = _as_link(row)
            followed = follow(start or Link(linked.seq - 1, linked.prev_hash), [linked])
            if followed.broken_at is not None:
                return followed.broken_at
            start = followed.end
        return None


def _last(db: apsw.Connection) -> Link:
    row = db.execute("SELECT id, coalesce(hash, ?) FROM egress ORDER BY id DESC LIMIT 1", (GENESIS,)).fetchone()
    return ORIGIN if row is None else Link(*cast("tuple[int, str]", row))


def _event(fields: _Fields) -> dict[str, str | int]:
    """What a row says, for the chain."""
    return dict(zip(_FIELDS.split(", "), fields, strict=True))


def _as_link(row: tuple[object, ...]) -> AuditRow:
    *told, prev_hash, row_hash = row
    fields = cast("_Fields", tuple(told))
    return AuditRow(
        seq=fields[0], prev_hash=str(prev_hash), hash=str(row_hash), event=append(ORIGIN, _event(fields)).event
    )


def _record(row: tuple[object, ...]) -> EgressRow:
    ident, at_ms, purpose, recipient, method, path, size_bytes, sha256, body = cast(
        "tuple[int, int, str, str, str, str, int, str, bytes | None]", row
    )
    return EgressRow(
        id=ident,
        at=from_ms(at_ms),
        purpose=purpose,
        recipient=recipient,
        method=method,
        path=path,
        size_bytes=size_bytes,
        sha256=sha256,
        body=body,
    )
