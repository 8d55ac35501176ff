"""How far the bridge has come with this hub's intents, and what the hub takes over from it. Fulfils `HandoverStore`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.intents import LIVE_INTENT, apply_intent, insert_intent, select_intents
from edge_agent.core import intent as intents
from edge_agent.core.handover import OVERTAKEN, HubKnowledge
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId

_KNOWN_MAX = 100_000


class SqliteHandovers:
    """Numbers of hand-overs, and the intents that only the bridge knew."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def knowledge(self) -> HubKnowledge:
        """What this hub knows, to hold against what the bridge says."""
        db = self._connection.db
        waiting = db.execute(
            "SELECT a.handover, o.intent FROM outbox o JOIN authority a ON a.intent = o.intent "
            "WHERE a.handover IS NOT NULL"
        )
        known = db.execute("SELECT id FROM intent ORDER BY created_ms DESC LIMIT ?", (_KNOWN_MAX,))
        return HubKnowledge(
            acknowledged=_acknowledged(db),
            waiting={number: IntentId(intent) for number, intent in waiting},
            known={row[0] for row in known},
        )

    def reconcile(
        self, taken: Sequence[tuple[int, IntentRecord]], *, overtaken: Sequence[IntentId], handover: int, at: datetime
    ) -> None:
        """Drop what may never be sent, keep what only the bridge knew, and go on after its last number: all or none.

        Draws that have not left are dropped too: what they were drawn from had been drawn on, and nobody knew. News of
        what is taken over may have come before it was known, so all news are asked for again: old ones change nothing.
        """
        with self._connection.transaction() as db:
            for ident in (*overtaken, *_unsent_draws(db)):
                _drop(db, ident, at=at)
            for number, record in taken:
                kept = _with_a_free_item(db, record, at=at)
                insert_intent(db, kept)
                chain.append(
                    db, {"event": "taken_over", "intent": kept.id, "handover": number, "state": str(kept.state)}
                )
            if taken:
                db.execute("DELETE FROM cursor WHERE source = 'bridge'")
            _acknowledge(db, handover)

    def accept_bridge(self, *, handover: int, event_seq: int, by: str) -> None:
        """Go on from a bridge that knows less; what it has forgotten stays here as it is."""
        with self._connection.transaction() as db:
            db.execute("UPDATE handover SET acknowledged = ?", (handover,))
            db.execute("UPDATE cursor SET seq = min(seq, ?) WHERE source = 'bridge'", (event_seq,))
            chain.append(db, {"event": "bridge_accepted", "handover": handover, "by": by})


def next_number(db: apsw.Connection) -> int:
    """The number of the next intent: above every one that was given away here, or that the bridge ever had."""
    last = db.execute(
        "SELECT max(coalesce((SELECT max(handover) FROM authority), 0), coalesce((SELECT floor FROM handover), 0))"
    ).get
    return cast("int", last) + 1


def acknowledge_intent(db: apsw.Connection, intent: IntentId) -> None:
    """The bridge has this intent under its number: part of the transaction that records its answer."""
    number = db.execute("SELECT handover FROM authority WHERE intent = ?", (intent,)).get
    if number is not None:
        _acknowledge(db, cast("int", number))


def _acknowledged(db: apsw.Connection) -> int:
    return cast("int | None", db.execute("SELECT acknowledged FROM handover").get) or 0


def _acknowledge(db: apsw.Connection, number: int) -> None:
    db.execute(
        "INSERT INTO handover (only, acknowledged, floor) VALUES (1, ?1, ?1) ON CONFLICT (only) DO UPDATE SET "
        "acknowledged = max(acknowledged, excluded.acknowledged), floor = max(floor, excluded.floor)",
        (number,),
    )


def _unsent_draws(db: apsw.Connection) -> list[IntentId]:
    rows = db.execute(
        "SELECT o.intent FROM outbox o JOIN authority a ON a.intent = o.intent "
        "WHERE a.kind = 'draw' AND o.claimed_ms IS NULL"
    )
    return [IntentId(str(row[0])) for row in rows]


def _drop(db: apsw.Connection, ident: IntentId, *, at: datetime) -> None:
    """It was approved by a hub that did not know of another one, which the bridge has."""
    db.execute("DELETE FROM outbox WHERE intent = ?", (ident,))
    for record in select_intents(db, "WHERE id = ?", (ident,)):
        change = intents.step(record, IntentState.CANCELLED, at=at, detail=OVERTAKEN)
        if change is not None:
            apply_intent(db, change)


def _with_a_free_item(db: apsw.Connection, record: IntentRecord, *, at: datetime) -> IntentRecord:
    """One live order per need: an order that has not left yet gives way to the one that has.

    Where the item has another one all the same, this one is kept under a name of its own.
    """
    if record.state not in intents.LIVE:
        return record
    unsent = "AND id IN (SELECT intent FROM outbox WHERE claimed_ms IS NULL)"
    for other in select_intents(db, f"WHERE item = ? AND {LIVE_INTENT} {unsent}", (record.item,)):
        _drop(db, other.id, at=at)
    taken = select_intents(db, f"WHERE item = ? AND {LIVE_INTENT}", (record.item,))
    return replace(record, item=ItemId(f"bridge-{record.id}")) if taken else record
