"""The loop that claims: a step never outlasts its lease, and one order's trouble is not another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core.order import PLACING, Detail, OrderRecord
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.rounds import Beat, Rounds
from tests.cloud_bridge.rig import HOUSEHOLD, Rig, accept

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
