"""Exactly one order at a real Vendure shop, wherever the bridge or the shop dies and whichever answer gets lost.

The shop knows no idempotency key, so this is what its class (B) is worth. Its own database is the judge. Each restart
is a new connector: nothing is remembered but what is in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.ports import CrashHook, CrashPoint, Merchant
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, Rig, accept, restore
from tests.cloud_bridge.test_exactly_once import dies_at, until_quiet
from tests.cloud_bridge.vendure_shop import VendureShop, Wire, connect, losing, over

pytestmark = pytest.mark.merchant
S = OrderState
MakeRig = Callable[..., Rig]


@pytest.mark.parametrize(
    "points",
    [
        (CrashPoint.QUOTED,),
        (CrashPoint.SESSION_SAVED,),
        (CrashPoint.ATTEMPT_SAVED,),
        (CrashPoint.ANSWERED,),
        (CrashPoint.OUTCOME_SAVED,),
        (CrashPoint.ANSWERED, CrashPoint.LOOKED_UP),
        (CrashPoint.ATTEMPT_SAVED, CrashPoint.LOOKED_UP, CrashPoint.ATTEMPT_SAVED, CrashPoint.ANSWERED),
        (CrashPoint.QUOTED, CrashPoint.QUOTED, CrashPoint.SESSION_SAVED, CrashPoint.ANSWERED, CrashPoint.LOOKED_UP),
    ],
)
async def test_a_death_of_the_bridge_leaves_one_order(
    make_rig: MakeRig, vendure: VendureShop, points: tuple[CrashPoint, ...]
) -> None:
    """After the restart there is exactly one order, paid once, and the bridge knows its id."""
    before = set(vendure.orders())
    async with AsyncExitStack() as stack:
        connectors = [await stack.enter_async_context(connect(vendure)) for _ in range(len(points) + 1)]

        def restarted(_merchant: Merchant | None, crash: CrashHook) -> Rig:
            return make_rig(connectors.pop(), crash)

        rig = make_rig(connectors[0])
        intent = await accept(rig, rig.signer.intent())
        await until_quiet(restarted, None, dies_at(*points))
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    new = {code: paid for code, paid in vendure.orders().items() if code not in before}
    assert (order.state, {order.merchant_order_id: 858}) == (S.PLACED, new)
    assert len({attempt.key for attempt in await rig.store.attempts(order)}) == 1


@pytest.mark.parametrize(
    "lost",
    [
        ("Find",),
        ("Add",),
        ("ShipBy",),
        ("Adopt",),
        ("Move",),
        ("Pay",),
        ("Pay", "Look"),
        ("Adopt", "Adopt", "Move", "Pay"),
    ],
)
async def test_a_lost_answer_leaves_one_order(make_rig: MakeRig, vendure: VendureShop, lost: tuple[str, ...]) -> None:
    """The shop acted and its answer never came: what became of it is looked up, and it is paid once."""
    before = set(vendure.orders())
    async with connect(vendure, http=over(vendure, Wire(losing(*lost)))) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent())
        await rig.place()
    assert (await rig.states())[-1] is S.PLACED
    assert [paid for code, paid in vendure.orders().items() if code not in before] == [858]


@pytest.mark.parametrize("operation", ["Move", "Pay"])
async def test_a_death_of_the_shop_leaves_one_order(make_rig: MakeRig, vendure: VendureShop, operation: str) -> None:
    """It is killed with its answer on the way, and comes back: its baskets, sessions and orders are as they were."""
    before, killed = set(vendure.orders()), list[str]()

    def kill(asked: str, answer: httpx.Response) -> httpx.Response:
        if asked == operation and not killed:
            killed.append(asked)
            vendure.stop()
            raise httpx.ReadError("the shop is gone")
        return answer

    async with connect(vendure, http=over(vendure, Wire(kill))) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(hold_s=0))
        try:
            await rig.placing.run_once()
            assert (killed, (await rig.states())[-1]) == ([operation], S.UNKNOWN)
        finally:
            vendure.start()
        await rig.place()
    assert (await rig.states())[-1] is S.PLACED
    assert [paid for code, paid in vendure.orders().items() if code not in before] == [858]


async def test_a_store_from_a_backup_finds_the_order_by_its_reference(make_rig: MakeRig, vendure: VendureShop) -> None:
    """The backup knows neither the attempt nor the basket; nothing is bought a second time."""
    async with connect(vendure) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent())
        backup = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
        assert backup is not None
        await rig.place()
        before = vendure.orders()
        await restore(rig, backup)
        await rig.place()
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert (order.state, order.detail) == (S.PLACED, Detail.FOUND_AT_MERCHANT)
    assert vendure.orders() == before


@pytest.mark.parametrize(
    ("price_minor", "stock", "config", "detail"),
    [
        (201, 500, {}, Detail.TERMS_CHANGED),
        (179, 1, {}, Detail.OUT_OF_STOCK),
        (179, 500, {"payment_metadata": {"shouldDecline": True}}, Detail.PAYMENT_FAILED),
        (179, 500, {"payment_metadata": {"shouldError": True}}, Detail.PAYMENT_FAILED),
        (179, 500, {"payment_method": "no-such-way"}, Detail.NOT_PLACED),  # told as an error of GraphQL, so looked up
    ],
)
async def test_what_the_shop_refuses_is_not_ordered_and_leaves_the_account_free(
    make_rig: MakeRig,
    vendure: VendureShop,
    price_minor: int,
    stock: int,
    config: dict[str, object],
    detail: str,
) -> None:
    """Too dear, sold out, declined, failed, unknown way to pay: each has its reason, and its basket is cancelled."""
    before = vendure.orders()
    async with connect(vendure, **config) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(total_max_minor=900))
        vendure.set_price(MILK, price_minor)
        vendure.set_stock(MILK, stock)
        await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.REJECTED, detail)
    assert vendure.orders() == before
    assert vendure.rows("""SELECT code FROM "order" WHERE active = 1 AND customerId IS NOT NULL""") == []
