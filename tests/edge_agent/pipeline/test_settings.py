"""What is set on the pages reaches the household's file, and the audit log says which field and never what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.core.catalogue import DateRange, Household
from edge_agent.core.household_edit import PreferencesEdit
from edge_agent.core.messages import ItemId
from edge_agent.errors import RefusedError
from edge_agent.pipeline.settings import Settings
from tests.edge_agent.samples import MILK

TODAY = date(2026, 3, 1)


class Home:
    """A household's file with one item, and what was noted."""

    def __init__(self, folder: Path) -> None:
        self.file = HouseholdFile(folder / "household.json")
        self.file.save(Household(items=(MILK,)))
        self.noted: list[Mapping[str, str | int]] = []
        self.settings = Settings(household=self.file, note=self.noted.append, today=lambda: TODAY)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """On a day in March."""
    return Home(tmp_path)


def stay(first_in_d: int, last_in_d: int) -> DateRange:
    """Days counted from today."""
    return DateRange(first=TODAY + timedelta(days=first_in_d), last=TODAY + timedelta(days=last_in_d))


def test_a_change_is_written_and_noted_without_what_it_says(home: Home) -> None:
    """When a home is quiet does not belong in a log."""
    quiet = {"start": "22:00", "end": "07:00"}
    home.settings.change(PreferencesEdit({"quiet_hours": quiet}, {"quiet_hours": None}), by="robin")
    assert home.settings.preferences().quiet_hours is not None
    assert home.noted == [{"event": "preferences_set", "fields": "quiet_hours", "by": "robin"}]


def test_a_change_of_nothing_writes_nothing(home: Home) -> None:
    """Not the file, and no line."""
    home.settings.change(PreferencesEdit({}, {}), by="robin")
    assert home.noted == []


def test_days_are_noted_and_taken_away_again(home: Home) -> None:
    """Others stay; taking away what is gone changes nothing."""
    home.settings.add_days("away", stay(1, 3), by="robin")
    home.settings.add_days("away", stay(9, 9), by="robin")
    home.settings.remove_days("away", stay(1, 3), by="robin")
    home.settings.remove_days("away", stay(1, 3), by="robin")
    assert home.settings.preferences().away == (stay(9, 9),)
    assert len(home.noted) == 3


@pytest.mark.parametrize(
    ("days", "why"),
    [(stay(-5, -1), "between today and"), (stay(300, 400), "between today and"), (stay(1, 3), "noted already")],
)
def test_days_that_cannot_be_meant_are_refused(home: Home, days: DateRange, why: str) -> None:
    """With the reason, and nothing is noted."""
    home.settings.add_days("guests", stay(1, 3), by="robin")
    with pytest.raises(RefusedError, match=why):
        home.settings.add_days("guests", days, by="robin")
    assert home.settings.preferences().guests == (stay(1, 3),)


def test_a_mode_is_set_once(home: Home) -> None:
    """The same mode again writes nothing; an item that is gone is refused."""
    item = ItemId(MILK.id)
    for _ in range(2):
        home.settings.set_mode(item, "shadow", by="robin")
    assert home.noted == [{"event": "mode_set", "item": item, "mode": "shadow", "by": "robin"}]
    with pytest.raises(RefusedError, match="no item tea"):
        home.settings.set_mode(ItemId("tea"), "ask", by="robin")
