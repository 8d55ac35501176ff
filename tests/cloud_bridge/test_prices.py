"""The price list: one product's trouble is not the list's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import DeliveryOption, PriceList, PriceQuery
from tests.cloud_bridge.rig import MERCHANT, HandClock

SKUS = ("a", "b", "c")


@dataclass(slots=True)
class Troubled(SimulatedMerchant):
    """Has trouble with some products: an error that it raises, or values that a quote should not have."""

    errors: dict[str, Exception] = field(default_factory=dict)
    values: dict[str, dict[str, object]] = field(default_factory=dict)
    asked: int = 0

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """The quote, with its trouble."""
        self.asked += 1
        if wanted.sku in self.errors:
            raise self.errors[wanted.sku]
        quote = await SimulatedMerchant.quote(self, wanted, key=key, session_id=session_id)
        return replace(quote, **self.values.get(wanted.sku, {}))  # type: ignore[arg-type]


def _merchant(count: int = 0) -> Troubled:
    skus = tuple(f"sku-{n}" for n in range(count)) or SKUS
    return Troubled({sku: Shelf(sku.upper(), 100, 9) for sku in skus})


async def _list(merchant: Troubled) -> PriceList:
    desk = PriceDesk({MERCHANT: merchant}, clock=HandClock(), new_key=iter(map(str, range(1_000))).__next__)
    query = PriceQuery(merchant=MERCHANT, delivery_ref="home", skus=tuple(merchant.shelves))
    return await desk.list_prices(query)


async def _available(merchant: Troubled) -> dict[str, bool]:
    """What the list says of each product that it names."""
    return {line.sku: line.available for line in (await _list(merchant)).lines}


async def test_a_list_price_is_told_where_the_merchant_tells_one() -> None:
    """Left out elsewhere, so that a hub from before it was known reads the line."""
    merchant = _merchant()
    merchant.values["b"] = {"list_price_minor": 150}
    told = await _list(merchant)
    assert [line.list_price_minor for line in told.lines] == [None, 150, None]
    assert told.model_dump_json().count("list_price_minor") == 1
    assert PriceList.model_validate_json(told.model_dump_json()) == told


async def test_each_way_of_delivery_is_told_at_what_is_paid_on_top_of_the_goods() -> None:
    """Where 40 of tax come on top of the way that is priced, as much is taken to come on top of the others."""
    merchant = _merchant()
    merchant.deliveries = (
        DeliveryOption(id="std", kind="standard", price_minor=500),
        DeliveryOption(id="fast", price_minor=1500, title="By bike"),
    )
    merchant.values["b"] = {"delivery_minor": 540, "total_minor": 640}
    merchant.values["c"] = {"delivery": None}
    a, b, c = (await _list(merchant)).lines
    assert a.delivery_options == merchant.deliveries
    assert [each.price_minor for each in b.delivery_options] == [540, 1540]
    assert c.delivery_options == ()


async def test_a_product_that_is_refused_is_not_available() -> None:
    """The others keep their prices."""
    merchant = _merchant()
    merchant.errors["b"] = MerchantRefusedError(Detail.OUT_OF_STOCK, "none left")
    assert await _available(merchant) == {"a": True, "b": False, "c": True}


async def test_a_product_whose_price_could_not_be_had_is_not_spoken_of() -> None:
    """An answer that was lost or makes no sense is not the merchant's word that it has none."""
    merchant = _merchant()
    merchant.errors["b"] = MerchantAwayError("an answer that is no Checkout")
    assert await _available(merchant) == {"a": True, "c": True}


@pytest.mark.parametrize(
    "values", [{"delivery_minor": -20}, {"unit_price_minor": 10**12 + 1}, {"currency": "usd"}, {"currency": "EUR"}]
)
async def test_a_price_that_cannot_be_told_is_left_out(values: dict[str, object]) -> None:
    """It is never a fault of who asked, and says nothing of the stock; so is one in a currency nobody asked for."""
    merchant = _merchant()
    merchant.values["b"] = values
    assert await _available(merchant) == {"a": True, "c": True}


async def test_a_session_that_cannot_be_closed_costs_no_price() -> None:
    """The quote was good; an open session ends by itself."""
    merchant = _merchant()
    merchant.faults = lambda request: Mode.AWAY if request == "cancel" else None
    assert await _available(merchant) == dict.fromkeys(SKUS, True)


@pytest.mark.parametrize(("count", "asked_max"), [(1, 1), (3, 3), (50, 9)])
async def test_a_merchant_that_answers_to_nothing_is_away(count: int, asked_max: int) -> None:
    """It is not asked about every product before that is said."""
    merchant = _merchant(count)
    merchant.errors = dict.fromkeys(merchant.shelves, MerchantAwayError("no connection"))
    with pytest.raises(MerchantAwayError):
        await _available(merchant)
    assert merchant.asked <= asked_max
