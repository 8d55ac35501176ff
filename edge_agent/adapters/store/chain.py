"""The audit chain in the store: rows, the sealed end, and the checkpoint that old rows are folded into.

Rules of this file:
- Whoever appends does so in the transaction of what the event tells; `ChainSeal` moves the sealed end in that same
  transaction, and only from an end that was right when the transaction began. What somebody else has added to the
  chain, or cut from it, is never sealed by going on.
- The whole chain is read once a process. After that only what came since: nobody else can write while the lock is held.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import cast

import apsw

from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.connection import Connection
from edge_agent.core.leave.audit import ORIGIN, AuditRow, Followed, Link, follow, sealed_checkpoint, sealed_end
from edge_agent.core.leave.audit import append as next_row
from edge_agent.core.leave.record import Excerpt
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.core.said import Opening, Said, say

ROWS_MAX = 20_000
_SALT_BYTES = 16
_SEALED_SINCE = 3  # the schema that brought `audit_end`


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    end: Link
    counts: Mapping[str, int]
    mac: str


def append(db: apsw.Connection, event: Mapping[str, str | int]) -> None:
    """Add one event to the chain, inside the transaction of what it tells."""
    row = next_row(_last(db), event, salt=secrets.token_hex(_SALT_BYTES))
    db.execute(
        "INSERT INTO audit (seq, prev_hash, hash, event) VALUES (?, ?, ?, ?)",
        (row.seq, row.prev_hash, row.hash, row.event),
    )


class ChainSeal:
    """Keeps the end of the chain under the household's secret. A part of every transaction (`Connection`)."""

    def __init__(self, secret: HouseholdSecret) -> None:
        self._secret = secret
        self._before: Link | None = None

    def begin(self, db: apsw.Connection) -> None:
        """Remember the end, if it is the sealed one."""
        end = _last(db)
        self._before = end if _sealed_end(db) == (end, self._secret.seal(sealed_end(end))) or _is_new(db) else None

    def commit(self, db: apsw.Connection) -> None:
        """Seal what was added in this transaction."""
        end = _last(db)
        if self._before is None or end == self._before:
            return
        db.execute(
            "INSERT INTO audit_end (only, seq, hash, mac) VALUES (1, ?, ?, ?) ON CONFLICT (only) DO UPDATE SET "
            "seq = excluded.seq, hash = excluded.hash, mac = excluded.mac",
            (end.seq, end.hash, self._secret.seal(sealed_end(end))),
        )

    def migrated(self, db: apsw.Connection, *, schema: int) -> None:
        """Seal the chain of a store that was made before ends were sealed, if it is whole."""
        if schema == _SEALED_SINCE and _follow(db, ORIGIN).broken_at is None:
            end = _last(db)
            db.execute(
                "INSERT INTO audit_end (only, seq, hash, mac) VALUES (1, ?, ?, ?)",
                (end.seq, end.hash, self._secret.seal(sealed_end(end))),
            )


class Chain:
    """Checks, counts and folds the chain."""

    def __init__(self, connection: Connection, *, secret: HouseholdSecret) -> None:
        self._connection = connection
        self._secret = secret
        self._verified: Link | None = None
        self._fault: SafetyProblem | None = None

    def check(self) -> SafetyProblem | None:
        """What is wrong with the chain: all of it the first time, then what came since. A fault stays one."""
        if self._fault is None:
            with self._connection.reading():
                self._fault = self._find_fault()
        return self._fault

    def record(self, event: Mapping[str, str | int]) -> None:
        """Add one event that stands for itself."""
        with self._connection.transaction() as db:
            append(db, event)

    def event_counts(self) -> Counter[str]:
        """How many events of each kind there ever were, folded ones too."""
        rows = self._connection.db.execute("SELECT json_extract(event, '$.event'), count(*) FROM audit GROUP BY 1")
        counts = Counter(dict(cast("Iterator[tuple[str, int]]", rows)))
        checkpoint = _checkpoint(self._connection.db)
        return counts if checkpoint is None else counts + Counter(checkpoint.counts)

    def excerpt(self, *, intent: IntentId, prompt: PromptId) -> Excerpt:
        """The chain from the first row about an order or its question on; of one without rows, its end."""
        with self._connection.reading() as db:
            found = db.execute(
                "SELECT seq FROM audit WHERE event ->> 'intent' = ? OR event ->> 'prompt' = ?",
                (intent, prompt),
            )
            own = frozenset(cast("int", row[0]) for row in found)
            if not own:
                return Excerpt(_last(db), (), own)
            kept = db.execute("SELECT seq, prev_hash, hash, event FROM audit WHERE seq >= ? ORDER BY seq", (min(own),))
            rows = tuple(AuditRow(*cast("tuple[int, str, str, str]", row)) for row in kept)
        return Excerpt(Link(rows[0].seq - 1, rows[0].prev_hash), rows, own)

    def fold(self, *, rows_max: int = ROWS_MAX) -> int:
        """Fold the older half of a chain that has become longer than `rows_max`; returns how many rows went.

        Only a chain without a fault is folded.
        """
        count = cast("int", self._connection.db.execute("SELECT count(*) FROM audit").get)
        if count <= rows_max or self.check() is not None:
            return 0
        with self._connection.transaction() as db:
            seq, last_hash = cast(
                "tuple[int, str]",
                db.execute("SELECT seq, hash FROM audit ORDER BY seq LIMIT 1 OFFSET ?", (count // 2 - 1,)).fetchone(),
            )
            folded = _count(db, upto_seq=seq)
            earlier = _checkpoint(db)
            self._write_checkpoint(db, Link(seq, last_hash), folded + Counter(earlier.counts if earlier else {}))
            for event in _still_asked_for(db, upto_seq=seq):
                append(db, event)
            db.execute("DELETE FROM audit WHERE seq <= ?", (seq,))
            append(db, {"event": "audit_folded", "upto": seq, "hash": last_hash})
        return count // 2

    def _find_fault(self) -> SafetyProblem | None:
        start = self._start()
        if start is None:
            return _broken(say("the record of older orders does not bear the household's mark"))
        followed = _follow(self._connection.db, start)
        if followed.broken_at is not None:
            return _broken(say("the audit log is broken at entry {number}", number=followed.broken_at))
        fault = self._compare_end(followed.end)
        if fault is None:
            self._verified = followed.end
        return fault

    def _start(self) -> Link | None:
        """Where to read on: after what was verified, or after the checkpoint; None where that was tampered with."""
        db = self._connection.db
        checkpoint = _checkpoint(db)
        if checkpoint is not None and not compare_digest(
            checkpoint.mac, self._secret.seal(sealed_checkpoint(checkpoint.end, checkpoint.counts))
        ):
            return None
        origin = ORIGIN if checkpoint is None else checkpoint.end
        if self._verified is None or self._verified.seq <= origin.seq:
            return origin
        still = db.execute("SELECT hash FROM audit WHERE seq = ?", (self._verified.seq,)).get
        return self._verified if still == self._verified.hash else origin

    def _compare_end(self, end: Link) -> SafetyProblem | None:
        db = self._connection.db
        found = _sealed_end(db)
        if found is None:
            return None if _is_new(db) else _truncated(say("nothing tells how long the audit log was"))
        sealed, mac = found
        if not compare_digest(mac, self._secret.seal(sealed_end(sealed))):
            return _broken(say("the end of the audit log does not bear the household's mark"))
        if end.seq < sealed.seq:
            return _truncated(say("the audit log ends at entry {number}, it had {had}", number=end.seq, had=sealed.seq))
        return None if end == sealed else _broken(_added_to(sealed.seq))

    def _write_checkpoint(self, db: apsw.Connection, end: Link, counts: Mapping[str, int]) -> None:
        db.execute(
            "INSERT INTO audit_checkpoint (only, seq, hash, counts, mac) VALUES (1, ?, ?, ?, ?) "
            "ON CONFLICT (only) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, counts = excluded.counts, "
            "mac = excluded.mac",
            (end.seq, end.hash, json.dumps(dict(counts)), self._secret.seal(sealed_checkpoint(end, counts))),
        )


def _follow(db: apsw.Connection, start: Link) -> Followed:
    rows = db.execute("SELECT seq, prev_hash, hash, event FROM audit WHERE seq > ? ORDER BY seq", (start.seq,))
    return follow(start, (AuditRow(*cast("tuple[int, str, str, str]", row)) for row in rows))


def _last(db: apsw.Connection) -> Link:
    """The end of the chain as it stands."""
    row = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return ORIGIN if row is None else Link(*cast("tuple[int, str]", row))


def _sealed_end(db: apsw.Connection) -> tuple[Link, str] | None:
    row = db.execute("SELECT seq, hash, mac FROM audit_end").fetchone()
    if row is None:
        return None
    seq, end_hash, mac = cast("tuple[int, str, str]", row)
    return Link(seq, end_hash), mac


def _checkpoint(db: apsw.Connection) -> _Checkpoint | None:
    row = db.execute("SELECT seq, hash, counts, mac FROM audit_checkpoint").fetchone()
    if row is None:
        return None
    seq, end_hash, counts, mac = cast("tuple[int, str, str, str]", row)
    return _Checkpoint(end=Link(seq, end_hash), counts=json.loads(counts), mac=mac)


def _is_new(db: apsw.Connection) -> bool:
    """Whether nothing was ever asked here: no event, no end, no prompt."""
    return all(
        db.execute(f"SELECT 1 FROM {table} LIMIT 1").get is None  # noqa: S608 - names of this line
        for table in ("audit", "audit_end", "audit_checkpoint", "prompt", "intent")
    )


def _count(db: apsw.Connection, *, upto_seq: int) -> Counter[str]:
    rows = db.execute(
        "SELECT json_extract(event, '$.event'), count(*) FROM audit WHERE seq <= ? GROUP BY 1", (upto_seq,)
    )
    return Counter(dict(cast("Iterator[tuple[str, int]]", rows)))


def _still_asked_for(db: apsw.Connection, *, upto_seq: int) -> list[dict[str, str | int]]:
    """Folded events that the log is still asked for: it names the policy that holds."""
    is_policy = "json_extract(event, '$.event') = 'policy_set'"
    row = db.execute(f"SELECT seq, event FROM audit WHERE {is_policy} ORDER BY seq DESC LIMIT 1").fetchone()  # noqa: S608
    if row is None or cast("int", row[0]) > upto_seq:
        return []
    return [json.loads(cast("str", row[1])) | {"again": 1}]


def _added_to(seq: int) -> Said:
    return say("the audit log was added to after entry {number}", number=seq)


def _broken(what: Said) -> SafetyProblem:
    return SafetyProblem(SafetyCode.CHAIN_BROKEN, _what_to_do(what))


def _truncated(what: Said) -> SafetyProblem:
    return SafetyProblem(SafetyCode.CHAIN_TRUNCATED, _what_to_do(what))


def _what_to_do(what: Said) -> Said:
    return say(
        "{what}: nothing is sent; stop the hub, keep a copy of its folder, and restore the last backup that is whole.",
        what=Opening(what),
    )
