"""Advice drawn from personal devices: off by default, and never an order."""

from __future__ import annotations

import inspect
from datetime import timedelta
from pathlib import Path

from edge_agent.core import decide
from edge_agent.core.catalogue import Preferences
from edge_agent.core.deciding import need
from edge_agent.core.deciding.advice import PersonalDay, advise
from tests.campaign.homes.household import START
from tests.campaign.homes.hub import household
from tests.scenes.stage import home, kept, staged

SHORT_NIGHTS = [PersonalDay((START - timedelta(days=21 - day)).date(), asleep_h=5.0) for day in range(21)]


def test_advice_from_personal_devices_is_off_by_default() -> None:
    """Three weeks of short nights say nothing about coffee until the household allows it."""
    (coffee,) = household(home(kept("coffee", packs=1))).items
    assert Preferences().personal_advice is False
    assert not advise(coffee, preferences=Preferences(), personal=SHORT_NIGHTS, now=START)
    allowed = advise(coffee, preferences=Preferences(personal_advice=True), personal=SHORT_NIGHTS, now=START)
    assert [reason.code for reason in allowed] == ["short_nights"]


def test_advice_never_orders(tmp_path: Path) -> None:
    """The same home with and without leave for advice asks for the very same, and no rule of deciding knows of it."""
    asked = {}
    for allowed in (False, True):
        preferences = Preferences(personal_advice=allowed)
        with staged(tmp_path / str(allowed), home(kept("coffee", packs=1.5)), preferences=preferences) as scene:
            scene.pass_days(12)
            asked[allowed] = [(each.item, each.offer.quantity, each.created_at) for each in scene.asked]
    assert asked[False]
    assert asked[False] == asked[True]
    assert all("advice" not in inspect.getsource(module) for module in (decide, need))
