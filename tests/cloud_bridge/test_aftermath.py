"""After the order, with the real sample merchant: its own record of the order tells what came and what went back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import Rig, accept
from tests.cloud_bridge.sample_merchant import SampleMerchant, connect

pytestmark = pytest.mark.merchant
S = OrderState


def refund(ident: str, amount: int, *, status: str = "completed") -> dict[str, Any]:
    """Money that the shop gives back."""
    return {"id": ident, "type": "refund", "status": status, "amount": amount}


async def test_a_real_merchants_order_is_told_to_its_end(make_rig: Callable[..., Rig], sample: SampleMerchant) -> None:
    """From its permalink over the delivery to the last cent, each step once, and pending money not at all."""
    before = set(sample.orders())
    async with connect(sample) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(hold_s=0))
        await rig.place()
        [order_id] = set(sample.orders()) - before
        await rig.follow()
        sample.ship(order_id)
        await rig.follow()
        sample.deliver(order_id)
        await rig.follow()
        for adjustments in (
            [refund("a", 179, status="pending")],
            [refund("a", 179)],
            [refund("a", 179)],
            [refund("a", 179), refund("b", 679)],
        ):
            sample.adjust(order_id, *adjustments)
            rig.clock.pass_(days=1)
            await rig.following.run_once()
    told = [(event.state, event.detail, event.delivered_quantity, event.refunded_minor) for event in await rig.events()]
    assert told[-5:] == [
        (S.PLACED, None, 0, None),
        (S.SHIPPED, None, 0, None),
        (S.DELIVERED, None, 2, None),
        (S.DELIVERED, Detail.PARTLY_REFUNDED, 2, 179),
        (S.REFUNDED, None, 2, 858),
    ]
    assert {event.tracking_url for event in (await rig.events())[-5:]} == {f"{sample.url}/orders/{order_id}"}
