"""Which ways of delivery a household lets goods come by, how long each takes, and what each emits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.catalogue import DeliveryCarbon, DeliveryKind, MerchantSaid, OnRequest, Preferences
from edge_agent.core.choosing.delivering import co2e_g, is_accepted, lead_by, ways
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.messages import Delivery
from tests.edge_agent.samples import NOW, price

_TODAY = NOW.date()
STD = Delivery("std", 500, "standard")
FAST = Delivery("fast", 900, "same_day")
UNTOLD = Delivery("odd", 700)
AT_ONCE = Delivery("now", 100, "instant")
LOCKER = Delivery("hub/1", 0, "pick_up_point", place="Central station")
SHOP = Delivery("shop/1", 0, "nearest_store")
TOLD = replace(price(), deliveries=(STD, FAST, UNTOLD, AT_ONCE, LOCKER, SHOP))


def said(*accepts: OnRequest, merchant: str = "grocer", co2e: tuple[DeliveryCarbon, ...] = ()) -> Preferences:
    """A household that accepts these of a merchant."""
    return Preferences(merchants=(MerchantSaid(merchant=merchant, accepts=accepts, co2e=co2e),))


def _named(*accepts: OnRequest, is_compared: bool = True, merchant: str = "grocer") -> list[str]:
    found = ways(TOLD, preferences=said(*accepts, merchant=merchant), is_compared=is_compared)
    assert all((one.delivery_minor, one.deliveries) == (one.delivery.price_minor, TOLD.deliveries) for one in found
               if one.delivery is not None)  # fmt: skip
    return [one.delivery.id for one in found if one.delivery is not None]


@pytest.mark.parametrize("kind", ["instant", "pick_up_point", "nearest_store"])
def test_what_asks_something_of_the_household_is_used_where_it_said_so_of_that_merchant(kind: OnRequest) -> None:
    """Nobody is made to be at home at once, or to fetch anything, by a lower price."""
    assert not is_accepted(kind, merchant="grocer", preferences=Preferences())
    assert is_accepted(kind, merchant="grocer", preferences=said(kind))
    assert not is_accepted(kind, merchant="grocer", preferences=said(kind, merchant="baker"))


@pytest.mark.parametrize("kind", ["same_day", "standard", None])
def test_what_is_brought_to_the_door_is_always_accepted(kind: DeliveryKind | None) -> None:
    """A kind that nobody tells is what the merchant would be left to choose."""
    assert is_accepted(kind, merchant="grocer", preferences=Preferences())


@pytest.mark.parametrize(
    ("accepts", "compared", "usual"),
    [
        ((), ["std", "odd", "fast"], ["std"]),
        (("instant",), ["now", "std", "odd", "fast"], ["now"]),
        (("pick_up_point",), ["hub/1", "std", "odd", "fast"], ["std"]),
        (("nearest_store", "pick_up_point"), ["hub/1", "shop/1", "std", "odd", "fast"], ["std"]),
    ],
)
def test_ways_are_compared_or_the_usual_one_is_taken(
    accepts: tuple[OnRequest, ...], compared: list[str], usual: list[str]
) -> None:
    """The usual one comes to the door: to be fetched is worth a comparison, and never a habit."""
    assert _named(*accepts) == compared
    assert _named(*accepts, is_compared=False) == usual


def test_a_price_without_ways_is_as_it_was_and_one_with_none_accepted_is_none() -> None:
    """The first is a merchant that is left to choose; of the second nothing may be ordered."""
    assert ways(price(), preferences=Preferences(), is_compared=True) == (price(),)
    only = replace(price(), deliveries=(LOCKER, AT_ONCE))
    assert ways(only, preferences=Preferences(), is_compared=False) == ()
    [fetched] = ways(only, preferences=said("pick_up_point"), is_compared=False)
    assert fetched.delivery == LOCKER


@pytest.mark.parametrize(
    ("way", "mean_d"),
    [
        (None, 3.0),
        (STD, 3.0),
        (FAST, 1.0),
        (AT_ONCE, 0.0),
        (replace(STD, latest_on=_TODAY + timedelta(days=5)), 5.0),
        (replace(FAST, earliest_on=_TODAY, latest_on=_TODAY + timedelta(days=2)), 2.0),
        (replace(STD, latest_on=_TODAY - timedelta(days=1)), 0.0),
        (replace(STD, earliest_on=_TODAY + timedelta(days=1)), 3.0),
    ],
)
def test_a_way_takes_what_is_promised_or_what_its_kind_means_or_what_orders_took(
    way: Delivery | None, mean_d: float
) -> None:
    """Until the last day of the promise, and as unsure as this merchant's orders have been."""
    learned = LeadTime(3.0, 0.8, 9)
    assert lead_by(way, price(), learned=learned) == LeadTime(mean_d, 0.8, 9)


@pytest.mark.parametrize(
    ("way", "typed", "general", "grams"),
    [
        (STD, (), None, None),
        (STD, (), 900, 900),
        (None, (), 900, 900),
        (LOCKER, (), 900, None),
        (STD, ((None, 400),), 900, 400),
        (LOCKER, ((None, 400),), 900, 400),
        (LOCKER, ((None, 400), ("pick_up_point", 80)), 900, 80),
        (FAST, (("standard", 300),), 900, 900),
        (STD, (("standard", 0),), 900, 0),
    ],
)
def test_carbon_is_what_was_typed_for_the_way_then_the_merchant_then_any_delivery(
    way: Delivery | None, typed: tuple[tuple[DeliveryKind | None, int], ...], general: int | None, grams: int | None
) -> None:
    """Zero was typed, and nothing was not; what is fetched is no delivery to the door."""
    figures = tuple(DeliveryCarbon(kind=kind, grams=each, source="Carrier") for kind, each in typed)
    preferences = said(co2e=figures).model_copy(update={"delivery_co2e_g": general})
    told = price() if way is None else price().by(way)
    assert co2e_g(told, preferences=preferences) == grams
