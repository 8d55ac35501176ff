"""Everything that may cost money: prompts, leave, intents, outbox, status cursor, prices, audit.

Each public method is one transaction. The hand-over of an approval {prompt, authority, reservation, intent, outbox,
audit} is `approve`: all six are durable together, or none of them is.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

import apsw

from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.adapters.store.intents import insert_intent, select_intents, update_intent
from edge_agent.adapters.store.prompts import insert_prompt, select_prompts, update_prompt
from edge_agent.core import intent as intents
from edge_agent.core.audit import AuditRow, first_break, link
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, Price, PromptId
from edge_agent.core.prompt import PromptChange, PromptRecord
from edge_agent.core.terms import Terms, canonical
from edge_agent.errors import RefusedError, StoreCorruptError

_T = TypeVar("_T")

_LIVE_PROMPT = "state IN ('open', 'snoozed')"
_LIVE_INTENT = "state IN (" + ", ".join(f"'{state}'" for state in sorted(intents.LIVE)) + ")"
_STATUS_SOURCE = "bridge"
_SPENT = frozenset({IntentState.PLACED, IntentState.SHIPPED, IntentState.DELIVERED, IntentState.PARTLY_DELIVERED})
_RELEASED = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED, IntentState.REFUNDED})


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A body frozen at approval, on its way to the bridge."""

    id: int
    intent: IntentId
    body: bytes
    attempts: int
    last_error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """Who gave leave for an intent, and up to how much."""

    signer: str
    total_max_minor: int


class Orders:
    """Fulfils `ports.OrderStore`, and holds the outbox for the bridge adapter."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- prompts ---

    def live_prompt(self, item: ItemId) -> PromptRecord | None:
        """The prompt of this item that is open or snoozed."""
        return _only(select_prompts(self._connection.db, f"WHERE item = ? AND {_LIVE_PROMPT}", (item,)))

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""
        return _only(select_prompts(self._connection.db, "WHERE id = ?", (prompt,)))

    def last_prompt(self, item: ItemId) -> PromptRecord | None:
        """The newest prompt of an item, whatever its state."""
        return _only(select_prompts(self._connection.db, "WHERE item = ? ORDER BY created_ms DESC LIMIT 1", (item,)))

    def prompts(self, *, live: bool, limit: int) -> list[PromptRecord]:
        """Prompts, newest first."""
        where = f"WHERE {_LIVE_PROMPT} " if live else ""
        return select_prompts(self._connection.db, f"{where}ORDER BY created_ms DESC LIMIT ?", (limit,))

    def add_prompt(self, record: PromptRecord) -> None:
        """Store a new prompt; refused when the item has a live one or a live order."""
        with self._connection.transaction() as db:
            if select_intents(db, f"WHERE item = ? AND {_LIVE_INTENT}", (record.item,)):
                raise RefusedError(f"{record.item} already has an order under way")
            if select_prompts(db, f"WHERE item = ? AND {_LIVE_PROMPT}", (record.item,)):
                raise RefusedError(f"{record.item} already has an open prompt")
            insert_prompt(db, record)
            _audit(db, {"event": "prompt_opened", "prompt": record.id, "item": record.item, "terms": record.terms_hash})

    def change_prompt(self, change: PromptChange) -> PromptRecord:
        """Apply a change; raises RefusedError when the prompt has moved on meanwhile."""
        with self._connection.transaction() as db:
            _apply_prompt(db, change)
        return change.after

    # --- the hand-over ---

    def approve(
        self, change: PromptChange, *, intent: IntentRecord, terms: Terms, signature: bytes, body: bytes
    ) -> IntentRecord:
        """Prompt, authority, reservation, intent, outbox and audit in one transaction."""
        with self._connection.transaction() as db:
            _apply_prompt(db, change)
            insert_intent(db, intent)
            db.execute(
                "INSERT INTO authority (intent, prompt, kind, signer, terms, signature, nonce, granted_ms, "
                "not_after_ms) VALUES (?, ?, 'approval', ?, ?, ?, ?, ?, ?)",
                (
                    intent.id,
                    intent.prompt,
                    change.after.answered_by or "",
                    canonical(terms),
                    signature,
                    terms.nonce,
                    to_ms(intent.created_at),
                    to_ms(terms.offer_expires_at),
                ),
            )
            db.execute(
                "INSERT INTO reservation (intent, amount_minor, currency, state, changed_ms) "
                "VALUES (?, ?, ?, 'reserved', ?)",
                (intent.id, terms.total_max_minor, terms.currency, to_ms(intent.created_at)),
            )
            db.execute(
                "INSERT INTO outbox (intent, body, body_sha256, created_ms) VALUES (?, ?, ?, ?)",
                (intent.id, body, hashlib.sha256(body).hexdigest(), to_ms(intent.created_at)),
            )
            _audit(db, {"event": "approved", "intent": intent.id, "body": hashlib.sha256(body).hexdigest()})
        return intent

    # --- intents ---

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""
        return _only(select_intents(self._connection.db, "WHERE id = ?", (intent,)))

    def live_intent(self, item: ItemId) -> IntentRecord | None:
        """The order under way for this item."""
        return _only(select_intents(self._connection.db, f"WHERE item = ? AND {_LIVE_INTENT}", (item,)))

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The intent that a prompt led to."""
        return _only(select_intents(self._connection.db, "WHERE prompt = ?", (prompt,)))

    def last_intent(self, item: ItemId) -> IntentRecord | None:
        """The newest intent of an item, whatever its state."""
        return _only(select_intents(self._connection.db, "WHERE item = ? ORDER BY created_ms DESC LIMIT 1", (item,)))

    def intents(self, *, live: bool, limit: int) -> list[IntentRecord]:
        """Intents, newest first."""
        where = f"WHERE {_LIVE_INTENT} " if live else ""
        return select_intents(self._connection.db, f"{where}ORDER BY created_ms DESC LIMIT ?", (limit,))

    def change_intents(self, changes: Sequence[IntentChange], *, cursor: int | None) -> list[IntentRecord]:
        """Apply changes, and the status cursor with them, in one transaction."""
        with self._connection.transaction() as db:
            for change in changes:
                _apply_intent(db, change)
            if cursor is not None:
                db.execute(
                    "INSERT INTO cursor (source, seq) VALUES (?, ?) "
                    "ON CONFLICT (source) DO UPDATE SET seq = max(seq, excluded.seq)",
                    (_STATUS_SOURCE, cursor),
                )
        return [change.after for change in changes]

    def status_cursor(self) -> int:
        """The seq of the last order event that was applied."""
        row = self._connection.db.execute("SELECT seq FROM cursor WHERE source = ?", (_STATUS_SOURCE,)).fetchone()
        return 0 if row is None else cast("int", row[0])

    # --- outbox ---

    def outbox(self, *, limit: int) -> list[OutboxRow]:
        """What waits to be taken by the bridge, oldest first.

        Raises: StoreCorruptError when a body is not the one that was approved.
        """
        rows = self._connection.db.execute(
            "SELECT id, intent, body, body_sha256, attempts, last_error, created_ms FROM outbox ORDER BY id LIMIT ?",
            (limit,),
        )
        waiting = []
        for ident, intent, body, sha256, attempts, error, created_ms in cast(
            "Iterator[tuple[int, str, bytes, str, int, str | None, int]]", rows
        ):
            if hashlib.sha256(body).hexdigest() != sha256:
                raise StoreCorruptError(f"the body of intent {intent} is not the one that was approved")
            waiting.append(OutboxRow(ident, IntentId(intent), body, attempts, error, from_ms(created_ms)))
        return waiting

    def record_attempt(self, row: OutboxRow, *, error: str) -> None:
        """The bridge gave no usable answer: the row stays."""
        with self._connection.transaction() as db:
            db.execute("UPDATE outbox SET attempts = attempts + 1, last_error = ? WHERE id = ?", (error[:200], row.id))

    def record_answer(self, row: OutboxRow, change: IntentChange | None) -> None:
        """The bridge has answered for this intent: the row leaves, and the intent follows."""
        with self._connection.transaction() as db:
            if change is not None:
                _apply_intent(db, change)
            db.execute("DELETE FROM outbox WHERE id = ?", (row.id,))

    # --- prices ---

    def save_prices(self, prices: Sequence[Price]) -> None:
        """Append to the price history."""
        with self._connection.transaction() as db:
            db.executemany(
                "INSERT INTO price (item, merchant, sku, unit_price_minor, delivery_minor, currency, available, "
                "fetched_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (p.item, p.merchant, p.sku, p.unit_price_minor, p.delivery_minor, p.currency, p.available,
                     to_ms(p.fetched_at))
                    for p in prices
                ],
            )  # fmt: skip

    def prices(self, item: ItemId, *, limit: int) -> list[Price]:
        """Price history of one item, newest first."""
        rows = self._connection.db.execute(
            "SELECT item, merchant, sku, unit_price_minor, delivery_minor, currency, available, fetched_ms "
            "FROM price WHERE item = ? ORDER BY id DESC LIMIT ?",
            (item, limit),
        )
        return [
            Price(ItemId(i), merchant, sku, unit, delivery, currency, bool(available), from_ms(fetched_ms))
            for i, merchant, sku, unit, delivery, currency, available, fetched_ms in cast(
                "Iterator[tuple[str, str, str, int, int, str, int, int]]", rows
            )
        ]

    # --- audit ---

    def signers(self) -> dict[IntentId, Leave]:
        """The leave of every intent, read from the signed terms."""
        rows = self._connection.db.execute("SELECT intent, signer, terms FROM authority")
        return {
            IntentId(intent): Leave(signer=signer, total_max_minor=json.loads(terms)["total_max_minor"])
            for intent, signer, terms in cast("Iterator[tuple[str, str, bytes]]", rows)
        }

    def audit_break(self) -> int | None:
        """The seq of the first broken link of the audit chain; None when it is whole."""
        rows = self._connection.db.execute("SELECT seq, prev_hash, hash, event FROM audit ORDER BY seq")
        return first_break(AuditRow(*cast("tuple[int, str, str, str]", row)) for row in rows)

    def answers(self) -> dict[str, int]:
        """How often a person approved, snoozed and declined, from the audit log."""
        rows = self._connection.db.execute("SELECT json_extract(event, '$.event') FROM audit")
        counts = Counter(str(row[0]) for row in rows)
        return {name: counts[f"prompt_{name}"] for name in ("approve", "snooze", "decline")}


def _apply_prompt(db: apsw.Connection, change: PromptChange) -> None:
    if not update_prompt(db, change.after, seen_version=change.seen_version):
        raise RefusedError(f"prompt {change.after.id} was answered or changed meanwhile")
    by = change.after.answered_by or ""
    _audit(db, {"event": f"prompt_{change.event}", "prompt": change.after.id, "by": by})


def _apply_intent(db: apsw.Connection, change: IntentChange) -> None:
    after = change.after
    if not update_intent(db, after, seen_version=change.seen_version):
        raise RefusedError(f"intent {after.id} changed meanwhile")
    if after.state in _SPENT or after.state in _RELEASED:
        db.execute(
            "UPDATE reservation SET state = ?, amount_minor = ?, changed_ms = ? WHERE intent = ?",
            (
                "spent" if after.state in _SPENT else "released",
                after.charged_minor if after.charged_minor is not None else after.total_minor,
                to_ms(after.changed_at),
                after.id,
            ),
        )
    _audit(db, {"event": f"intent_{after.state}", "intent": after.id, "version": after.version})


def _audit(db: apsw.Connection, event: Mapping[str, str | int]) -> None:
    row = db.execute("SELECT seq, prev_hash, hash, event FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    previous = None if row is None else AuditRow(*cast("tuple[int, str, str, str]", row))
    following = link(previous, event)
    db.execute(
        "INSERT INTO audit (seq, prev_hash, hash, event) VALUES (?, ?, ?, ?)",
        (following.seq, following.prev_hash, following.hash, following.event),
    )


def _only(rows: list[_T]) -> _T | None:
    return rows[0] if rows else None
