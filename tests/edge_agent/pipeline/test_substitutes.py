"""Substitutes on the real stores: bought where the bound product cannot be had, and counted as one stock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import cast

import pytest

from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import Intent, PriceQuery
from edge_agent.adapters.forecaster import RuleForecaster
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household, Item, Product
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.authority import verify_authority
from edge_agent.core.leave.mandate import Acceptable, MandateItem, MandateRecord
from edge_agent.core.messages import Alert, ItemId, Price
from edge_agent.errors import BridgeUnreachableError
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.ports import Bridge
from tests.cloud_bridge.rig import HandClock
from tests.edge_agent.leave import draft
from tests.edge_agent.pipeline.desk import open_desk
from tests.edge_agent.pipeline.test_review import MILK_ID, Kitchen, review_of
from tests.edge_agent.samples import MILK, price
from tests.edge_agent.substitutes import OAT, SKIMMED, milk

LOW = (900, 890, 880, 870)


@contextmanager
def opened(folder: Path, item: Item) -> Iterator[Kitchen]:
    """A home that keeps this item, with merchants that can be drawn on, nothing priced or read yet."""
    with open_desk(folder) as desk:
        desk.household.household = Household(items=(item,))
        desk.watch.classes = {"grocer": "A", "baker": "B"}
        review = review_of(desk, forecaster=RuleForecaster())
        yield Kitchen(desk.clock, SqliteReadings(desk.connection), desk.orders, desk.household, desk, review, count(1))


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    """Milk that a mandate may pay for, skimmed milk or oat drink instead."""
    with opened(tmp_path, milk()) as made:
        yield made


def tell(kitchen: Kitchen, product: Product = MILK.product, **changes: object) -> None:
    """A line of the price list."""
    listed = replace(price(at=kitchen.clock.now()), merchant=product.merchant, sku=product.sku)
    kitchen.orders.save_prices([replace(listed, **changes)])  # type: ignore[arg-type]


def give_leave(kitchen: Kitchen, *products: Product, max_minor: int = 2_000) -> MandateRecord:
    """Anna's mandate for milk and these products, in their order."""
    acceptable = tuple(Acceptable(merchant=one.merchant, sku=one.sku) for one in (MILK.product, *products))
    entry = MandateItem(item="milk", acceptable=acceptable, quantity_max=20)
    made = draft(budget_minor=30_000, max_minor=max_minor).model_copy(update={"items": (entry,)})
    return kitchen.desk.leave.mandates.propose(made, by="anna", pin_checked=False)


def ordered(kitchen: Kitchen) -> IntentRecord:
    """The one order under way."""
    [order] = kitchen.orders.intents(live=True, limit=5)
    return order


def bought(kitchen: Kitchen) -> str:
    """The article that the newest order is for, as its signed terms say."""
    order = kitchen.orders.last_intent(MILK_ID)
    assert order is not None
    leave = kitchen.orders.authority(order.id)
    assert leave is not None
    assert verify_authority(leave, verify=kitchen.desk.key.verify) is None
    return str(json.loads(leave.terms)["sku"])


def test_what_is_out_of_stock_is_drawn_as_its_substitute(kitchen: Kitchen) -> None:
    """Signed terms name the substitute, the receipt says instead of what, and nobody is asked."""
    give_leave(kitchen, OAT, SKIMMED)
    tell(kitchen, available=False)
    tell(kitchen, SKIMMED, unit_price_minor=60)
    tell(kitchen, OAT, unit_price_minor=199)
    kitchen.see(*LOW)
    order = ordered(kitchen)
    [row] = kitchen.orders.outbox(limit=5)
    terms = Intent.model_validate_json(row.body).terms
    assert (terms.merchant, terms.sku, terms.unit_price_minor) == ("baker", "oat-1l", 199)  # the mandate's order
    assert bought(kitchen) == "oat-1l"
    leave = kitchen.orders.authority(order.id)
    assert leave is not None
    assert leave.receipt is not None
    receipt = json.loads(leave.receipt)
    assert (receipt["title"], receipt["instead_of"]) == (OAT.title, MILK.product.title)
    assert (receipt["pack_amount"], receipt["quantity"]) == (OAT.pack_amount, terms.quantity)
    assert kitchen.orders.prompts(live=True, limit=5) == []
    asked = kitchen.orders.prompt(order.prompt)
    assert asked is not None
    assert {"instead_unavailable", "instead"} <= {reason.code for reason in asked.reasons}


def test_its_packs_count_for_the_same_stock(kitchen: Kitchen) -> None:
    """While the substitute is on its way nothing more is bought, also when the bound product is back."""
    give_leave(kitchen, OAT)
    tell(kitchen, available=False)
    tell(kitchen, OAT)
    kitchen.see(*LOW)
    order = ordered(kitchen)
    assert order.amount == order.quantity * OAT.pack_amount
    tell(kitchen)
    kitchen.see(860, 850, 840)
    kitchen.told(IntentState.PLACED)
    kitchen.told(IntentState.DELIVERED)
    kitchen.see(830)  # delivered, and the sensor has not seen it yet
    assert [one.id for one in kitchen.orders.intents(live=False, limit=5)] == [order.id]
    assert kitchen.orders.prompts(live=True, limit=5) == []


def test_without_leave_the_substitute_is_asked_for_by_its_name(kitchen: Kitchen) -> None:
    """The household's own first one that can be had, with why, and bought only when somebody says so."""
    tell(kitchen, available=False)
    tell(kitchen, SKIMMED, available=False)
    tell(kitchen, OAT)
    kitchen.see(*LOW)
    asked = kitchen.prompt()
    assert (asked.offer.title, asked.offer.instead_of) == (OAT.title, MILK.product.title)
    assert [reason.code for reason in asked.reasons][-3:] == ["instead_unavailable", "instead", "mandate_missing"]
    assert kitchen.orders.intents(live=False, limit=5) == []
    kitchen.approve()
    assert bought(kitchen) == "oat-1l"


def test_what_the_mandate_does_not_name_is_asked_for(kitchen: Kitchen) -> None:
    """The household lists it, the mandate does not: no leave."""
    give_leave(kitchen)
    tell(kitchen, available=False)
    tell(kitchen, SKIMMED, unit_price_minor=60)
    kitchen.see(*LOW)
    assert kitchen.prompt().offer.title == SKIMMED.title
    assert kitchen.prompt().reasons[-1].code == "mandate_product_not_covered"
    assert kitchen.orders.intents(live=False, limit=5) == []


def test_what_is_too_dear_for_the_mandate_is_replaced(kitchen: Kitchen) -> None:
    """It could be had, and is not bought for more than one order may cost."""
    made = give_leave(kitchen, SKIMMED, max_minor=1_500)
    tell(kitchen, unit_price_minor=900)
    tell(kitchen, SKIMMED, unit_price_minor=60)
    kitchen.see(*LOW)
    assert bought(kitchen) == SKIMMED.sku
    [row] = kitchen.desk.mandates.draws(made.id, limit=5)
    assert row.amount_minor <= 1_500
    asked = kitchen.orders.prompt(ordered(kitchen).prompt)
    assert asked is not None
    assert asked.reasons[-1].code == "instead_too_dear"


def test_a_merchant_that_has_none_after_all_is_left_for_a_substitute_once(kitchen: Kitchen) -> None:
    """Its word opens the way to the substitute at once; the substitute's own refusal ends the day."""
    give_leave(kitchen, SKIMMED)
    tell(kitchen)
    tell(kitchen, SKIMMED, unit_price_minor=60)
    kitchen.see(*LOW)
    assert bought(kitchen) == MILK.product.sku
    refuse(kitchen)
    kitchen.see(865)
    assert bought(kitchen) == SKIMMED.sku
    refuse(kitchen)
    kitchen.see(860, 855, 850)
    assert len(kitchen.orders.intents(live=False, limit=9)) == 2
    assert kitchen.orders.prompts(live=True, limit=5) == []


def test_an_old_price_is_found_behind_many_of_its_substitutes(kitchen: Kitchen) -> None:
    """The bound product's last word is what counts, however often the others were listed since."""
    give_leave(kitchen, SKIMMED)
    tell(kitchen)
    kitchen.clock.advance(days=4)
    for _ in range(101):
        tell(kitchen, SKIMMED, unit_price_minor=60)
    kitchen.see(*LOW)
    assert bought(kitchen) == SKIMMED.sku


def test_before_a_first_price_nothing_is_replaced(kitchen: Kitchen) -> None:
    """A list that has not come yet says nothing; one that is too old is no list."""
    give_leave(kitchen, SKIMMED)
    tell(kitchen, SKIMMED, unit_price_minor=60)
    kitchen.see(*LOW)
    assert isinstance(kitchen.review.latest[MILK_ID].decision, Alert)
    assert kitchen.orders.intents(live=False, limit=5) == []
    tell(kitchen)
    kitchen.clock.advance(days=4)
    tell(kitchen, SKIMMED, unit_price_minor=60)
    kitchen.see(*LOW)
    assert bought(kitchen) == SKIMMED.sku


@pytest.mark.parametrize("seed", range(6))
def test_never_both_and_never_without_a_reason(tmp_path: Path, seed: int) -> None:
    """A month of shortages, prices and refusals: one order at a time, each of a product that was free to be bought."""
    rng = Random(seed)
    with opened(tmp_path, milk()) as kitchen:
        give_leave(kitchen, OAT, SKIMMED, max_minor=2_000)
        seen: set[str] = set()
        for _ in range(30):
            kitchen.clock.advance(hours=rng.randint(2, 30))
            lines = {one.sku: (rng.random() < 0.6, rng.choice([60, 120, 450])) for one in (MILK.product, SKIMMED, OAT)}
            for one in (MILK.product, SKIMMED, OAT):
                tell(kitchen, one, available=lines[one.sku][0], unit_price_minor=lines[one.sku][1])
            last = kitchen.orders.last_intent(MILK_ID)
            kitchen.see(*(700 - n for n in range(3)), every_h=0.1)
            for order in kitchen.orders.intents(live=False, limit=99):
                if order.id in seen:
                    continue
                seen.add(order.id)
                sku = bought(kitchen)
                assert lines[sku][0], f"{sku} was not to be had"
                refused = last is not None and last.detail == "out_of_stock"
                too_dear = lines[MILK.product.sku][1] == 450
                assert sku == MILK.product.sku or refused or too_dear or not lines[MILK.product.sku][0]
            assert (
                len(kitchen.orders.intents(live=True, limit=9)) + len(kitchen.orders.prompts(live=True, limit=9)) <= 1
            )
            if kitchen.orders.live_intent(MILK_ID) is not None and rng.random() < 0.7:
                refuse(kitchen) if rng.random() < 0.5 else settle(kitchen)
        assert seen


def refuse(kitchen: Kitchen) -> None:
    """The merchant has none."""
    order = ordered(kitchen)
    change = intents.step(order, IntentState.REJECTED, at=kitchen.clock.now(), detail="out_of_stock")
    assert change is not None
    kitchen.orders.change_intents([change], cursor=None)


def settle(kitchen: Kitchen) -> None:
    """It is placed and brought, and used up by the next look."""
    kitchen.told(IntentState.PLACED)
    kitchen.told(IntentState.DELIVERED)


# --- prices ---


@dataclass
class Lists:
    """Fulfils what the price keeper needs of `Bridge`; merchants that are `away` give no list."""

    kitchen: Kitchen
    away: set[str] = field(default_factory=set)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """A line for each."""
        del delivery_ref
        [merchant] = {item.product.merchant for item in items}
        self.asked.append(tuple(item.product.sku for item in items))
        if merchant in self.away:
            raise BridgeUnreachableError("away")
        now = self.kitchen.clock.now()
        return [replace(price(at=now), merchant=merchant, sku=item.product.sku) for item in items]


def keeper_of(kitchen: Kitchen, bridge: object) -> PriceKeeper:
    """Who keeps the price history of this home."""
    return PriceKeeper(
        bridge=cast("Bridge", bridge),
        orders=kitchen.orders,
        household=kitchen.household,
        clock=kitchen.clock,
        every_s=86_400,
    )


async def test_prices_of_substitutes_are_asked_for_with_the_others(kitchen: Kitchen) -> None:
    """On the same schedule, whether or not anything is missing; a list is due while any of them is."""
    lists = Lists(kitchen, away={"baker"})
    keeper = keeper_of(kitchen, lists)
    assert keeper.due()
    with pytest.raises(BridgeUnreachableError):
        await keeper.run_once()
    assert lists.asked == [("oat-1l",), ("milk-whole-1l", "milk-skimmed-1l")]
    assert {one.sku for one in kitchen.orders.prices(ItemId("milk"), limit=9)} == {"milk-whole-1l", "milk-skimmed-1l"}
    assert keeper.due()
    lists.away.clear()
    assert await keeper.run_once() == 1  # only the merchant that was away is asked again
    assert not keeper.due()
    kitchen.clock.advance(days=1)
    assert await keeper.run_once() == 3


@dataclass
class Timing(SimulatedMerchant):
    """A merchant that does not answer for some of its products."""

    silent: set[str] = field(default_factory=set)

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """A quote, or nothing in time."""
        if wanted.sku in self.silent:
            raise MerchantAwayError("timed out")
        return await SimulatedMerchant.quote(self, wanted, key=key, session_id=session_id)


@dataclass
class Desks:
    """What the price keeper needs of `Bridge`, with the real desk of the bridge behind it."""

    kitchen: Kitchen
    merchants: dict[str, Timing]
    asked: int = 0

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """The lines of the desk's list."""
        self.asked += 1
        [merchant] = {item.product.merchant for item in items}
        desk = PriceDesk(self.merchants, clock=HandClock(), new_key=map(str, count(1)).__next__)
        skus = tuple(item.product.sku for item in items)
        told = await desk.list_prices(PriceQuery(merchant=merchant, delivery_ref=delivery_ref, skus=skus))
        now = self.kitchen.clock.now()
        return [
            Price(
                MILK_ID, merchant, one.sku, one.unit_price_minor, one.delivery_minor, one.currency, one.available, now
            )
            for one in told.lines
        ]


async def test_a_product_that_was_not_answered_for_is_not_replaced(kitchen: Kitchen) -> None:
    """A merchant that times out for the bound product has not said that it has none; its old price holds."""
    give_leave(kitchen, SKIMMED)
    grocer = Timing({one.sku: Shelf(one.title, 119, 99) for one in (MILK.product, SKIMMED)})
    desks = Desks(kitchen, {"grocer": grocer, "baker": Timing({OAT.sku: Shelf(OAT.title, 119, 99)})})
    keeper = keeper_of(kitchen, desks)
    await keeper.run_once()
    grocer.silent.add(MILK.product.sku)
    kitchen.clock.advance(days=1)
    await keeper.run_once()
    kitchen.see(*LOW)
    assert bought(kitchen) == MILK.product.sku


async def test_a_product_that_is_left_out_is_asked_for_again_in_a_while(kitchen: Kitchen) -> None:
    """Its price is still missing, but a merchant that has just answered is not asked on every look."""
    grocer = Timing({one.sku: Shelf(one.title, 119, 99) for one in (MILK.product, SKIMMED)}, silent={SKIMMED.sku})
    desks = Desks(kitchen, {"grocer": grocer, "baker": Timing({OAT.sku: Shelf(OAT.title, 119, 99)})})
    keeper = keeper_of(kitchen, desks)
    assert await keeper.run_once() == 2
    assert not keeper.due()
    kitchen.clock.advance(hours=1)
    assert keeper.due()
    grocer.silent.clear()
    assert await keeper.run_once() == 2  # both of the grocer's, and the baker is left alone
    assert (desks.asked, keeper.due()) == (3, False)


async def test_no_price_is_asked_for_what_nobody_can_order(kitchen: Kitchen) -> None:
    """No merchant is told of it."""
    product = MILK.product.model_copy(update={"merchant": "", "sku": ""})
    watched = MILK.model_copy(update={"product": product, "mode": "shadow"})
    kitchen.household.household = Household(items=(watched,))
    lists = Lists(kitchen)
    keeper = keeper_of(kitchen, lists)
    assert not keeper.due()
    assert await keeper.run_once() == 0
    assert lists.asked == []
