"""Bodies frozen at approval, on their way to the bridge, and the wishes to have an order back.

A row is claimed, durably, before its first byte leaves. Until then an order that a person wants back is simply
cancelled here; afterwards only the bridge can say whether it is too late, so the wish is kept until it has. While it
stands the body does not leave again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.adapters.store.intents import apply_intent
from edge_agent.core import intent as intents
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.said import say
from edge_agent.core.state_words import word
from edge_agent.errors import BugError, RefusedError, StoreCorruptError

_WITH_THE_BRIDGE = frozenset({IntentState.APPROVED, IntentState.HELD})
_ENDED = "(SELECT id FROM intent WHERE state IN ('cancelled', 'rejected', 'expired'))"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A body frozen at approval, on its way to the bridge."""

    id: int
    intent: IntentId
    body: bytes
    attempts: int
    last_error: str | None
    created_at: datetime


def insert_body(db: apsw.Connection, intent: IntentRecord, body: bytes, *, terms: bytes) -> None:
    """Freeze a body for the bridge, and say in the audit log which one, and on which signed `terms`."""
    sha256 = hashlib.sha256(body).hexdigest()
    db.execute(
        "INSERT INTO outbox (intent, body, body_sha256, created_ms) VALUES (?, ?, ?, ?)",
        (intent.id, body, sha256, to_ms(intent.created_at)),
    )
    told = {"event": "approved", "intent": intent.id, "body": sha256, "terms": hashlib.sha256(terms).hexdigest()}
    chain.append(db, told | {"prompt": intent.prompt, "at": intent.created_at.isoformat()})


def select_outbox(db: apsw.Connection, *, limit: int) -> list[OutboxRow]:
    """What waits, oldest first.

    Raises: StoreCorruptError when a body is not the one that was approved.
    """
    rows = db.execute(
        "SELECT id, intent, body, body_sha256, attempts, last_error, created_ms FROM outbox ORDER BY id LIMIT ?",
        (limit,),
    )
    waiting = []
    for ident, intent, body, sha256, attempts, error, created_ms in cast(
        "Iterator[tuple[int, str, bytes, str, int, str | None, int]]", rows
    ):
        if hashlib.sha256(body).hexdigest() != sha256:
            raise StoreCorruptError(say("the body of intent {intent} is not the one that was approved", intent=intent))
        waiting.append(OutboxRow(ident, IntentId(intent), body, attempts, error, from_ms(created_ms)))
    return waiting


def claim_row(db: apsw.Connection, row: OutboxRow, *, at: datetime) -> bool:
    """Mark that this body is about to leave, and when; False where the order is wanted back or has ended.

    The body of an order that has ended goes. Rows go by their intent: the number of one that went may be given to the
    next.
    """
    db.execute(f"DELETE FROM outbox WHERE intent = ? AND intent IN {_ENDED}", (row.intent,))  # noqa: S608
    db.execute(
        "UPDATE outbox SET claimed_ms = ? WHERE intent = ? AND intent NOT IN (SELECT intent FROM cancel_wish)",
        (to_ms(at), row.intent),
    )
    return db.changes() == 1


def note_attempt(db: apsw.Connection, row: OutboxRow, *, error: str) -> None:
    """It was sent, and nobody said what became of it."""
    db.execute("UPDATE outbox SET attempts = attempts + 1, last_error = ? WHERE intent = ?", (error[:200], row.intent))


def delete_body(db: apsw.Connection, intent: IntentId) -> None:
    """The bridge has answered for it, so it leaves no more."""
    db.execute("DELETE FROM outbox WHERE intent = ?", (intent,))


def take_back(
    db: apsw.Connection, record: IntentRecord, *, by: str, at: datetime, why: str | None = None
) -> IntentRecord:
    """Cancel an order whose body was never taken; otherwise keep the wish. `why`: it is this hub's own.

    Raises: RefusedError when the order is past both.
    """
    if record.state not in _WITH_THE_BRIDGE:
        raise RefusedError(
            say("order {id} is {state}: it can no longer be taken back", id=record.id, state=word(record.state))
        )
    if why is not None:
        record = _withdrawn(db, record, why=why)
    db.execute("DELETE FROM outbox WHERE intent = ? AND claimed_ms IS NULL", (record.id,))
    if db.changes() == 1:
        return _cancel(db, record, at=at)
    db.execute(
        "INSERT INTO cancel_wish (intent, wished_by, wished_ms) VALUES (?, ?, ?) ON CONFLICT (intent) DO NOTHING",
        (record.id, by, to_ms(at)),
    )
    chain.append(db, {"event": "cancel_wished", "intent": record.id, "by": by})
    return record


def select_wishes(db: apsw.Connection, *, limit: int) -> list[IntentId]:
    """Orders that are wanted back and not answered for, oldest first."""
    rows = db.execute("SELECT intent FROM cancel_wish ORDER BY wished_ms, intent LIMIT ?", (limit,))
    return [IntentId(str(row[0])) for row in rows]


def end_wish(db: apsw.Connection, intent: IntentId) -> None:
    """The bridge has answered."""
    db.execute("DELETE FROM cancel_wish WHERE intent = ?", (intent,))


def _withdrawn(db: apsw.Connection, record: IntentRecord, *, why: str) -> IntentRecord:
    after = replace(record, version=record.version + 1, withdrawn_for=why)
    apply_intent(db, IntentChange(record.version, after))
    return after


def _cancel(db: apsw.Connection, record: IntentRecord, *, at: datetime) -> IntentRecord:
    change = intents.step(record, IntentState.CANCELLED, at=at, detail=intents.CANCELLED_BY_HOUSEHOLD)
    if change is None:
        raise BugError(f"order {record.id} is {record.state} and cannot be cancelled")
    apply_intent(db, change)
    return change.after
