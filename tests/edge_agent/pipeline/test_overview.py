"""What the pages show, gathered from real stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from edge_agent.adapters.forecaster import RuleForecaster
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.core.catalogue import Household, Item, Product
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import ItemId, Price
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.ports import Bridge
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.pipeline.test_review import review_of
from tests.edge_agent.samples import MILK, NOW, price, prompt
from tests.edge_agent.substitutes import OAT, SKIMMED, milk

_MILK_ID = ItemId("milk")


@contextmanager
def opened(folder: Path, *items: Item) -> Iterator[tuple[Desk, HomeOverview]]:
    """A home with these items, and what its pages are given."""
    with open_desk(folder) as desk:
        desk.household.household = Household(items=items)
        yield (
            desk,
            HomeOverview(
                household=desk.household,
                inspection=SqliteInspection(desk.connection),
                orders=desk.orders,
                review=review_of(desk, forecaster=RuleForecaster()),
                bridge=cast("Bridge", desk.bridge),
            ),
        )


def _list(product: Product, *, days_ago: int, item: str = "milk") -> Price:
    listed = replace(price(at=NOW - timedelta(days=days_ago)), merchant=product.merchant, sku=product.sku)
    return replace(listed, item=ItemId(item), unit_price_minor=100 + days_ago)


def _told(prices: tuple[Price, ...], product: Product) -> list[int]:
    return [each.unit_price_minor for each in prices if (each.merchant, each.sku) == (product.merchant, product.sku)]


@pytest.fixture
def priced(tmp_path: Path) -> Iterator[tuple[Desk, HomeOverview]]:
    """Milk whose own merchant was last heard of 200 lists of its substitutes ago."""
    with opened(tmp_path, milk()) as (desk, overview):
        desk.orders.save_prices([_list(MILK.product, days_ago=days) for days in (302, 301)])
        for days in range(300, 100, -1):
            desk.orders.save_prices([_list(OAT, days_ago=days), _list(SKIMMED, days_ago=days)])
        yield desk, overview


def test_the_lists_of_substitutes_do_not_push_the_bound_products_out(priced: tuple[Desk, HomeOverview]) -> None:
    """A merchant that is away for long is still the one whose last price is shown, newest first."""
    _, overview = priced
    shown = overview.item(_MILK_ID)
    assert shown is not None
    assert _told(shown.prices, MILK.product) == [401, 402]
    assert _told(shown.prices, OAT)[:2] == [201, 202]


def test_a_list_of_all_items_has_the_newest_price_of_every_product(priced: tuple[Desk, HomeOverview]) -> None:
    """However many items and products there are, and however long each was not heard of."""
    desk, overview = priced
    many = [MILK.model_copy(update={"id": f"item-{n}"}) for n in range(120)]
    desk.household.household = Household(items=(milk(), *many))
    desk.orders.save_prices([_list(MILK.product, days_ago=5, item=item.id) for item in many])
    told = {known.item.id: known.prices for known in overview.items()}
    assert len(told) == 121
    assert [_told(told["milk"], product) for product in milk().products] == [[401], [201], [201]]
    assert all(_told(told[item.id], MILK.product) == [105] for item in many)


def test_every_order_that_is_wanted_back_is_shown_so(tmp_path: Path) -> None:
    """However many wait for the bridge."""
    many = [MILK.model_copy(update={"id": f"item-{n}"}) for n in range(201)]
    with opened(tmp_path, *many) as (desk, overview):
        for item in many:
            asked = prompt(f"p-{item.id}", item=item.id)
            desk.orders.add_prompt(asked)
            order = desk.leave.answering.approve(asked.id, terms_hash=asked.terms_hash, by="anna", pin_checked=False)
            assert isinstance(order, IntentRecord)
            [row] = [row for row in desk.orders.outbox(limit=500) if row.intent == order.id]
            assert desk.orders.claim(row, at=desk.clock.now())
            desk.orders.wish_cancel(row.intent, by="anna", at=desk.clock.now())
        assert len(overview.wanted_back()) == 201
