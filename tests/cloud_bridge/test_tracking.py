"""Following: no state is kept for ever that the merchant says nothing about any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Outcome, Progress, Standing
from cloud_bridge.merchants.simulated import Fault, Shelf, SimulatedMerchant
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, Rig, accept

S = OrderState


@dataclass(slots=True)
class Forgetful(SimulatedMerchant):
    """Hands every order over to a person, and may forget the session."""

    forgot: bool = True

    async def place(self, session_id: str, *, key: str) -> Outcome:
        """A person has to finish."""
        return NeedsBuyer("https://shop.example/finish")

    async def get(self, session_id: str) -> Lookup:
        """Nothing is known of the session, or it still waits."""
        return Standing.MISSING if self.forgot else NeedsBuyer("https://shop.example/finish")


async def _found(rig: Rig, intent_id: str) -> OrderRecord:
    order = await rig.store.find(HOUSEHOLD, intent_id)
    assert order is not None
    return order


async def test_a_session_that_is_gone_while_a_buyer_is_waited_for_expires(make_rig: Callable[..., Rig]) -> None:
    """Not before the buyer's time is over, and not before it was missed several times in a row."""
    merchant = Forgetful({MILK: Shelf("Whole milk 1 L", 179, 50)})
    rig = make_rig(merchant)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    for _ in range(5):
        await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEEDS_BUYER
    merchant.forgot = False
    rig.clock.pass_(hours=71)
    await rig.follow()
    merchant.forgot = True
    rig.clock.pass_(hours=2)
    for _ in range(2):
        await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEEDS_BUYER
    await rig.follow()
    order = await _found(rig, intent_id)
    assert (order.state, order.detail) == (S.EXPIRED, Detail.BUYER_DID_NOT_FINISH)


@pytest.mark.parametrize("before", [Progress.SHIPPED, Progress.PARTLY_DELIVERED])
async def test_an_order_on_its_way_can_be_cancelled_by_the_merchant(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant, before: Progress
) -> None:
    """A parcel that was called back ends the order."""
    rig = make_rig(simulated)
    await accept(rig, rig.signer.intent())
    await rig.place()
    for progress in (before, Progress.CANCELLED):
        simulated.progress["order-1"] = progress
        await rig.follow()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.CANCELLED, Detail.CANCELLED_BY_MERCHANT)


@pytest.mark.parametrize("progress", [Progress.PREPARING, Progress.SHIPPED])
async def test_an_order_without_a_word_for_thirty_days_never_arrived(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant, progress: Progress
) -> None:
    """Counted from the end of the day by which it was due."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id  # due by 2026-03-09
    await rig.place()
    simulated.progress["order-1"] = progress
    await rig.follow()
    seen = (await _found(rig, intent_id)).state
    rig.clock.at = rig.clock.at.replace(month=4, day=8, hour=23)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is seen
    rig.clock.pass_(hours=1)
    await rig.follow()
    order = await _found(rig, intent_id)
    assert (order.state, order.due_at) == (S.NEVER_ARRIVED, None)
    assert (await rig.states())[-2:] == [seen, S.NEVER_ARRIVED]


async def test_a_merchant_that_is_gone_counts_as_silent_after_several_failures(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """One failed look after a long night proves nothing."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    rig.clock.pass_(days=60)
    simulated.faults = lambda _: Fault.BEFORE
    for _ in range(2):
        await rig.follow()
    assert (await _found(rig, intent_id)).state is S.PLACED
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEVER_ARRIVED
