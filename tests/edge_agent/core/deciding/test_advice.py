"""Advice is words: frost for a car, and of personal devices nothing unless the household allows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_agent.core.catalogue import Preferences
from edge_agent.core.deciding.advice import PersonalDay, advise
from tests.edge_agent.consumables import MILK, START, WASHER_FLUID

COFFEE = MILK.model_copy(update={"id": "coffee", "name": "Coffee", "category": "coffee"})
TIRED = [PersonalDay((START + timedelta(days=day)).date(), asleep_h=5.0, active_min=30.0) for day in range(20)]
WINTER = datetime(2026, 12, 1, tzinfo=UTC)


def test_personal_devices_are_not_looked_at_unless_allowed() -> None:
    """Off by default; on, it is one sentence."""
    assert advise(COFFEE, preferences=Preferences(), personal=TIRED, now=WINTER) == ()
    [said] = advise(COFFEE, preferences=Preferences(personal_advice=True), personal=TIRED, now=WINTER)
    assert said.code == "short_nights"
    assert advise(MILK, preferences=Preferences(personal_advice=True), personal=TIRED, now=WINTER) == ()


def test_washer_fluid_that_freezes_is_named_in_time() -> None:
    """In the cold half of the year, where the product's name does not say that it is safe."""
    north = Preferences(hemisphere="north")
    assert [said.code for said in advise(WASHER_FLUID, preferences=north, now=WINTER)] == ["frost"]
    safe = WASHER_FLUID.product.model_copy(update={"title": "Winter fluid -20"})
    assert advise(WASHER_FLUID.model_copy(update={"product": safe}), preferences=north, now=WINTER) == ()
    assert advise(WASHER_FLUID, preferences=Preferences(), now=WINTER) == ()
