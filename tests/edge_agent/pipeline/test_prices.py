"""When the price list is asked for: about once a day, and not by all hubs in the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from edge_agent.errors import BridgeUnreachableError
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.ports import Bridge
from tests.edge_agent.pipeline.test_review import Kitchen
from tests.edge_agent.pipeline.test_substitutes import LOW, Lists, give_leave, opened, refuse
from tests.edge_agent.substitutes import milk


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    """Milk, with two substitutes of which one is another merchant's."""
    with opened(tmp_path, milk()) as made:
        yield made


def keeper_of(kitchen: Kitchen, lists: Lists, *, chance: Callable[[], float]) -> PriceKeeper:
    """Who keeps the price history of this home."""
    return PriceKeeper(
        bridge=cast("Bridge", lists),
        orders=kitchen.orders,
        household=kitchen.household,
        clock=kitchen.clock,
        every_s=86_400,
        chance=chance,
    )


def due_after_h(kitchen: Kitchen, keeper: PriceKeeper) -> float:
    """Looks on the review's schedule until the list is due."""
    began = kitchen.clock.now()
    while not keeper.due():
        kitchen.clock.advance(minutes=15)
        assert kitchen.clock.now() - began < timedelta(days=3)
    return (kitchen.clock.now() - began) / timedelta(hours=1)


@pytest.mark.parametrize(("chance", "least_h", "most_h"), [(0.0, 24, 24.25), (0.5, 22.8, 23.75), (0.99, 21.6, 23)])
async def test_each_hub_asks_at_a_time_of_its_own(
    kitchen: Kitchen, chance: float, least_h: float, most_h: float
) -> None:
    """Two that asked in the same moment do not ask in the same moment on the next day."""
    keeper = keeper_of(kitchen, Lists(kitchen), chance=lambda: chance)
    await keeper.run_once()
    assert least_h <= due_after_h(kitchen, keeper) <= most_h


@pytest.mark.parametrize("chance", [0.1, 0.5, 0.9])
async def test_after_an_outage_hubs_ask_over_an_hour(kitchen: Kitchen, chance: float) -> None:
    """All find their list old in the same moment, when the bridge or the power is back."""
    lists = Lists(kitchen)
    await keeper_of(kitchen, lists, chance=lambda: chance).run_once()
    kitchen.clock.advance(hours=30)
    started_again = keeper_of(kitchen, lists, chance=lambda: chance)
    assert chance <= due_after_h(kitchen, started_again) <= chance + 0.25


async def test_a_bridge_that_is_away_is_asked_again_in_a_while(kitchen: Kitchen) -> None:
    """Not on every look of the review, which would bring all hubs back within a quarter of an hour."""
    lists = Lists(kitchen)
    keeper = keeper_of(kitchen, lists, chance=lambda: 0.9)
    await keeper.run_once()
    due_after_h(kitchen, keeper)
    lists.away |= {"grocer", "baker"}
    with pytest.raises(BridgeUnreachableError):
        await keeper.run_once()
    assert 0.9 <= due_after_h(kitchen, keeper) <= 1.15


async def test_a_product_without_a_price_waits_for_nothing(kitchen: Kitchen) -> None:
    """Somebody has just begun to keep it, and cannot be asked about it before it has one."""
    keeper = keeper_of(kitchen, Lists(kitchen, away={"baker"}), chance=lambda: 0.9)
    assert keeper.due()
    with pytest.raises(BridgeUnreachableError):
        await keeper.run_once()
    assert keeper.due()


async def test_a_list_that_was_wrong_waits_for_nothing(kitchen: Kitchen) -> None:
    """An order was refused for it, so the need is there now."""
    give_leave(kitchen)
    keeper = keeper_of(kitchen, Lists(kitchen), chance=lambda: 0.9)
    await keeper.run_once()
    kitchen.see(*LOW)
    assert not keeper.due()
    refuse(kitchen)
    assert keeper.due()
