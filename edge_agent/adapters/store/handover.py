"""How far the bridge has come with this hub's intents, and what the hub takes over from it. Fulfils `HandoverStore`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store import chain, ledger
from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.adapters.store.intents import LIVE_INTENT, apply_intent, insert_intent, select_intents
from edge_agent.adapters.store.outbox import take_back
from edge_agent.adapters.store.prompts import LIVE_PROMPT, apply_prompt, select_prompts
from edge_agent.core import intent as intents
from edge_agent.core import prompt as prompts
from edge_agent.core.clock_trust import APART_MAX
from edge_agent.core.handover import OVERTAKEN, HubKnowledge, TakenOver, closed_since, own_item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId
from edge_agent.core.prompt import PromptEvent

_KNOWN_MAX = 100_000
# A backup may hold a body as not sent yet that the bridge has had since: what was heard of it says so.
_UNHEARD = IntentState.APPROVED
_HUB_ITSELF = "hub"


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
        unsent = "SELECT intent FROM outbox WHERE claimed_ms IS NULL"
        busy = db.execute(f"SELECT item FROM intent WHERE {LIVE_INTENT} AND id NOT IN ({unsent})")  # noqa: S608 - constants
        return HubKnowledge(
            acknowledged=acknowledged(db),
            waiting={number: IntentId(intent) for number, intent in waiting},
            known={row[0] for row in known},
            busy={ItemId(row[0]) for row in busy},
        )

    def reconcile(
        self, taken: Sequence[TakenOver], *, overtaken: Sequence[IntentId], handover: int, at: datetime
    ) -> None:
        """Drop what may never be sent, keep what only the bridge knew, and go on after its last number: all or none.

        `taken` is in the order of the numbers. Draws that have not left are dropped too: what they were drawn from had
        been drawn on, and nobody knew. So is what waits under a number below the last one: a hub looks for others only
        above what it knows of, so whoever made the newer ones would not hear of it. News of what is taken over may have
        come before it was known, so all news are asked for again: old ones change nothing.
        """
        with self._connection.transaction() as db:
            for ident in (*overtaken, *_unsent_draws(db)):
                _drop(db, ident, at=at)
            for record in _below(db, handover) if taken else ():
                _take_back(db, record, at=at)
            for each in taken:
                kept = _with_room(db, each.record, number=each.handover, at=at)
                insert_intent(db, kept)
                ledger.take_over(db, kept, total_max_minor=each.total_max_minor)
                _end_older_questions(db, each.record, at=at)
                chain.append(
                    db, {"event": "taken_over", "intent": kept.id, "handover": each.handover, "state": str(kept.state)}
                )
            if taken:
                db.execute("DELETE FROM cursor WHERE source = 'bridge'")
            _acknowledge(db, handover)

    def acknowledge(self, handover: int) -> None:
        """This hub knows of every order up to this number that the bridge has of it."""
        if handover > acknowledged(self._connection.db):
            with self._connection.transaction() as db:
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


def acknowledged(db: apsw.Connection) -> int:
    """The highest number that the bridge is known to have."""
    return cast("int | None", db.execute("SELECT acknowledged FROM handover").get) or 0


def acknowledge_intent(db: apsw.Connection, intent: IntentId) -> None:
    """The bridge has this intent under its number: part of the transaction that records its answer."""
    number = db.execute("SELECT handover FROM authority WHERE intent = ?", (intent,)).get
    if number is not None:
        _acknowledge(db, cast("int", number))


def _acknowledge(db: apsw.Connection, number: int) -> None:
    db.execute(
        "INSERT INTO handover (only, acknowledged, floor) VALUES (1, ?1, ?1) ON CONFLICT (only) DO UPDATE SET "
        "acknowledged = max(acknowledged, excluded.acknowledged), floor = max(floor, excluded.floor)",
        (number,),
    )


def _unsent_draws(db: apsw.Connection) -> list[IntentId]:
    rows = db.execute(
        "SELECT o.intent FROM outbox o JOIN authority a ON a.intent = o.intent JOIN intent i ON i.id = o.intent "
        "WHERE a.kind = 'draw' AND o.claimed_ms IS NULL AND i.state = ?",
        (_UNHEARD,),
    )
    return [IntentId(str(row[0])) for row in rows]


def _below(db: apsw.Connection, handover: int) -> list[IntentRecord]:
    """What waits under a smaller number, and was not heard of."""
    where = (
        "WHERE state = ? AND id IN "
        "(SELECT o.intent FROM outbox o JOIN authority a ON a.intent = o.intent WHERE a.handover < ?)"
    )
    return select_intents(db, where, (_UNHEARD, handover))


def _drop(db: apsw.Connection, ident: IntentId, *, at: datetime) -> None:
    """It was approved by a hub that did not know of another one, which the bridge has."""
    db.execute("DELETE FROM outbox WHERE intent = ?", (ident,))
    for record in select_intents(db, "WHERE id = ?", (ident,)):
        change = intents.step(record, IntentState.CANCELLED, at=at, detail=OVERTAKEN)
        if change is not None:
            apply_intent(db, change)


def _with_room(db: apsw.Connection, record: IntentRecord, *, number: int, at: datetime) -> IntentRecord:
    """One live order per need, and the newest that the bridge has is the one: the item's order here gives way to it.

    Where that one is the newer, `record` is kept under a name of its own.
    """
    is_live = record.state in intents.LIVE
    for other in select_intents(db, f"WHERE item = ? AND {LIVE_INTENT}", (record.item,)):
        if _is_unanswered(db, other):
            if is_live or _was_asked_before(db, other, record):
                _take_back(db, other, at=at)
        elif _number(db, other.id) < number:
            _end(db, other, gives_way=is_live, at=at)
        elif is_live:
            return replace(record, item=own_item(record.id))
    return record


def _was_asked_before(db: apsw.Connection, approved: IntentRecord, taken: IntentRecord) -> bool:
    """Whether the approval answers a question from before the other order was made: the same need, then."""
    asked_ms = db.execute("SELECT created_ms FROM prompt WHERE id = ?", (approved.prompt,)).get
    return asked_ms is not None and cast("int", asked_ms) <= _latest_ms(taken)


def _end_older_questions(db: apsw.Connection, taken: IntentRecord, *, at: datetime) -> None:
    """A question that the backup holds open may be the one that this order came of; need that is left is asked anew."""
    where = f"WHERE item = ? AND {LIVE_PROMPT} AND created_ms <= ?"
    for prompt in select_prompts(db, where, (taken.item, _latest_ms(taken))):
        apply_prompt(db, prompts.step(prompt, PromptEvent.WITHDRAW, now=at))


def _latest_ms(taken: IntentRecord) -> int:
    """When it was made at the latest, by this hub's clock: its time is the bridge's."""
    return to_ms(taken.created_at + APART_MAX)


def _take_back(db: apsw.Connection, record: IntentRecord, *, at: datetime) -> None:
    """An order that the bridge has not answered for: dropped where it has not left, else the bridge is asked for it."""
    if _has_not_left(db, record.id):
        _drop(db, record.id, at=at)
    else:
        take_back(db, record, by=_HUB_ITSELF, at=at)
        _set_aside(db, record)


def _end(db: apsw.Connection, older: IntentRecord, *, gives_way: bool, at: datetime) -> None:
    """This hub had closed it before it made the newer one; what it cannot have closed keeps its state."""
    change = closed_since(older, at=at)
    if change is not None:
        apply_intent(db, change)
    elif gives_way:
        _set_aside(db, older)


def _set_aside(db: apsw.Connection, record: IntentRecord) -> None:
    """It stays as it is, under a name of its own: its item has another order."""
    db.execute("UPDATE intent SET item = ? WHERE id = ?", (own_item(record.id), record.id))
    chain.append(db, {"event": "made_room", "intent": record.id, "item": record.item})


def _is_unanswered(db: apsw.Connection, record: IntentRecord) -> bool:
    waits = db.execute("SELECT count(*) FROM outbox WHERE intent = ?", (record.id,)).get
    return record.state is IntentState.APPROVED and bool(waits)


def _has_not_left(db: apsw.Connection, ident: IntentId) -> bool:
    sql = (
        "SELECT count(*) FROM outbox o JOIN intent i ON i.id = o.intent "
        "WHERE o.intent = ? AND o.claimed_ms IS NULL AND i.state = ?"
    )
    return bool(db.execute(sql, (ident, _UNHEARD)).get)


def _number(db: apsw.Connection, ident: IntentId) -> int:
    """Its number; 0 for one that was taken over, which has none here and is older than all that is still to come."""
    return cast("int | None", db.execute("SELECT handover FROM authority WHERE intent = ?", (ident,)).get) or 0
