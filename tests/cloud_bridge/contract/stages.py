"""The stages on which merchants play the contract: each a merchant, and the hands that change what it sells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from cloud_bridge.core.outcome import Outcome, Progress
from cloud_bridge.core.quote import Wanted
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import Merchant
from cloud_bridge.wire import Intent
from tests.cloud_bridge.acp_shop import ORIGIN as ACP_ORIGIN
from tests.cloud_bridge.acp_shop import acp_config, acp_connector, acp_shop_and_connector
from tests.cloud_bridge.acp_shop import ship as ship_by_acp
from tests.cloud_bridge.rig import MILK, Signer
from tests.cloud_bridge.sample_merchant import SampleMerchant, connect, connector
from tests.cloud_bridge.versioned_shop import ORIGIN, shop_and_connector, shop_config

WANTED = Wanted(MILK, 2, "home")


@dataclass
class Stage:
    """A merchant, and the hands that change what it sells: `WANTED` at `unit_price_minor` plus `delivery_minor`."""

    merchant: Merchant
    broke: Merchant
    set_price: Callable[[str, int], object]
    set_stock: Callable[[str, int], object]
    count: Callable[[], int]
    ship: Callable[[str], object]
    deliver: Callable[[str], object]
    leave: Intent | None = None
    unit_price_minor: int = 179
    delivery_minor: int = 500
    currency: str = "USD"
    title: str = "Whole milk 1 L"

    def total_minor(self, unit_price_minor: int | None = None) -> int:
        """What `WANTED` costs in all, at the first price or at this one."""
        unit = self.unit_price_minor if unit_price_minor is None else unit_price_minor
        return WANTED.quantity * unit + self.delivery_minor

    async def place(self, session_id: str, *, key: str, merchant: Merchant | None = None) -> Outcome:
        """Ask for the order, with the household's leave where the merchant wants to be shown one."""
        return await (merchant or self.merchant).place(session_id, key=key, leave=self.leave)


@asynccontextmanager
async def _sample(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The UCP sample server."""
    sample: SampleMerchant = request.getfixturevalue("sample")
    async with connect(sample) as merchant, connect(sample, token="fail_token") as broke:
        yield Stage(
            merchant=merchant,
            broke=broke,
            set_price=sample.set_price,
            set_stock=sample.set_stock,
            count=lambda: len(sample.orders()),
            ship=sample.ship,
            deliver=sample.deliver,
        )


@asynccontextmanager
async def _versioned(version: str, _request: pytest.FixtureRequest, *, ap2: bool = False) -> AsyncIterator[Stage]:
    """UCP as one version has it."""
    async with (
        shop_and_connector(version, ap2=ap2) as (shop, merchant),
        MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http,
    ):
        yield Stage(
            merchant=merchant,
            broke=connector(shop_config(ap2=ap2), http=http, token="fail_token"),
            set_price=lambda sku, price: shop.prices.update({sku: price}),
            set_stock=lambda sku, stock: shop.stock.update({sku: stock}),
            count=lambda: len(shop.orders),
            ship=lambda order_id: shop.orders[order_id]["fulfillment"]["events"].append({"type": "shipped"}),
            deliver=lambda order_id: shop.orders[order_id]["fulfillment"]["events"].append({"type": "delivered"}),
            leave=Signer().intent() if ap2 else None,
        )


@asynccontextmanager
async def _acp(version: str, _request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """ACP as one version has it, at a fake shop of our own."""
    async with (
        acp_shop_and_connector(version) as (shop, merchant),
        MerchantHttp(ACP_ORIGIN, deadline_s=1, transport=shop.transport()) as http,
    ):
        yield Stage(
            merchant=merchant,
            broke=acp_connector(acp_config(api_version=version), http=http, token="fail_token"),
            set_price=lambda sku, price: shop.prices.update({sku: price}),
            set_stock=lambda sku, stock: shop.stock.update({sku: stock}),
            count=lambda: len(shop.orders),
            ship=lambda order_id: ship_by_acp(shop.orders[order_id], "shipped"),
            deliver=lambda order_id: ship_by_acp(shop.orders[order_id], "delivered"),
        )


@asynccontextmanager
async def _simulated(_request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Our model of a hostile merchant."""
    merchant = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)})
    broke = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)}, pays=False)
    yield Stage(
        merchant=merchant,
        broke=broke,
        set_price=lambda sku, price: merchant.shelves.update({sku: Shelf("Whole milk 1 L", price, 50)}),
        set_stock=lambda sku, stock: merchant.shelves.update({sku: Shelf("Whole milk 1 L", 179, stock)}),
        count=lambda: len(merchant.ledger),
        ship=lambda order_id: merchant.progress.update({order_id: Progress.SHIPPED}),
        deliver=lambda order_id: merchant.progress.update({order_id: Progress.DELIVERED}),
    )


STAGES: dict[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Stage]]] = {
    "simulated": _simulated,
    "sample": _sample,
    "2026-01-11": partial(_versioned, "2026-01-11"),
    "2026-04-08": partial(_versioned, "2026-04-08"),
    "2026-08-25": partial(_versioned, "2026-08-25"),
    "2026-04-08 ap2": partial(_versioned, "2026-04-08", ap2=True),
    "2026-08-25 ap2": partial(_versioned, "2026-08-25", ap2=True),
    "acp 2026-04-17": partial(_acp, "2026-04-17"),
    "acp 2026-01-30": partial(_acp, "2026-01-30"),
}
