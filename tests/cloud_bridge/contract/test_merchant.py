"""The contract that every merchant passes: our model, the UCP sample server, and UCP as each later version has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open, Outcome, Placed, Progress, Rejected, Standing
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import Merchant
from cloud_bridge.wire import Intent
from tests.cloud_bridge.rig import MILK, Signer
from tests.cloud_bridge.sample_merchant import SampleMerchant, connect, connector
from tests.cloud_bridge.versioned_shop import ORIGIN, shop_and_connector, shop_config

WANTED = Wanted(MILK, 2, "home")


@dataclass
class Stage:
    """A merchant, and the hands that change what it sells."""

    merchant: Merchant
    broke: Merchant
    set_price: Callable[[str, int], object]
    set_stock: Callable[[str, int], object]
    count: Callable[[], int]
    ship: Callable[[str], object]
    deliver: Callable[[str], object]
    leave: Intent | None = None

    async def place(self, session_id: str, *, key: str, merchant: Merchant | None = None) -> Outcome:
        """Ask for the order, with the household's leave where the merchant wants to be shown one."""
        return await (merchant or self.merchant).place(session_id, key=key, leave=self.leave)


VERSIONS = ["2026-01-11", "2026-04-08", "2026-08-25", "2026-04-08 ap2", "2026-08-25 ap2"]


@pytest.fixture(params=["simulated", pytest.param("sample", marks=pytest.mark.merchant), *VERSIONS])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Each merchant in turn."""
    if request.param == "simulated":
        yield _simulated_stage()
        return
    if request.param in VERSIONS:
        async with _versioned_stage(request.param) as versioned:
            yield versioned
        return
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
async def _versioned_stage(name: str) -> AsyncIterator[Stage]:
    version, _, ap2 = name.partition(" ")
    async with (
        shop_and_connector(version, ap2=bool(ap2)) as (shop, merchant),
        MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http,
    ):
        yield Stage(
            merchant=merchant,
            broke=connector(shop_config(ap2=bool(ap2)), http=http, token="fail_token"),
            set_price=lambda sku, price: shop.prices.update({sku: price}),
            set_stock=lambda sku, stock: shop.stock.update({sku: stock}),
            count=lambda: len(shop.orders),
            ship=lambda order_id: shop.orders[order_id]["fulfillment"]["events"].append({"type": "shipped"}),
            deliver=lambda order_id: shop.orders[order_id]["fulfillment"]["events"].append({"type": "delivered"}),
            leave=Signer().intent() if ap2 else None,
        )


def _simulated_stage() -> Stage:
    merchant = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)})
    broke = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)}, pays=False)
    return Stage(
        merchant=merchant,
        broke=broke,
        set_price=lambda sku, price: merchant.shelves.update({sku: Shelf("Whole milk 1 L", price, 50)}),
        set_stock=lambda sku, stock: merchant.shelves.update({sku: Shelf("Whole milk 1 L", 179, stock)}),
        count=lambda: len(merchant.ledger),
        ship=lambda order_id: merchant.progress.update({order_id: Progress.SHIPPED}),
        deliver=lambda order_id: merchant.progress.update({order_id: Progress.DELIVERED}),
    )


def _key() -> str:
    return str(uuid4())


async def test_a_quote_is_of_what_was_wanted_with_delivery_in_the_total(stage: Stage) -> None:
    """Unit price, delivery, total and currency come from the merchant, and the total has all of them."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    assert (quote.sku, quote.quantity, quote.unit_price_minor, quote.delivery_minor) == (MILK, 2, 179, 500)
    assert (quote.total_minor, quote.currency, quote.title) == (858, "USD", "Whole milk 1 L")


async def test_the_same_key_opens_the_same_session_at_todays_price(stage: Stage) -> None:
    """A repeated quote neither opens a second session nor repeats an old price."""
    key = _key()
    first = await stage.merchant.quote(WANTED, key=key)
    stage.set_price(MILK, 200)
    again = await stage.merchant.quote(WANTED, key=key)
    reopened = await stage.merchant.quote(WANTED, key=_key(), session_id=first.session_id)
    assert first.session_id == again.session_id == reopened.session_id
    assert (again.total_minor, reopened.total_minor) == (900, 900)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("no-such-thing", 1, "home"), Detail.ITEM_UNAVAILABLE),
        (Wanted(MILK, 60, "home"), Detail.OUT_OF_STOCK),
        (Wanted(MILK, 1, "nowhere"), Detail.ADDRESS_UNDELIVERABLE),
    ],
)
async def test_a_quote_that_cannot_be_is_refused_with_its_reason(stage: Stage, wanted: Wanted, code: str) -> None:
    """Unknown product, too little stock and unknown address each have their own code."""
    stage.set_stock(MILK, 50)
    with pytest.raises(MerchantRefusedError) as refused:
        await stage.merchant.quote(wanted, key=_key())
    assert refused.value.code == code


async def test_placing_twice_with_one_key_makes_one_order(stage: Stage) -> None:
    """The same key is answered with the same order, and a look-up finds it."""
    before, key = stage.count(), _key()
    quote = await stage.merchant.quote(WANTED, key=_key())
    first = await stage.place(quote.session_id, key=key)
    again = await stage.place(quote.session_id, key=key)
    assert isinstance(first, Placed)
    assert first == again == await stage.merchant.get(quote.session_id)
    assert (first.total_minor, first.currency, stage.count() - before) == (858, "USD", 1)


async def test_a_session_that_was_sold_is_not_sold_again_under_another_key(stage: Stage) -> None:
    """Another key is no way to a second order, and no way to a new price."""
    before = stage.count()
    quote = await stage.merchant.quote(WANTED, key=_key())
    await stage.place(quote.session_id, key=_key())
    second = await stage.place(quote.session_id, key=_key())
    assert not isinstance(second, Placed | Rejected)
    assert stage.count() - before == 1
    with pytest.raises(MerchantRefusedError) as refused:
        await stage.merchant.quote(WANTED, key=_key(), session_id=quote.session_id)
    assert refused.value.code == Detail.SESSION_CLOSED


async def test_a_payment_that_fails_is_rejected_and_orders_nothing(stage: Stage) -> None:
    """A declined token is a clear no."""
    before = stage.count()
    quote = await stage.broke.quote(WANTED, key=_key())
    assert await stage.place(quote.session_id, key=_key(), merchant=stage.broke) == Rejected(Detail.PAYMENT_FAILED)
    assert stage.count() == before


async def test_stock_that_ran_out_since_the_quote_is_rejected(stage: Stage) -> None:
    """The last pack may be gone between quote and order."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    stage.set_stock(MILK, 1)
    assert await stage.place(quote.session_id, key=_key()) == Rejected(Detail.OUT_OF_STOCK)


async def test_a_session_goes_from_open_to_closed_by_a_cancel(stage: Stage) -> None:
    """After a cancel no order can come of the session; cancelling again changes nothing."""
    before = stage.count()
    quote = await stage.merchant.quote(WANTED, key=_key())
    assert await stage.merchant.get(quote.session_id) == Open(quote.total_minor, quote.currency)
    await stage.merchant.cancel(quote.session_id)
    await stage.merchant.cancel(quote.session_id)
    assert await stage.merchant.get(quote.session_id) is Standing.CLOSED
    assert not isinstance(await stage.place(quote.session_id, key=_key()), Placed)
    assert stage.count() == before


async def test_a_cancel_after_the_order_leaves_the_order(stage: Stage) -> None:
    """Cancelling is for sessions; what was ordered stands."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    placed = await stage.place(quote.session_id, key=_key())
    await stage.merchant.cancel(quote.session_id)
    assert await stage.merchant.get(quote.session_id) == placed


async def test_a_session_that_never_was_is_missing(stage: Stage) -> None:
    """A look-up tells "not there" from "nobody answered"."""
    assert await stage.merchant.get("no-such-session") is Standing.MISSING


async def test_an_order_is_followed_from_shipped_to_delivered(stage: Stage) -> None:
    """Progress is what the merchant's own record of the order says."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    placed = await stage.place(quote.session_id, key=_key())
    assert isinstance(placed, Placed)
    seen = [await stage.merchant.events(placed.merchant_order_id)]
    stage.ship(placed.merchant_order_id)
    seen.append(await stage.merchant.events(placed.merchant_order_id))
    stage.deliver(placed.merchant_order_id)
    seen.append(await stage.merchant.events(placed.merchant_order_id))
    assert seen == [Progress.PREPARING, Progress.SHIPPED, Progress.DELIVERED]


async def test_an_order_that_never_was_is_no_progress(stage: Stage) -> None:
    """Nothing is made up about an unknown order."""
    with pytest.raises(MerchantAwayError):
        await stage.merchant.events("no-such-order")
