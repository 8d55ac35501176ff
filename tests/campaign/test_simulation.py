"""The simulated world: it can fail, it fails for the planted bugs, and its store does what the real one does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
import rfc8785

from cloud_bridge.core.order import (
    FOLLOWING,
    PLACING,
    Attempt,
    Change,
    OrderRecord,
    advance,
    cancel,
    dispatch,
    keep,
    note,
)
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import BridgeError
from cloud_bridge.ports import CrashPoint, OrderStore
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import OrderState
from edge_agent.core.handover import own_item
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave import draw
from edge_agent.ports import CrashPoint as HubCrashPoint
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.simulation import world
from tests.campaign.simulation.campaign import regression_seeds, run, wanted
from tests.campaign.simulation.home import POINTS
from tests.campaign.simulation.hub import Disk, Tables
from tests.campaign.simulation.judge import Judge, Sale, count_sales
from tests.campaign.simulation.leave import HandoverTables
from tests.campaign.simulation.memory_orders import Books, MemoryOrders
from tests.campaign.simulation.purse import Leave, View
from tests.campaign.simulation.stand_in import dumps
from tests.campaign.simulation.virtual import START, StuckError, virtual_loop
from tests.campaign.simulation.world import Verdict, live_through
from tests.campaign.tiers import Done, Piece, totals
from tests.cloud_bridge.rig import HOUSEHOLD, HandClock, Signer, new_order

S = OrderState
_SEEDS = range(31, 91)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Worlds log very much, and nobody reads it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", regression_seeds())
def test_a_world_that_once_went_wrong_goes_right(seed: int) -> None:
    """Every seed that ever failed is lived through again."""
    assert live_through(seed, signs=False).faults == []


def test_nothing_is_lost_or_doubled_in_some_worlds(tmp_path: Path) -> None:
    """The short tier, with real signatures in the first world; doubt and deaths are met."""
    figures = run(500, seed=7, folder=tmp_path)
    assert figures.faults == ()
    assert (figures.lost, figures.doubled, figures.unauthorised, figures.overcharged) == (0, 0, 0, 0)
    assert figures.done >= 500
    assert figures.in_doubt > 0
    assert set(figures.covered) & set(wanted())


def test_a_seed_is_one_world_for_ever() -> None:
    """The same steps, the same faults, the same end."""
    first, again = (live_through(11, signs=False, orders=60) for _ in range(2))
    assert (first.counts, first.tally) == (again.counts, again.tally)


@pytest.mark.parametrize("bug", [Bug.KEY_PER_PROCESS, Bug.MARK_SENT_FIRST, Bug.FLOAT_MONEY, Bug.REDIRECTS_ON])
def test_a_planted_bug_is_caught(bug: Bug, tmp_path: Path) -> None:
    """The harness can fail. The rarer bugs are caught in their targeted runs."""
    assert run(1_500, seed=2, folder=tmp_path, bug=bug).faults


def first_world(found: Callable[[Verdict], bool]) -> Verdict:
    """The first world in which that is so."""
    return next(verdict for seed in _SEEDS if found(verdict := live_through(seed, signs=False, orders=240)))


def test_a_budget_that_nobody_looks_at_is_overdrawn_and_seen() -> None:
    """The judge reckons what mandates paid by the merchants' ledgers, and not by the hub's."""
    with patch.object(draw, "over_budget", lambda *_, **__: None):
        faults = live_through(3, signs=False).faults
    assert any(fault.startswith("I5") for fault in faults)


def test_what_a_hub_took_over_and_does_not_reckon_is_seen() -> None:
    """A backup does not give a budget anew: what was paid before and since it was put back is one sum."""
    with patch.object(world, "_AUTO_SHARE", 0.9):
        with patch.object(draw, "unclear", lambda *_, **__: (0, 0)):
            verdict = first_world(lambda verdict: bool(verdict.faults))
        assert verdict.faults[0].startswith("I5")
        assert live_through(verdict.seed, signs=False, orders=240).faults == []


def test_a_need_that_is_taken_over_without_its_item_is_ordered_twice_and_seen() -> None:
    """The bridge had told of the first order before the second one left: nobody forgives that."""
    with patch.object(HandoverTables, "_with_room", lambda _, record, **__: replace(record, item=own_item(record.id))):
        verdict = first_world(lambda verdict: verdict.counts.doubled > 0)
    assert verdict.faults[0].startswith("I1")


def test_a_hub_that_took_an_order_over_refuses_to_ask_for_its_need() -> None:
    """That alone counts as not asked again, and not that the goods are there or that nobody answered."""
    first = first_world(lambda verdict: verdict.tally["not_asked_again"] > 0)
    with patch.object(Tables, "_refuse_second_order", lambda *_: None):
        again = live_through(first.seed, signs=False, orders=240)
    assert again.tally["asked_again"] > 0
    assert again.tally["not_asked_again"] == 0


def test_an_order_is_forgiven_only_where_its_hub_could_not_know_of_the_first() -> None:
    """By what the bridge had when it answered the hub's last comparison, and once for each order."""
    for taken_s, compared_s, own, doubled in (
        (None, 50.0, (), 0),
        (60.0, 50.0, (), 0),
        (40.0, 50.0, (), 1),
        (40.0, inf, (), 1),
        (60.0, 50.0, ("i-1",), 1),
    ):
        judge = _judge_of_two(taken_s=taken_s, view=View(own, compared_s))
        assert count_sales(judge, [_sale(1), _sale(2)]).doubled == doubled
        assert judge.forgiven["ordered_unaware"] == 1 - doubled
        assert count_sales(judge, [_sale(1), _sale(2), _sale(2)]).doubled == doubled + 1


def test_what_is_forgiven_is_told() -> None:
    """Beside what is in doubt, by name, summed over pieces."""
    verdict = first_world(lambda verdict: verdict.forgiven["approval_forgotten"] > 0)
    figures = Figures("simulation", verdict.counts.done, "orders", forgiven=dict(verdict.forgiven))
    [total] = totals([Done(Piece("simulation", 240, seed), figures) for seed in (1, 2)])
    assert total.forgiven["approval_forgotten"] == 2 * verdict.forgiven["approval_forgotten"]
    assert total.harm == 0
    assert json.loads(figures.to_json())["forgiven"] == verdict.forgiven


def test_a_leave_that_is_not_judged_for_loss_is_not_done() -> None:
    """It was seen, and a backup has undone it."""
    judge = _judge_of_two(taken_s=None, view=View((), inf))
    for leave in judge.leaves.values():
        judge.saw(leave.intent)
    judge.forget(["i-1"], known_to_bridge=lambda _: False)
    assert count_sales(judge, []).done == 1


def _judge_of_two(*, taken_s: float | None, view: View) -> Judge:
    """Two leaves for one need: the bridge has taken the first at `taken_s`, and the second left by this view."""
    now_s = iter([taken_s] * 9)
    judge = Judge(where=str, now_s=lambda: next(now_s) or 0.0)
    for n in (1, 2):
        leave = Leave(f"i-{n}", "milk", quantity=1, ceiling_minor=9, merchant="grocer", household="home", asked_s=45.0)
        judge.gave(leave, ceiling_minor=9, hub_now=START, view=view)
    if taken_s is not None:
        judge.accepted(new_order(Signer().intent(intent_id="i-1"), now=START))
    judge.left_home("i-2", b"body", by_clone=False, view=view)
    for n in (1, 2):
        judge.asked_for(f"i-{n}", "milk", key=f"k-{n}", key_life=timedelta(hours=1), by_key=True)
    return judge


def _sale(n: int) -> Sale:
    return Sale(f"o-{n}", "grocer", f"k-{n}", "milk", quantity=1, total_minor=9, currency="USD", can_say=True)


def test_a_bridge_that_sends_for_two_hubs_is_seen() -> None:
    """Two intents of one number, which the books refuse as long as they look at numbers, or at what the hub knows."""

    def take(books: Books, order: OrderRecord, *, head: int | None = None) -> OrderRecord:
        del head
        books.numbers.clear()
        return real(books, order)

    real = Books.take
    with patch.object(Books, "take", take):
        faults = [fault for seed in range(31, 35) for fault in live_through(seed, signs=False, orders=240).faults]
    assert any(fault.startswith("F8") for fault in faults)


def test_a_revocation_that_is_not_heard_is_seen() -> None:
    """What a revoked mandate has drawn and not sent stays in the outbox, and leaves."""

    def unheard(disk: Disk, record: IntentRecord, *, at: datetime) -> IntentRecord:
        del disk, at
        return record

    with patch.object(Disk, "take_back", unheard):
        faults = [fault for seed in range(41, 45) for fault in live_through(seed, signs=False, orders=240).faults]
    assert any(fault.startswith("I22") for fault in faults)


def test_every_crash_point_of_the_hub_is_passed_or_lies_elsewhere() -> None:
    """A point that is added must be passed here, or be named as one of sensors, disks and files."""
    elsewhere = {"received", "inserted", "stored", "acknowledged", "forecast"}
    elsewhere |= {"checkpointed", "migrating", "file_written", "file_renamed"}
    assert {str(point) for point in HubCrashPoint} - elsewhere == {str(point) for point in POINTS}
    assert {f"crash:{point}" for point in CrashPoint} <= set(wanted())


@pytest.mark.parametrize("said", [{"b": 1, "a": 'é\u2028\x1f"\\/'}, {"x": [1, None, True]}, {"amount": 1035.0}, "text"])
def test_the_stand_in_writes_what_the_library_writes(said: object) -> None:
    """Canonical JSON of what hub and bridge sign."""
    assert dumps(said) == rfc8785.dumps(said)


def test_a_world_in_which_nothing_is_due_says_so() -> None:
    """Waiting for ever is a fault of the harness, and not a slow test."""
    with virtual_loop() as loop, pytest.raises(StuckError):
        loop.run_until_complete(loop.create_future())


@contextmanager
def both_stores(folder: Path) -> Iterator[tuple[OrderStore, OrderStore]]:
    """The real store and the one in memory."""
    with Database(f"sqlite:///{folder / 'bridge.sqlite3'}") as database:
        yield SqlOrderStore(database), MemoryOrders(Books())


@pytest.mark.parametrize("seed", range(3))
async def test_the_store_in_memory_does_what_the_real_one_does(seed: int, tmp_path: Path) -> None:
    """The same calls, drawn from a seed, give the same answers, the same refusals and the same rows."""
    rng, clock = Random(seed), HandClock()
    with both_stores(tmp_path) as stores:
        signer = Signer()
        known = [signer.intent(intent_id=f"i-{n}", hold_s=rng.choice([0, 60])) for n in range(6)]
        known += [signer.intent(intent_id="i-fork", handover=2), signer.intent(intent_id="i-late")]
        for step in range(120):
            clock.pass_(seconds=rng.choice([0, 1, 30, 200, 400]))
            act = rng.choice(_ACTS)
            answers = [await _told(act(store, Random(1_000 * seed + step), clock, signer, known)) for store in stores]
            assert answers[0] == answers[1], (seed, step, act.__name__)


async def _told(call: object) -> object:
    try:
        return await call  # type: ignore[misc]
    except BridgeError as exc:
        return type(exc)


async def _accept(store: OrderStore, rng: Random, clock: HandClock, signer: Signer, known: list) -> object:
    return await store.accept(new_order(rng.choice(known), now=clock.at), head=rng.choice([None, 0, 3, 9]))
    return None


async def _claim(store: OrderStore, rng: Random, clock: HandClock, signer: Signer, known: list) -> object:
    states, lease_until = rng.choice([PLACING, FOLLOWING]), clock.at + timedelta(minutes=5)
    # As many as there can be: which of several that are due at one moment come first is nobody's business.
    claimed = await store.claim(states, now=clock.at, lease_until=lease_until, limit=20)
    due = sorted(claimed, key=lambda order: order.intent_id)
    return [await store.apply(change) for order in due for change in _changes(order, rng, clock)]


def _changes(order: OrderRecord, rng: Random, clock: HandClock) -> list[Change]:
    now = clock.at
    if order.state is S.HELD:
        attempt = Attempt(n=1, key="key", body_sha256="ab" * 32, dispatched_at=now, total_minor=858)
        kept = keep(order, session_id=f"s-{order.intent_id}")
        return [kept, dispatch(kept.after, attempt, now=now)]
    if order.state is S.SENDING:
        return [advance(order, S.UNKNOWN, now=now, detail="no_answer", due_at=now)]
    if order.state is S.UNKNOWN and rng.random() < 0.5:
        placed = {"merchant_order_id": rng.choice(["o-1", order.intent_id]), "total_minor": 858, "currency": "USD"}
        return [advance(order, S.PLACED, now=now, due_at=now, **placed)]
    return [note(order, now=now, detail=rng.choice([None, "no_answer"]), due_at=now + timedelta(minutes=1), tries=2)]


async def _cancel(store: OrderStore, rng: Random, clock: HandClock, signer: Signer, known: list) -> object:
    ident = rng.choice(known).terms.intent_id
    return await store.amend(HOUSEHOLD, ident, lambda order: cancel(order, now=clock.at))


async def _stale(store: OrderStore, rng: Random, clock: HandClock, signer: Signer, known: list) -> object:
    order = await store.find(HOUSEHOLD, rng.choice(known).terms.intent_id)
    if order is None:
        return None
    older = replace(order, epoch=order.epoch - rng.choice([0, 1]), version=order.version - 1)
    return await store.apply(note(older, now=clock.at, detail="x"))


async def _read(store: OrderStore, rng: Random, clock: HandClock, signer: Signer, known: list) -> object:
    order = await store.find(HOUSEHOLD, rng.choice(known).terms.intent_id)
    attempts = None if order is None else await store.attempts(order)
    events = await store.events_after(HOUSEHOLD, after=rng.randrange(10), limit=rng.choice([2, 100]))
    head = await store.head(HOUSEHOLD, after=rng.randrange(4), now=clock.at)
    return order, attempts, events, head, await store.is_frozen(HOUSEHOLD), await store.next_due(PLACING)


async def _hint(store: OrderStore, rng: Random, clock: HandClock, signer: Signer, known: list) -> object:
    order_id = rng.choice(["o-1", rng.choice(known).terms.intent_id, "o-none"])
    return await store.take_hint("grocer", Hint(None, order_id), digest=f"d-{rng.randrange(9)}", now=clock.at)


_ACTS = (_accept, _accept, _claim, _claim, _claim, _cancel, _stale, _read, _read, _hint)
