"""Names of signals: the grammar, and what a name implies."""

from __future__ import annotations

import pytest

from edge_agent.core.signals import is_of_goods, quantity_of


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("milk.amount", "down"),
        ("detergent.remaining", "down"),
        ("detergent_2.remaining", "down"),
        ("washer_fluid.remaining", "down"),
        ("water_filter.used", "up"),
        ("cycle.count", "up"),
        ("toner_black.remaining", "down"),
        ("filament_12.remaining", "down"),
        ("salt.state", "none"),
        ("odometer", "up"),
        ("waste_bag.state", "none"),
        ("blade.remaining", "down"),
        ("cycle.programme", "none"),
        ("cycle.soil", "none"),
        ("cycle.weight", None),
        ("person.asleep_today", "none"),
        ("destination.latitude", "none"),
        ("vehicle.speed", "none"),
    ],
)
def test_known_names(name: str, direction: str | None) -> None:
    """A name of the list says in which direction it goes."""
    quantity = quantity_of(name)
    assert quantity is not None
    assert quantity.direction == direction


@pytest.mark.parametrize(
    "name", ["milk", "milk.level", "soap.amount", "Milk.amount", "milk.amount.x", "", ".", "milk_.amount", "_1.amount"]
)
def test_names_that_nobody_agreed_on(name: str) -> None:
    """A profile cannot invent a name."""
    assert quantity_of(name) is None


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("milk.amount", True),
        ("filament_12.remaining", True),
        ("filter.time_left", True),
        ("weight", True),
        ("range", False),
        ("battery", False),
        ("traction_battery.soc", False),
        ("service.distance_left", False),
        ("sensor_clean.remaining", False),
    ],
)
def test_what_is_driven_charged_or_cleaned_is_not_bought(name: str, *, is_it: bool) -> None:
    """It falls with use as goods do."""
    assert is_of_goods(name) is is_it
