"""Mandates in the store. `core.leave.mandate` decides what may change; revoking one takes its unsent orders back."""

from __future__ import annotations

from typing import cast

import apsw
from pydantic import ValidationError

from edge_agent.adapters.store import chain, ledger, spending
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.adapters.store.intents import select_intents
from edge_agent.adapters.store.outbox import take_back
from edge_agent.core.leave.draw import LedgerRow, Usage
from edge_agent.core.leave.mandate import (
    LIVE,
    MandateChange,
    MandateEvent,
    MandateRecord,
    MandateState,
    MandateTerms,
    canonical_mandate,
)
from edge_agent.core.messages import ItemId, MandateId
from edge_agent.core.said import say
from edge_agent.errors import AuthorityTamperedError, RefusedError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

LIVE_MAX = 100

_LIVE = "state IN (" + ", ".join(f"'{state}'" for state in sorted(LIVE)) + ")"
_SELECT = "SELECT terms, state, version, signature, changed_ms, changed_by, proposed_by, confirmed_by FROM mandate "
_TAKEN_BACK_WITH = "WHERE state IN ('approved', 'held') AND id IN (SELECT intent FROM ledger WHERE mandate = ?)"


class Mandates:
    """Fulfils `ports.MandateStore`."""

    def __init__(self, connection: Connection, *, crash_hook: CrashHook = no_crash) -> None:
        self._connection = connection
        self._crash_hook = crash_hook

    def mandates(self, *, live: bool, limit: int) -> list[MandateRecord]:
        """Mandates, those that may still be drawn on first, then newest first."""
        where = f"WHERE {_LIVE} " if live else ""
        order = f"ORDER BY {_LIVE} DESC, created_ms DESC, id LIMIT ?"
        return _select(self._connection.db, where + order, (limit,))

    def mandate(self, mandate: MandateId) -> MandateRecord | None:
        """One mandate."""
        return select_mandate(self._connection.db, mandate)

    def mandate_for(self, item: ItemId) -> list[MandateRecord]:
        """The active mandates that name an item, oldest first."""
        active = _select(self._connection.db, "WHERE state = 'active' ORDER BY created_ms, id", ())
        return [record for record in active if record.terms.entry(item) is not None]

    def add_mandate(self, record: MandateRecord) -> None:
        """Keep a new one; refused when there are too many that live."""
        with self._connection.transaction() as db:
            if cast("int", db.execute(f"SELECT count(*) FROM mandate WHERE {_LIVE}").get) >= LIVE_MAX:  # noqa: S608
                raise RefusedError(say("there are {number} mandates: revoke one first", number=LIVE_MAX))
            db.execute(
                "INSERT INTO mandate (id, state, version, terms, signature, created_ms, changed_ms, changed_by, "
                "proposed_by, confirmed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    record.state,
                    record.version,
                    canonical_mandate(record.terms),
                    record.signature,
                    to_ms(record.terms.created_at),
                    to_ms(record.changed_at),
                    record.changed_by,
                    record.proposed_by,
                    record.confirmed_by,
                ),
            )
            _tell(db, record, what="made")

    def change_mandate(self, change: MandateChange) -> MandateRecord:
        """Apply a change; a revoked mandate's orders that were not taken yet go with it, the others become wishes.

        Raises: RefusedError when the mandate has moved on meanwhile.
        """
        after = change.after
        with self._connection.transaction() as db:
            _update(db, change)
            _tell(db, after, what=change.event)
            if change.event is MandateEvent.REVOKE:
                for record in select_intents(db, _TAKEN_BACK_WITH, (after.id,)):
                    take_back(db, record, by=after.changed_by, at=after.changed_at)
                self._crash_hook(CrashPoint.REVOKE_RECEIVED)
        return after

    def usage(self, mandate: MandateId, period_index: int) -> Usage:
        """What the ledger says of one period.

        Raises: RefusedError when there is no such mandate.
        """
        record = self.mandate(mandate)
        if record is None:
            raise RefusedError(say("there is no mandate {mandate}", mandate=mandate))
        return spending.usage(self._connection.db, record.terms, period_index)

    def draws(self, mandate: MandateId, *, limit: int) -> list[LedgerRow]:
        """What was drawn, newest first."""
        return ledger.select_draws(self._connection.db, mandate, limit=limit)


def select_mandate(db: apsw.Connection, mandate: MandateId) -> MandateRecord | None:
    """One mandate."""
    return next(iter(_select(db, "WHERE id = ?", (mandate,))), None)


def _update(db: apsw.Connection, change: MandateChange) -> None:
    after = change.after
    db.execute(
        "UPDATE mandate SET state = ?, version = ?, signature = ?, changed_ms = ?, changed_by = ?, "
        "confirmed_by = ? WHERE id = ? AND version = ?",
        (
            after.state,
            after.version,
            after.signature,
            to_ms(after.changed_at),
            after.changed_by,
            after.confirmed_by,
            after.id,
            change.seen_version,
        ),
    )
    if db.changes() != 1:
        raise RefusedError(say("mandate {id} was changed meanwhile", id=after.id))


def _select(db: apsw.Connection, where: str, bindings: tuple[str | int, ...]) -> list[MandateRecord]:
    return [_record(row) for row in db.execute(_SELECT + where, bindings)]


def _record(row: tuple[object, ...]) -> MandateRecord:
    terms, state, version, signature, changed_ms, changed_by, proposed_by, confirmed_by = cast(
        "tuple[bytes, str, int, bytes | None, int, str, str, str | None]", row
    )
    try:
        kept = MandateTerms.model_validate_json(terms)
    except ValidationError as exc:
        raise AuthorityTamperedError(say("the terms of a mandate cannot be read: restore a backup")) from exc
    return MandateRecord(
        terms=kept,
        state=MandateState(state),
        version=version,
        signature=signature,
        changed_at=from_ms(changed_ms),
        changed_by=changed_by,
        proposed_by=proposed_by,
        confirmed_by=confirmed_by,
    )


def _tell(db: apsw.Connection, record: MandateRecord, *, what: str) -> None:
    version, by = record.version, record.changed_by
    chain.append(db, {"event": f"mandate_{what}", "mandate": str(record.id), "version": version, "by": by})
