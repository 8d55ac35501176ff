"""A merchant that speaks a newer version than we do: nothing is bought, nothing crashes, and the operator reads why."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import Merchant
from cloud_bridge.wire import OrderState
from tests import loopback
from tests.cloud_bridge import vendure_shop
from tests.cloud_bridge.acp_shop import ORIGIN as ACP_ORIGIN
from tests.cloud_bridge.acp_shop import AcpShop, acp_config, acp_connector
from tests.cloud_bridge.radicale import TaskList
from tests.cloud_bridge.radicale import connect as connect_list
from tests.cloud_bridge.rig import MILK, Rig, accept
from tests.cloud_bridge.sample_merchant import SampleMerchant, connector, merchant_config
from tests.cloud_bridge.tampering import Tampering, edited

S = OrderState
pytestmark = pytest.mark.merchant


@asynccontextmanager
async def _ucp(request: pytest.FixtureRequest) -> AsyncIterator[Merchant]:
    """The sample server, whose profile has only a version of next year."""
    sample: SampleMerchant = request.getfixturevalue("sample")
    wire = Tampering(httpx.AsyncHTTPTransport(verify=loopback.NOBODY), "127.0.0.1")
    wire.arm(edited(lambda document: document.get("ucp", {}).update(version="2027-02-01")))
    async with MerchantHttp(sample.url, deadline_s=10, transport=wire) as http:
        yield connector(merchant_config(sample.url), http=http)


@asynccontextmanager
async def _acp(_request: pytest.FixtureRequest) -> AsyncIterator[Merchant]:
    """A shop that lists the versions that it has, and ours is not among them."""
    shop = AcpShop("2027-02-01")
    async with MerchantHttp(ACP_ORIGIN, deadline_s=10, transport=shop.transport()) as http:
        yield acp_connector(acp_config(), http=http)


@asynccontextmanager
async def _vendure(request: pytest.FixtureRequest) -> AsyncIterator[Merchant]:
    """A real shop, asked for a field that its schema does not have: what ours becomes to a later schema."""
    shop: vendure_shop.VendureShop = request.getfixturevalue("vendure")

    class Later(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked = json.loads(await request.aread())
            asked["query"] = asked["query"].replace("productVariantId }", "productVariantIdOfOld }")
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            return await super().handle_async_request(
                httpx.Request("POST", request.url, headers=headers, content=json.dumps(asked))
            )

    async with MerchantHttp(shop.url, deadline_s=10, transport=Later()) as http:
        yield vendure_shop.connector(vendure_shop.shop_config(shop.url), http=http)


KINDS: dict[str, tuple[Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Merchant]], str]] = {
    "ucp": (_ucp, "2027-02-01"),
    "acp": (_acp, "2027-02-01"),
    "vendure": (_vendure, "GRAPHQL_VALIDATION_FAILED"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_version_that_we_do_not_speak_is_named_and_buys_nothing(
    request: pytest.FixtureRequest, make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """The order waits, with its reason; the log says what is missing; another merchant's is placed."""
    make, named = KINDS[kind]
    other = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)})
    async with make(request) as merchant:
        rig = make_rig(merchant, others={"other": other})
        intent = await accept(rig, rig.signer.intent())
        await accept(rig, rig.signer.intent(merchant="other"))
        with caplog.at_level(logging.INFO):
            await rig.place(rounds_max=3)
    order = await rig.store.find(intent.terms.household, intent.terms.intent_id)
    assert order is not None
    assert (order.state, order.detail) == (S.HELD, Detail.MERCHANT_AWAY)
    assert await rig.store.attempts(order) == ()
    assert any(named in record.getMessage() for record in caplog.records), caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(other.ledger) == 1


async def test_a_list_without_a_sync_report_takes_orders_and_says_what_it_cannot_tell(
    tasks: TaskList, make_rig: Callable[..., Rig]
) -> None:
    """An older CalDAV server has no mark to give: the order is placed, and only what is not there stays in doubt."""

    class Older(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "REPORT":
                return httpx.Response(415, stream=httpx.ByteStream(b""))
            answer = await super().handle_async_request(request)
            body = (await answer.aread()).replace(b"sync-token", b"no-such-token")
            await answer.aclose()
            return httpx.Response(answer.status_code, stream=httpx.ByteStream(body))

    http = MerchantHttp(tasks.url, deadline_s=10, transport=Older())
    async with connect_list(tasks, http=http) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(unit_price_minor=0, delivery_minor=0, total_minor=0, total_max_minor=0))
        await rig.place(rounds_max=3)
        assert await rig.states() == [S.HELD, S.SENDING, S.PLACED]
    assert len(tasks.entries()) == 1
