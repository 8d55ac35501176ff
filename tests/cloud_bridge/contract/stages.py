"""The stages on which merchants play the contract: each a merchant, and the hands that change what it sells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Lookup, Outcome, Placed, Progress, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.merchant_config import AcpConfig, UcpConfig
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import Merchant
from cloud_bridge.wire import DeliveryKind, DeliveryOption, Intent
from tests.cloud_bridge import vendure_shop
from tests.cloud_bridge.acp_shop import ORIGIN as ACP_ORIGIN
from tests.cloud_bridge.acp_shop import acp_config, acp_connector, acp_shop_and_connector
from tests.cloud_bridge.acp_shop import ship as ship_by_acp
from tests.cloud_bridge.grocy_list import FakeGrocy
from tests.cloud_bridge.hass_list import NO_DESCRIPTIONS, FakeHass, RealList
from tests.cloud_bridge.kept_list import KeptList, order_entry
from tests.cloud_bridge.kept_list import connect as connect_kept
from tests.cloud_bridge.medusa import ANSWERS_WITHIN_S as MEDUSA_WITHIN_S
from tests.cloud_bridge.medusa import API_KEY as MEDUSA_KEY
from tests.cloud_bridge.medusa import MedusaShop
from tests.cloud_bridge.radicale import TaskList
from tests.cloud_bridge.radicale import connect as connect_list
from tests.cloud_bridge.rig import MILK, Signer
from tests.cloud_bridge.sample_merchant import SampleMerchant, connect, connector, merchant_config
from tests.cloud_bridge.versioned_shop import ORIGIN, shop_and_connector, shop_config

WANTED = Wanted(MILK, 2, "home")


@dataclass(frozen=True)
class Ways:
    """How a merchant was seen to do otherwise than its protocol has it. A test that meets one says what holds there.

    `unknown_item` and `too_few` are its reasons for a product that it does not have, and not that often: None where it
    answers HTTP 500. `sold_out` is what it answers to an order of what is gone since. `reprices`: a session that is
    priced again has today's price. `declines`: some token does not pay. `names_orders`: a session that is read again
    shows its order. `tells_progress`: it says how far an order has come. `offers_ways`: goods can come in two ways.
    `closes`: a session can be kept from becoming an order.
    """

    unknown_item: Detail | None = Detail.ITEM_UNAVAILABLE
    too_few: Detail | None = Detail.OUT_OF_STOCK
    sold_out: Outcome = Rejected(Detail.OUT_OF_STOCK)  # noqa: RUF009  frozen
    reprices: bool = True
    declines: bool = True
    names_orders: bool = True
    tells_progress: bool = True
    offers_ways: bool = True
    closes: bool = True


@dataclass
class Stage:
    """A merchant, and the hands that change what it sells: `WANTED` at `unit_price_minor` plus `delivery_minor`.

    `sells` False: it is a list that the household shops from. It has no prices, no stock, no address and no parcels, so
    it refuses nothing for want of one, and an entry is there until it is bought.

    Goods come for `delivery_minor`, or by a dearer way for `fast_minor`; both are of this `kind`.
    """

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
    fast_minor: int = 1500
    currency: str = "USD"
    title: str = "Whole milk 1 L"
    kind: DeliveryKind | None = "standard"
    sells: bool = True
    ways: Ways = Ways()

    def total_minor(self, unit_price_minor: int | None = None) -> int:
        """What `WANTED` costs in all, at the first price or at this one; nothing where nothing is sold."""
        if not self.sells:
            return 0
        unit = self.unit_price_minor if unit_price_minor is None else unit_price_minor
        return WANTED.quantity * unit + self.delivery_minor

    def seen_again(self, placed: Placed) -> Lookup:
        """What a look-up tells of an order that was placed."""
        return placed if self.ways.names_orders else Standing.ORDERED

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
async def _medusa_acp(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Medusa by ACP: a real shop, whose payment provider takes any token and which has no progress to tell."""
    medusa: MedusaShop = request.getfixturevalue("medusa")
    config = medusa_acp_config(medusa)
    async with MerchantHttp(config.url, deadline_s=MEDUSA_WITHIN_S) as http:
        merchant = acp_connector(config, http=http, api_key=MEDUSA_KEY)
        refused = Detail.MERCHANT_REFUSED
        yield _medusa(medusa, merchant, Ways(refused, sold_out=Rejected(refused), **_MEDUSA))


@asynccontextmanager
async def _medusa_ucp(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Medusa by UCP: the address is a member of the session, and the token one of `authorization`."""
    medusa: MedusaShop = request.getfixturevalue("medusa")
    config = medusa_ucp_config(medusa)
    async with MerchantHttp(medusa.url, deadline_s=MEDUSA_WITHIN_S) as http:
        merchant = connector(config, http=http)
        yield _medusa(medusa, merchant, Ways(None, sold_out=Unknown(Detail.NO_ANSWER), **_MEDUSA))


def medusa_acp_config(medusa: MedusaShop) -> AcpConfig:
    """Medusa by ACP, as a bridge's configuration names it."""
    return acp_config(url=f"{medusa.url}/acp", api_version="2026-01-30", webhooks="none")


def medusa_ucp_config(medusa: MedusaShop) -> UcpConfig:
    """Medusa by UCP, as a bridge's configuration names it."""
    return merchant_config(medusa.url, address_in="shipping_address", token_in="authorization")


_MEDUSA: dict[str, Any] = {
    "too_few": None,
    "reprices": False,
    "declines": False,
    "names_orders": False,
    "tells_progress": False,
    "offers_ways": False,
}


def _medusa(medusa: MedusaShop, merchant: Merchant, ways: Ways) -> Stage:
    return Stage(
        merchant=merchant,
        broke=merchant,
        set_price=medusa.set_price,
        set_stock=medusa.set_stock,
        count=medusa.orders,
        ship=lambda _: None,
        deliver=lambda _: None,
        ways=ways,
    )


_DELIVERIES = (
    DeliveryOption(id="std", kind="standard", price_minor=500),
    DeliveryOption(id="fast", kind="standard", price_minor=1500),
)


@asynccontextmanager
async def _simulated(_request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Our model of a hostile merchant."""
    merchant = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)}, deliveries=_DELIVERIES)
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


@asynccontextmanager
async def _caldav(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A list on a real CalDAV server."""
    tasks: TaskList = request.getfixturevalue("tasks")
    async with connect_list(tasks) as merchant:
        yield Stage(
            merchant=merchant,
            broke=merchant,
            set_price=lambda _sku, _price: None,
            set_stock=lambda _sku, _stock: None,
            count=lambda: sum(entry.status != "CANCELLED" for entry in tasks.entries().values()),
            ship=lambda _order_id: None,
            deliver=tasks.tick,
            unit_price_minor=0,
            delivery_minor=0,
            sells=False,
        )


@asynccontextmanager
async def _vendure(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A Vendure shop; whoever is broke has an account of their own there."""
    shop: vendure_shop.VendureShop = request.getfixturevalue("vendure")
    async with (
        vendure_shop.connect(shop) as merchant,
        vendure_shop.connect(shop, account="neighbour@example.com", payment_metadata={"shouldDecline": True}) as broke,
    ):
        yield Stage(
            merchant=merchant,
            broke=broke,
            set_price=shop.set_price,
            set_stock=shop.set_stock,
            count=lambda: len(shop.orders()),
            ship=shop.ship,
            deliver=shop.deliver,
            kind=None,
        )


@asynccontextmanager
async def _marked(kept: KeptList) -> AsyncIterator[Stage]:
    """A list that forgets what was removed, and cannot be told that an entry must not come."""
    async with connect_kept(kept) as merchant:
        yield Stage(
            merchant=merchant,
            broke=merchant,
            set_price=lambda _sku, _price: None,
            set_stock=lambda _sku, _stock: None,
            count=lambda: len(kept.entries()),
            ship=lambda _order_id: None,
            deliver=lambda order_id: kept.tick(order_entry(order_id) or ""),
            unit_price_minor=0,
            delivery_minor=0,
            sells=False,
            ways=Ways(closes=False),
        )


def _real(entity: str, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Stage]:
    """A list of a real Home Assistant."""
    lists: dict[str, RealList] = request.getfixturevalue("hass_lists")
    return _marked(lists[entity])


STAGES: dict[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Stage]]] = {
    "simulated": _simulated,
    "sample": _sample,
    "vendure": _vendure,
    "2026-01-11": partial(_versioned, "2026-01-11"),
    "2026-04-08": partial(_versioned, "2026-04-08"),
    "2026-08-25": partial(_versioned, "2026-08-25"),
    "2026-04-08 ap2": partial(_versioned, "2026-04-08", ap2=True),
    "2026-08-25 ap2": partial(_versioned, "2026-08-25", ap2=True),
    "caldav": _caldav,
    "ha_todo": lambda _request: _marked(FakeHass()),
    "ha_todo without descriptions": lambda _request: _marked(FakeHass(features=NO_DESCRIPTIONS)),
    "ha_todo for real": partial(_real, "todo.kitchen"),
    "ha_todo for real without descriptions": partial(_real, "todo.shopping_list"),
    "grocy": lambda _request: _marked(FakeGrocy()),
    "grocy in texts": lambda _request: _marked(FakeGrocy(as_text=True)),
    "acp 2026-04-17": partial(_acp, "2026-04-17"),
    "acp 2026-01-30": partial(_acp, "2026-01-30"),
    "medusa acp": _medusa_acp,
    "medusa ucp": _medusa_ucp,
}
