"""Prompts in the store, and who has agreed to them: rows in, records out. `core.prompt` decides what may change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import cast

import apsw

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.adapters.store.stored_texts import packed, unpacked
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import ItemId, PromptId, Reason
from edge_agent.core.prompt import LIVE, DeclineReason, Endorsement, PromptChange, PromptRecord, PromptState
from edge_agent.core.said import say
from edge_agent.errors import RefusedError

LIVE_PROMPT = "state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"

_COLUMNS = (
    "id, item, state, version, offer, terms_hash, days_of_cover, order_by_ms, reasons, created_ms, changed_ms, "
    "wake_ms, answered_by, decline_reason"
)
_SELECT = f"SELECT {_COLUMNS} FROM prompt "  # noqa: S608 - a constant of this module
_INSERT = f"INSERT INTO prompt ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


def select_prompts(db: apsw.Connection, where: str, bindings: tuple[object, ...]) -> list[PromptRecord]:
    """The prompts that fit `where`, a constant clause of the caller."""
    return [_record(row) for row in db.execute(_SELECT + where, cast("apsw.Bindings", bindings))]


def insert_prompt(db: apsw.Connection, record: PromptRecord) -> None:
    """Add one; the schema refuses a second live prompt of an item."""
    db.execute(_INSERT, _row(record))


def update_prompt(db: apsw.Connection, record: PromptRecord, *, seen_version: int) -> bool:
    """Write the changed fields if `seen_version` still stands; whether it did."""
    db.execute(
        "UPDATE prompt SET state = ?, version = ?, changed_ms = ?, wake_ms = ?, answered_by = ?, decline_reason = ?, "
        "offer = ?, terms_hash = ? WHERE id = ? AND version = ?",
        (
            record.state,
            record.version,
            to_ms(record.changed_at),
            _optional_ms(record.wake_at),
            record.answered_by,
            record.decline_reason,
            _offer_text(record.offer),
            record.terms_hash,
            record.id,
            seen_version,
        ),
    )
    return db.changes() == 1


def apply_prompt(db: apsw.Connection, change: PromptChange) -> None:
    """Write a change and its audit event; raises RefusedError when the prompt has moved on meanwhile."""
    if not update_prompt(db, change.after, seen_version=change.seen_version):
        raise RefusedError(say("this question was answered or changed meanwhile"))
    by = change.after.answered_by or ""
    at = change.after.changed_at.isoformat()
    chain.append(db, {"event": f"prompt_{change.event}", "prompt": change.after.id, "by": by, "at": at})


def add_endorsement(db: apsw.Connection, prompt: PromptId, endorsement: Endorsement) -> None:
    """Keep a person's word and its audit event; the same person's earlier word on other terms goes."""
    db.execute(
        "INSERT INTO endorsement (prompt, name, terms_hash, at_ms) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (prompt, name) DO UPDATE SET terms_hash = excluded.terms_hash, at_ms = excluded.at_ms",
        (prompt, endorsement.by, endorsement.terms_hash, to_ms(endorsement.at)),
    )
    terms, by = endorsement.terms_hash, endorsement.by
    at = endorsement.at.isoformat()
    chain.append(db, {"event": "prompt_endorsed", "prompt": prompt, "by": by, "terms": terms, "at": at})


def select_endorsements(db: apsw.Connection, prompt: PromptId) -> tuple[Endorsement, ...]:
    """Who has agreed on the terms that stand now, oldest first."""
    rows = db.execute(
        "SELECT e.name, e.terms_hash, e.at_ms FROM endorsement AS e JOIN prompt AS p ON p.id = e.prompt "
        "WHERE e.prompt = ? AND e.terms_hash = p.terms_hash ORDER BY e.at_ms, e.name",
        (prompt,),
    )
    return tuple(
        Endorsement(by=name, terms_hash=terms_hash, at=from_ms(at_ms))
        for name, terms_hash, at_ms in cast("Iterator[tuple[str, str, int]]", rows)
    )


def _optional_ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def _row(record: PromptRecord) -> tuple[str | int | float | None, ...]:
    return (
        record.id,
        record.item,
        record.state,
        record.version,
        _offer_text(record.offer),
        record.terms_hash,
        record.days_of_cover,
        to_ms(record.order_by),
        json.dumps([[reason.code, reason.text, packed(reason.text)] for reason in record.reasons]),
        to_ms(record.created_at),
        to_ms(record.changed_at),
        _optional_ms(record.wake_at),
        record.answered_by,
        record.decline_reason,
    )


def _offer_text(offer: Offer) -> str:
    return json.dumps(asdict(offer), default=_iso)


def _iso(value: date | datetime) -> str:
    return value.isoformat()


def _record(row: tuple[object, ...]) -> PromptRecord:
    (ident, item, state, version, offer, terms_hash, cover, order_by_ms, reasons, created_ms, changed_ms, wake_ms,
     answered_by, decline) = cast(
        "tuple[str, str, str, int, str, str, float, int, str, int, int, int | None, str | None, str | None]", row
    )  # fmt: skip
    return PromptRecord(
        id=PromptId(ident),
        item=ItemId(item),
        state=PromptState(state),
        version=version,
        offer=_offer(offer),
        terms_hash=terms_hash,
        days_of_cover=cover,
        order_by=from_ms(order_by_ms),
        reasons=tuple(_reason(*kept) for kept in json.loads(reasons)),
        created_at=from_ms(created_ms),
        changed_at=from_ms(changed_ms),
        wake_at=None if wake_ms is None else from_ms(wake_ms),
        answered_by=answered_by,
        decline_reason=None if decline is None else DeclineReason(decline),
    )


def _reason(code: str, text: str, made: object = None) -> Reason:
    """A reason; those from before they could be said in other languages are plain English."""
    return Reason(code, unpacked(text, made))


def _offer(text: str) -> Offer:
    fields = json.loads(text)
    fields["deliver_by"] = date.fromisoformat(fields["deliver_by"])
    fields["expires_at"] = datetime.fromisoformat(fields["expires_at"])
    for name in ("delivery_earliest", "delivery_latest"):
        if fields.get(name) is not None:
            fields[name] = date.fromisoformat(fields[name])
    return Offer(**fields)
