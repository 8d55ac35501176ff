"""Intents in the store: rows in, records out. `core.intent` decides what may change; the money follows here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast

import apsw

from edge_agent.adapters.store import chain, ledger
from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.core.intent import LIVE, IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.order_facts import OrderFacts
from edge_agent.core.said import say
from edge_agent.errors import RefusedError

LIVE_INTENT = "state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"

_COLUMNS = (
    "id, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, created_ms, changed_ms, "
    "merchant_order_id, charged_minor, detail, handoff_url, arrived_ms, ordered_quantity, "
    "delivered_quantity, returned_quantity, refunded_minor, substitute_sku, expected_on, tracking_url, delivered_ms, "
    "returned_ms, problem_word, withdrawn_for"
)
_SELECT = f"SELECT {_COLUMNS} FROM intent "  # noqa: S608 - a constant of this module
_INSERT = f"INSERT INTO intent ({_COLUMNS}) VALUES ({', '.join('?' * (_COLUMNS.count(',') + 1))})"  # noqa: S608
_CHANGED = _COLUMNS.split(", ")[11:]  # from `changed_ms` on, beside state and version
_UPDATE = f"UPDATE intent SET state = ?, version = ?, {' = ?, '.join(_CHANGED)} = ? WHERE id = ? AND version = ?"  # noqa: S608


def select_intents(db: apsw.Connection, where: str, bindings: tuple[object, ...]) -> list[IntentRecord]:
    """The intents that fit `where`, a constant clause of the caller."""
    return [_record(row) for row in db.execute(_SELECT + where, cast("apsw.Bindings", bindings))]


def insert_intent(db: apsw.Connection, record: IntentRecord) -> None:
    """Add one; the schema refuses a second live intent of an item."""
    db.execute(_INSERT, _row(record))


def update_intent(db: apsw.Connection, record: IntentRecord, *, seen_version: int) -> bool:
    """Write the changed fields if `seen_version` still stands; whether it did."""
    changed = _row(record)[-len(_CHANGED) :]
    db.execute(_UPDATE, (record.state, record.version, *changed, record.id, seen_version))
    return db.changes() == 1


def apply_intent(db: apsw.Connection, change: IntentChange) -> None:
    """Write a change, what it does to the money, and its audit event.

    Raises: RefusedError when the intent has moved on meanwhile.
    """
    after = change.after
    before = next(iter(select_intents(db, "WHERE id = ?", (after.id,))), None)
    if before is None or not update_intent(db, after, seen_version=change.seen_version):
        raise RefusedError(say("this order changed meanwhile"))
    ledger.follow(db, after, before=before)
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
    facts = record.facts
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
        facts.ordered_quantity,
        facts.delivered_quantity,
        facts.returned_quantity,
        facts.refunded_minor,
        facts.substitute_sku,
        None if facts.expected_on is None else facts.expected_on.isoformat(),
        facts.tracking_url,
        _optional_ms(record.delivered_at),
        _optional_ms(record.returned_at),
        record.problem_word,
        record.withdrawn_for,
    )


def _record(row: tuple[object, ...]) -> IntentRecord:
    (ident, prompt, item, state, version, merchant, quantity, amount, total_minor, currency, created_ms, changed_ms,
     order_id, charged_minor, detail, handoff_url, arrived_ms, *told) = cast(
        "tuple[str, str, str, str, int, str, int, float, int, str, int, int, str | None, int | None, str | None, "
        "str | None, int | None, Any]", row
    )  # fmt: skip
    (ordered, delivered, returned, refunded_minor, substitute_sku, expected_on, tracking_url, delivered_ms,
     returned_ms, problem_word, withdrawn_for) = cast(
        "tuple[int | None, int | None, int | None, int | None, str | None, str | None, str | None, int | None, "
        "int | None, str | None, str | None]", told
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
        arrived_at=_optional_at(arrived_ms),
        facts=OrderFacts(
            ordered_quantity=ordered,
            delivered_quantity=delivered,
            returned_quantity=returned,
            refunded_minor=refunded_minor,
            substitute_sku=substitute_sku,
            expected_on=None if expected_on is None else date.fromisoformat(expected_on),
            tracking_url=tracking_url,
        ),
        delivered_at=_optional_at(delivered_ms),
        returned_at=_optional_at(returned_ms),
        problem_word=problem_word,
        withdrawn_for=withdrawn_for,
    )


def _optional_at(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else from_ms(at_ms)
