"""The loop that claims: a step never outlasts its lease, and one order's trouble is not another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import pytest

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core.order import PLACING, Detail, OrderRecord
from cloud_bridge.intake import Intake
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.rounds import Beat, Rounds, next_look
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, HandClock, Rig, accept

SHORT = WorkerConfig().model_copy(update={"lease_s": 0.02})  # real: too short for a configuration, and for a merchant


@pytest.fixture
def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """A store with orders in it."""
    return make_rig(simulated)


async def test_a_step_that_would_outlast_its_lease_is_dropped(rig: Rig) -> None:
    """So whoever claims the order next does not meet the one before; nothing is written by the dropped one."""
    await accept(rig, rig.signer.intent(intent_id="i-slow", hold_s=0))
    dropped: list[str] = []

    async def wait_for_ever(order: OrderRecord) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            dropped.append(order.intent_id)
            raise

    beat = Beat("place", PLACING, wait_for_ever, asyncio.Event())
    await Rounds(beat, store=rig.store, clock=rig.clock, config=SHORT).run_once()
    order = await rig.store.find(HOUSEHOLD, "i-slow")
    assert order is not None
    assert (dropped, order.version, order.detail) == (["i-slow"], 1, None)


async def test_a_fault_of_ours_with_one_order_is_kept_and_stops_no_other(rig: Rig) -> None:
    """The order is shelved with a detail that a person sees."""
    for intent_id in ("i-bad", "i-good"):
        await accept(rig, rig.signer.intent(intent_id=intent_id, hold_s=0))
    done: list[str] = []

    async def step(order: OrderRecord) -> None:
        if order.intent_id == "i-bad":
            raise LookupError(order.intent_id)
        done.append(order.intent_id)

    beat = Beat("place", PLACING, step, asyncio.Event())
    await Rounds(beat, store=rig.store, clock=rig.clock, config=WorkerConfig()).run_once()
    bad = await rig.store.find(HOUSEHOLD, "i-bad")
    assert bad is not None
    assert (done, bad.detail, bad.tries) == (["i-good"], Detail.INTERNAL, 1)


class StillClock(HandClock):
    """Time stands still: whoever has to wait waits for the bell."""

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Until the bell rings; what is only gathered is there already."""
        if until > self.at + timedelta(seconds=1):
            await bell.wait()


@dataclass
class Counters:
    """Steps that wait at the slow merchant until they are let go; those of other merchants do not."""

    waiting: int = 0
    waiting_max: int = 0
    done: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: int = 0

    async def step(self, order: OrderRecord) -> None:
        """One step of an order, which ends it."""
        if order.merchant == MERCHANT:
            self.waiting += 1
            self.waiting_max = max(self.waiting, self.waiting_max)
            await self.go_on.wait()
            self.waiting -= 1
        self.done.append(order.intent_id)
        if len(self.done) == self.wanted:
            self.finished.set()

    async def until(self, count: int) -> None:
        """Until so many steps were done."""
        self.wanted = count
        self.finished.clear()
        if len(self.done) < count:
            await asyncio.wait_for(self.finished.wait(), 20)


async def test_a_merchant_that_does_not_answer_holds_up_nobody_elses_orders(rig: Rig) -> None:
    """It fills its own room and no more; what waited for it goes on once it has answered."""
    for n in range(5):
        await accept(rig, rig.signer.intent(intent_id=f"slow-{n}", hold_s=0))
    at, bell, stop, config = Counters(), asyncio.Event(), asyncio.Event(), WorkerConfig(parallel=2)
    clock = StillClock(rig.clock.at)
    rounds = Rounds(Beat("place", PLACING, at.step, bell), store=rig.store, clock=clock, config=config)
    running = asyncio.create_task(rounds.run(stop))
    for n in range(6):
        await accept(rig, rig.signer.intent(intent_id=f"quick-{n}", merchant="bakery", hold_s=0))
    bell.set()
    await at.until(6)
    assert sorted(at.done) == [f"quick-{n}" for n in range(6)]
    assert at.waiting_max == 2
    at.go_on.set()
    await at.until(11)
    assert sorted(at.done[6:]) == [f"slow-{n}" for n in range(5)]
    stop.set()
    bell.set()
    await running


@pytest.mark.parametrize(("hold_s", "rings"), [(0, True), (60, True), (61, False)])
async def test_an_order_wakes_the_worker_only_when_it_is_due_before_the_next_look(
    rig: Rig, *, hold_s: int, rings: bool
) -> None:
    """Each look is two transactions, so a hundred orders with a pause of minutes must not be a hundred looks."""
    bell, config = asyncio.Event(), WorkerConfig(poll_s=60)
    intake = Intake(
        rig.store,
        keys={HOUSEHOLD: rig.signer.public_key},
        merchants={MERCHANT: rig.merchant},
        clock=rig.clock,
        bell=bell,
        next_look=partial(next_look, rig.clock, config),
    )
    await intake.accept(rig.signer.intent(hold_s=hold_s), caller=HOUSEHOLD)
    assert bell.is_set() == rings


class RestingClock(HandClock):
    """An order comes while the worker rests, and does not ring."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.clock.at)
        self._rig = rig
        self._came = False

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Jump to the end of the wait; in the first one the order comes."""
        if not self._came:
            self._came = True
            await accept(self._rig, self._rig.signer.intent(hold_s=61))
        await super().wait(bell, until=until)


async def test_an_order_that_did_not_ring_is_found_in_time(rig: Rig) -> None:
    """The worker looks once more before it is due, and then sleeps no longer than until it is."""
    clock, stop = RestingClock(rig), asyncio.Event()
    late: list[timedelta] = []

    async def step(order: OrderRecord) -> None:
        late.append(clock.at - order.hold_until)
        stop.set()

    beat = Beat("place", PLACING, step, asyncio.Event())
    await asyncio.wait_for(Rounds(beat, store=rig.store, clock=clock, config=WorkerConfig(poll_s=60)).run(stop), 20)
    assert timedelta(0) <= late[0] < timedelta(seconds=1)
