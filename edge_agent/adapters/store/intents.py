"""Intents in the store: rows in, records out. `core.intent` decides what may change; the money follows here."""

from __future__ import annotations

from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store import chain, ledger
from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.core.intent import LIVE, IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.said import say
from edge_agent.errors import RefusedError

LIVE_INTENT = "state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"

_COLUMNS = (
    "id, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, created_ms, changed_ms, "
    "merchant_order_id, charged_minor, detail, handoff_url, arrived_ms"
)
_SELECT = f"SELECT {_COLUMNS} FROM intent "  # noqa: S608 - a constant of this module
_INSERT = f"INSERT INTO intent ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608

# A part of it was bought, and how much of its price came back nobody has said: all of it stays spent.
_PARTLY_BACK = frozenset(
    (IntentState.PARTLY_DELIVERED, after) for after in (IntentState.CANCELLED, IntentState.REFUNDED)
)


def select_intents(db: apsw.Connection, where: str, bindings: tuple[object, ...]) -> list[IntentRecord]:
    """The intents that fit `where`, a constant clause of the caller."""
    return [_record(row) for row in db.execute(_SELECT + where, cast("apsw.Bindings", bindings))]


def insert_intent(db: apsw.Connection, record: IntentRecord) -> None:
    """Add one; the schema refuses a second live intent of an item."""
    db.execute(_INSERT, _row(record))


def update_intent(db: apsw.Connection, record: IntentRecord, *, seen_version: int) -> bool:
    """Write the changed fields if `seen_version` still stands; whether it did."""
    db.execute(
        "UPDATE intent SET state = ?, version = ?, changed_ms = ?, merchant_order_id = ?, charged_minor = ?, "
        "detail = ?, handoff_url = ?, arrived_ms = ? WHERE id = ? AND version = ?",
        (
            record.state,
            record.version,
            to_ms(record.changed_at),
            record.merchant_order_id,
            record.charged_minor,
            record.detail,
            record.handoff_url,
            _optional_ms(record.arrived_at),
            record.id,
            seen_version,
        ),
    )
    return db.changes() == 1


def apply_intent(db: apsw.Connection, change: IntentChange) -> None:
    """Write a change, what it does to the money, and its audit event.

    Raises: RefusedError when the intent has moved on meanwhile.
    """
    after = change.after
    before = db.execute("SELECT state FROM intent WHERE id = ?", (after.id,)).get
    if not update_intent(db, after, seen_version=change.seen_version):
        raise RefusedError(say("this order changed meanwhile"))
    if (before, after.state) not in _PARTLY_BACK:
        ledger.follow(db, after)
    chain.append(db, _told(after))


def _told(after: IntentRecord) -> dict[str, str | int]:
    """What the audit log says of a step: with what the merchant told by then, so that it cannot be changed later."""
    known = {"order_number": after.merchant_order_id, "charged_minor": after.charged_minor, "detail": after.detail}
    return {
        "event": f"intent_{after.state}",
        "intent": after.id,
        "version": after.version,
        "at": from_ms(to_ms(after.changed_at)).isoformat(),
        **{name: value for name, value in known.items() if value is not None},
    }


def _optional_ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def _row(record: IntentRecord) -> tuple[str | int | float | None, ...]:
    return (
        record.id,
        record.prompt,
        record.item,
        record.state,
        record.version,
        record.merchant,
        record.quantity,
        record.amount,
        record.total_minor,
        record.currency,
        to_ms(record.created_at),
        to_ms(record.changed_at),
        record.merchant_order_id,
        record.charged_minor,
        record.detail,
        record.handoff_url,
        _optional_ms(record.arrived_at),
    )


def _record(row: tuple[object, ...]) -> IntentRecord:
    (ident, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, created_ms, changed_ms,
     order_id, charged_minor, detail, handoff_url, arrived_ms) = cast(
        "tuple[str, str, str, str, int, str, int, float, int, str, int, int, str | None, int | None, str | None, "
        "str | None, int | None]", row
    )  # fmt: skip
    return IntentRecord(
        id=IntentId(ident),
        prompt=PromptId(prompt),
        item=ItemId(item),
        state=IntentState(state),
        version=version,
        merchant=merchant,
        quantity=quantity,
        amount=amount,
        total_minor=total_minor,
        currency=currency,
        created_at=from_ms(created_ms),
        changed_at=from_ms(changed_ms),
        merchant_order_id=order_id,
        charged_minor=charged_minor,
        detail=detail,
        handoff_url=handoff_url,
        arrived_at=None if arrived_ms is None else from_ms(arrived_ms),
    )
