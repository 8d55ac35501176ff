"""The simulated hub takes over from the bridge as the real store does: the same rows in, the same rows out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.core import intent as intents
from edge_agent.core.handover import TakenOver
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.terms import Terms
from edge_agent.ports import HandoverStore, no_crash
from tests.campaign.simulation.hub import Disk, Tables
from tests.campaign.simulation.leave import HandoverTables
from tests.edge_agent.outgoing_home import OutgoingHome, outgoing_home
from tests.edge_agent.samples import NOW, intent

_BRIDGE = 1_000  # how far it had come, as the hub remembers
_MINE = ("asked", "unsent", "unsent and heard of", "left", "answered", "placed")
_THEIRS = (IntentState.HELD, IntentState.PLACED, IntentState.PARKED, IntentState.DELIVERED, IntentState.REJECTED)
_LATER = (timedelta(hours=-1), timedelta(minutes=-5), timedelta(hours=1))  # than the question here
_AT = NOW + timedelta(hours=2)


async def test_the_simulated_hub_takes_over_as_the_real_store_does(tmp_path: Path) -> None:
    """Whatever waits, has left or stands open here, and whatever the bridge has of the same item."""
    cases = list(enumerate(product(_MINE, _THEIRS, (False, True), _LATER)))
    async with outgoing_home(tmp_path) as home:
        SqliteHandovers(home.store.connection).reconcile([], overtaken=(), handover=_BRIDGE, at=NOW)
        for n, (mine, *_) in cases:
            _prepare(home, f"item-{n}", mine)
        disk = _twin(home)
        real, tables = SqliteHandovers(home.store.connection), HandoverTables(disk, lambda: None)
        taken = [
            _theirs(n, state, number=n + 1 if is_older else 10_000 + n, at=NOW + later)
            for n, (_, state, is_older, later) in cases
        ]
        taken.sort(key=lambda each: each.handover)
        assert _knows(real) == _knows(tables)
        for store in (real, tables):  # the older ones first, or nothing would wait any more
            for part in (taken[: len(taken) // 2], taken[len(taken) // 2 :]):
                store.reconcile(part, overtaken=(), handover=part[-1].handover, at=_AT)
        assert _knows(real) == _knows(tables)
        _check_cases(home, disk)
        assert [row.intent for row in home.orders.outbox(limit=1_000)] == list(disk.rows)
        assert set(home.orders.cancel_wishes(limit=1_000)) == disk.wishes.keys()
        assert home.orders.next_handover() == Tables(disk, lambda: None, no_crash, lambda *_: None).next_handover()
        assert home.orders.status_cursor() == disk.cursor


def _check_cases(home: OutgoingHome, disk: Disk) -> None:
    """Each order and each question is as it is in the other store."""
    orders = home.orders.intents(live=False, limit=10_000)
    assert {record.id: record for record in orders} == disk.records
    assert {record.item: record.id for record in orders if record.state in intents.LIVE} == disk.live
    assert {record.id: record for record in home.orders.prompts(live=False, limit=10_000)} == disk.prompts
    kept = home.store.connection.db.execute(
        "SELECT intent, state, amount_minor FROM ledger WHERE intent LIKE 'theirs%'"
    )
    assert set(kept) == {(row.intent, row.state, row.amount_minor) for row in disk.ledger.values()}


def _prepare(home: OutgoingHome, item: str, mine: str) -> None:
    if mine == "asked":
        home.ask(item)
        return
    record = home.intent(home.approve(item))
    if mine == "unsent and heard of":
        held = intents.step(record, IntentState.HELD, at=NOW)
        home.orders.change_intents([held] if held else [], cursor=7)
    if mine in {"left", "answered", "placed"}:
        [row] = [row for row in home.orders.outbox(limit=10_000) if row.intent == record.id]
        assert home.orders.claim(row, at=NOW)
    if mine in {"answered", "placed"}:
        state = IntentState.HELD if mine == "answered" else IntentState.PLACED
        home.orders.record_answer(row, intents.step(record, state, at=NOW), taken=True)


def _twin(home: OutgoingHome) -> Disk:
    """The same in memory."""
    orders = home.orders.intents(live=False, limit=10_000)
    leaves = {record.id: home.orders.authority(record.id) for record in orders}
    terms = {ident: Terms.model_validate_json(leave.terms) for ident, leave in leaves.items() if leave is not None}
    acknowledged = SqliteHandovers(home.store.connection).knowledge().acknowledged
    claimed = home.store.connection.db.execute("SELECT intent FROM outbox WHERE claimed_ms IS NOT NULL")
    return Disk(
        prompts={record.id: record for record in home.orders.prompts(live=False, limit=10_000)},
        records={record.id: record for record in orders},
        authorities=dict(terms),
        rows={row.intent: row for row in home.orders.outbox(limit=10_000)},
        claimed={str(row[0]): NOW for row in claimed},
        live={record.item: record.id for record in orders if record.state in intents.LIVE},
        cursor=home.orders.status_cursor(),
        acknowledged=acknowledged,
        floor=acknowledged,
        given=max(each.handover for each in terms.values()),
    )


def _theirs(n: int, state: IntentState, *, number: int, at: datetime) -> TakenOver:
    record = intent(f"theirs-{n}", of=f"bridge-{n}", item=f"item-{n}", state=state)
    return TakenOver(number, replace(record, created_at=at, changed_at=at), total_max_minor=record.total_minor + 50)


def _knows(store: HandoverStore) -> tuple[object, ...]:
    known = store.knowledge()
    return known.acknowledged, dict(known.waiting), set(known.known), set(known.busy)
