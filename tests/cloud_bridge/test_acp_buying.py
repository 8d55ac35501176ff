"""Whole orders at an ACP shop: the worker over the connector, with answers lost and a shop that fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.merchants.acp import AcpMerchant
from cloud_bridge.wire import OrderState
from cloud_bridge.worker import FAILING_MAX
from tests.cloud_bridge.acp_shop import AcpShop, acp_shop_and_connector, ship
from tests.cloud_bridge.rig import Rig, accept, restore

S = OrderState
SOLD_OUT = json.dumps({"type": "processing_error", "code": "not_allowed", "message": "no inventory"}).encode()


@pytest.fixture
async def at_shop() -> AsyncIterator[tuple[AcpShop, AcpMerchant]]:
    """A shop, and the connector to it."""
    async with acp_shop_and_connector() as both:
        yield both


def _fails(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, stream=httpx.ByteStream(SOLD_OUT))


async def test_an_order_is_placed_followed_and_delivered(
    make_rig: Callable[..., Rig], at_shop: tuple[AcpShop, AcpMerchant]
) -> None:
    """It is asked about by its session, since ACP has no address of orders."""
    shop, merchant = at_shop
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    await rig.place()
    ship(shop.orders["ord_0"], "in_transit")
    await rig.follow()
    ship(shop.orders["ord_0"], "delivered")
    await rig.follow()
    assert await rig.states() == [S.HELD, S.SENDING, S.PLACED, S.SHIPPED, S.DELIVERED]


@pytest.mark.parametrize("names_orders", [True, False])
async def test_an_order_whose_answer_got_lost_is_found_and_not_bought_again(
    make_rig: Callable[..., Rig], at_shop: tuple[AcpShop, AcpMerchant], names_orders: bool
) -> None:
    """By its session; where that does not name the order, by the same request under the same key."""
    shop, merchant = at_shop
    shop.names_orders = names_orders
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())

    def lost(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/complete"):
            return None
        shop.before = lambda _: None
        shop.answer(request)
        raise httpx.ReadTimeout("lost", request=request)

    shop.before = lost
    await rig.place()
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]
    (event,) = [event for event in await rig.events() if event.state is S.PLACED]
    assert (event.merchant_order_id, event.total_minor, list(shop.orders)) == ("ord_0", 858, ["ord_0"])
    keys = [each.headers["idempotency-key"] for each in shop.kept if each.operation == "complete"]
    assert len(set(keys)) == 1


async def test_a_shop_that_fails_on_every_price_has_said_no_after_a_few_tries(
    make_rig: Callable[..., Rig], at_shop: tuple[AcpShop, AcpMerchant]
) -> None:
    """Sold out as HTTP 500, as a real shop has it: a bounded number of requests, and the household is told."""
    shop, merchant = at_shop
    asked: list[str] = []

    def fails(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return _fails(request)

    shop.before = fails
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.REJECTED, Detail.MERCHANT_REFUSED)
    assert (len(asked), set(asked), shop.orders) == (FAILING_MAX, {"/acp/checkout_sessions"}, {})


async def test_a_shop_that_fails_now_and_then_is_waited_for(
    make_rig: Callable[..., Rig], at_shop: tuple[AcpShop, AcpMerchant]
) -> None:
    """One that is not there at all in between, and one that comes to itself at the last try, are no no."""
    shop, merchant = at_shop
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    away = httpx.Response(503, stream=httpx.ByteStream(b"{}"))
    tries = [*[500] * (FAILING_MAX - 1), 503, *[500] * (FAILING_MAX - 1)]

    def now_and_then(request: httpx.Request) -> httpx.Response | None:
        if not tries:
            return None
        return _fails(request) if tries.pop(0) == 500 else away

    shop.before = now_and_then
    await rig.place()
    assert (await rig.states())[-1] is S.PLACED
    assert len(shop.orders) == 1


async def test_an_order_that_makes_the_shop_fail_ends_without_an_order(
    make_rig: Callable[..., Rig], at_shop: tuple[AcpShop, AcpMerchant]
) -> None:
    """A session that is still open is asked again a few times under one key, then closed, and that is told."""
    shop, merchant = at_shop
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    keys: list[str] = []

    def fails(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/complete"):
            return None
        keys.append(request.headers["idempotency-key"])
        return _fails(request)

    shop.before = fails
    await rig.place(rounds_max=60)
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.REJECTED, Detail.NOT_PLACED)
    assert (len(set(keys)), 1 < len(keys) <= 6, shop.orders) == (1, True, {})
    assert {session["status"] for session in shop.sessions.values()} == {"canceled"}


async def test_a_session_that_was_sold_without_our_knowing_is_not_replaced_by_another(
    make_rig: Callable[..., Rig], at_shop: tuple[AcpShop, AcpMerchant]
) -> None:
    """A store from a backup knows of no attempt: what became an order that nobody names is waited for, not bought."""
    shop, merchant = at_shop
    shop.names_orders = False
    rig = make_rig(merchant)
    intent = await accept(rig, rig.signer.intent())
    backup = await rig.store.find(rig.signer.household, intent.terms.intent_id)
    assert backup is not None
    await rig.place()
    await restore(rig, replace(backup, session_id=next(iter(shop.sessions))))
    await rig.place(rounds_max=4)
    assert (await rig.states())[-1] is S.HELD
    assert (len(shop.sessions), len(shop.orders)) == (1, 1)
