"""A death while a webhook is taken: it comes again, and has one effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette

from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.ports import CrashPoint, Delivery
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, HandClock, Killed, Rig, accept

URL = f"http://bridge.example/webhooks/{MERCHANT}"


class Believing:
    """Every delivery is the merchant's own: who may send one is tested elsewhere."""

    async def check(self, delivery: Delivery) -> None:
        """It is."""


def _door(rig: Rig, clock: HandClock, *, dies_at: CrashPoint | None) -> httpx.AsyncClient:
    """The merchants' door of one life of the bridge."""

    def crash(point: CrashPoint) -> None:
        if point is dies_at:
            raise Killed(point)

    door = MerchantDoor(
        merchants={MERCHANT: rig.merchant},
        verifiers={MERCHANT: Believing()},
        store=rig.store,
        clock=clock,
        followed=asyncio.Event(),
        profile=lambda merchant, version: None,  # noqa: ARG005
        public_url="http://bridge.example",
        crash=crash,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(Starlette(routes=door.routes())))


@pytest.mark.parametrize("point", [CrashPoint.WEBHOOK_READ, CrashPoint.WEBHOOK_KEPT])
async def test_a_webhook_that_was_not_answered_comes_again_and_has_one_effect(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant, clock: HandClock, point: CrashPoint
) -> None:
    """Before it is kept nothing happened; after that the order is due, once."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    await rig.follow()
    placed = await rig.store.find(HOUSEHOLD, intent_id)
    assert placed is not None
    with pytest.raises(Killed):
        await _door(rig, clock, dies_at=point).post(URL, content=b"order-1")
    died = await rig.store.find(HOUSEHOLD, intent_id)
    assert (died != placed) == (point is CrashPoint.WEBHOOK_KEPT)
    for _ in range(2):
        assert (await _door(rig, clock, dies_at=None).post(URL, content=b"order-1")).status_code == 202
    woken = await rig.store.find(HOUSEHOLD, intent_id)
    assert woken is not None
    assert (woken.state, woken.due_at, woken.epoch) == (OrderState.PLACED, clock.now(), placed.epoch + 1)
