"""The simulated world: it can fail, it fails for the planted bugs, and its store does what the real one does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
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
from edge_agent.core import draw
from edge_agent.core.intent import IntentRecord
from edge_agent.ports import CrashPoint as HubCrashPoint
from tests.campaign.bugs import Bug
from tests.campaign.simulation.campaign import regression_seeds, run, wanted
from tests.campaign.simulation.home import POINTS
from tests.campaign.simulation.hub import Disk
from tests.campaign.simulation.memory_orders import Books, MemoryOrders
from tests.campaign.simulation.stand_in import dumps
from tests.campaign.simulation.virtual import StuckError, virtual_loop
from tests.campaign.simulation.world import live_through
from tests.cloud_bridge.rig import HOUSEHOLD, HandClock, Signer, accept

S = OrderState


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


def test_a_budget_that_nobody_looks_at_is_overdrawn_and_seen() -> None:
    """The judge reckons what mandates paid by the merchants' ledgers, and not by the hub's."""
    with patch.object(draw, "over_budget", lambda *_, **__: None):
        faults = live_through(3, signs=False).faults
    assert any(fault.startswith("I5") for fault in faults)


def test_a_bridge_that_sends_for_two_hubs_is_seen() -> None:
    """Two intents of one number, which the books refuse as long as they look at numbers."""

    def take(books: Books, order: OrderRecord) -> OrderRecord:
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
    await accept(_Stub(store, clock), rng.choice(known))  # type: ignore[arg-type]
    return None


class _Stub:
    """What `rig.accept` needs of a rig."""

    def __init__(self, store: OrderStore, clock: HandClock) -> None:
        self.store = store
        self.clock = clock


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
