"""Whole orders at the Medusa shop, by ACP and by UCP: sold out is an end and no storm, a lost answer is found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.ports import Merchant
from cloud_bridge.wire import OrderState
from cloud_bridge.worker import FAILING_MAX
from tests.cloud_bridge.acp_shop import acp_connector
from tests.cloud_bridge.contract.stages import medusa_acp_config, medusa_ucp_config
from tests.cloud_bridge.medusa import ANSWERS_WITHIN_S, API_KEY, MedusaShop
from tests.cloud_bridge.rig import MILK, Rig, accept
from tests.cloud_bridge.sample_merchant import connector

S = OrderState
pytestmark = [pytest.mark.medusa, pytest.mark.timeout(900)]


class Losing(MerchantHttp):
    """Counts requests, and loses the first answer to a request to order."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, deadline_s=ANSWERS_WITHIN_S)
        self.posted: list[str] = []
        self.loses = False

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """The shop's answer, unless it is lost."""
        answer = await super().ask(method, path, headers=headers, body=body)
        self.posted += [path] if method != "GET" else []
        if self.loses and path.endswith("/complete"):
            self.loses = False
            raise MerchantUnclearError("lost")
        return answer


@asynccontextmanager
async def _by(protocol: str, medusa: MedusaShop) -> AsyncIterator[tuple[Merchant, Losing]]:
    async with Losing(medusa.url) as http:
        if protocol == "acp":
            yield acp_connector(medusa_acp_config(medusa), http=http, api_key=API_KEY), http
        else:
            yield connector(medusa_ucp_config(medusa), http=http), http


@pytest.mark.parametrize("protocol", ["acp", "ucp"])
async def test_what_is_sold_out_ends_as_rejected_after_a_few_requests(
    make_rig: Callable[..., Rig], medusa: MedusaShop, protocol: str
) -> None:
    """The shop says it as HTTP 500, which could as well pass: so a few times, and then the household is told."""
    medusa.set_stock(MILK, 1)
    before = medusa.orders()
    async with _by(protocol, medusa) as (merchant, http):
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent())
        await rig.place()
        assert (await rig.states())[-1] is S.REJECTED
        assert len(http.posted) == FAILING_MAX
    assert medusa.orders() == before


@pytest.mark.parametrize("protocol", ["acp", "ucp"])
async def test_an_order_whose_answer_got_lost_is_found_and_not_bought_again(
    make_rig: Callable[..., Rig], medusa: MedusaShop, protocol: str
) -> None:
    """Its session does not name the order; the same request under the same key does."""
    before = medusa.orders()
    async with _by(protocol, medusa) as (merchant, http):
        http.loses = True
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent())
        await rig.place()
        assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]
        placed = (await rig.events())[-1]
        assert (placed.total_minor, placed.currency, bool(placed.merchant_order_id)) == (858, "USD", True)
    assert medusa.orders() == before + 1
