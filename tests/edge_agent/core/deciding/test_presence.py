"""Days away and with guests change how fast life goes on, as told; what sensors see counts until somebody tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.catalogue import DateRange, Preferences
from edge_agent.core.deciding.presence import AWAY_PACE, GUESTS_PACE, Presence, Shift, away_pace
from tests.edge_agent.consumables import MILK, stock_estimate

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def days(first: int, last: int) -> DateRange:
    """Days of March."""
    return DateRange(first=date(2026, 3, first), last=date(2026, 3, last))


AWAY = Presence(Preferences(away=(days(12, 18), days(19, 20))), zone="Europe/Berlin")


def test_a_usual_home_lives_day_by_day() -> None:
    """Without anything told or seen a day is a day."""
    usual = Presence(Preferences())
    assert (usual.lived_days(NOW, 3.5), usual.calendar_days(NOW, 3.5)) == (3.5, 3.5)


def test_hardly_anything_is_used_while_away() -> None:
    """Two days until they leave at midnight in Berlin, nine away, and one back."""
    lived = AWAY.lived_days(NOW, 11.5)
    assert lived == pytest.approx(35 / 24 + 9 * AWAY_PACE + (11.5 - 9 - 35 / 24))


def test_guests_use_more() -> None:
    """A day with guests is more than one."""
    guests = Presence(Preferences(guests=(days(10, 20),)))
    assert guests.lived_days(NOW, 2.0) == pytest.approx(2 * GUESTS_PACE)


def test_absences_that_touch_are_one() -> None:
    """The return is the end of the last of them."""
    assert AWAY.away_until(NOW + timedelta(days=4)) == date(2026, 3, 20)
    assert AWAY.away_until(NOW) is None
    assert AWAY.away_until(NOW + timedelta(days=11)) is None


@given(
    stays=st.lists(st.tuples(st.integers(1, 28), st.integers(0, 9), st.sampled_from(["away", "guests"])), max_size=4),
    span=st.floats(0, 60),
)
@settings(max_examples=100, deadline=None)
def test_calendar_days_are_the_inverse_of_lived_days(stays: list[tuple[int, int, str]], span: float) -> None:
    """There and back again, whatever was told, and time never runs backwards."""
    told: dict[str, list[DateRange]] = {"away": [], "guests": []}
    for first, length, kind in stays:
        told[kind].append(days(first, min(31, first + length)))
    home = Presence(Preferences(away=tuple(told["away"]), guests=tuple(told["guests"])), zone="Europe/Berlin")
    lived = home.lived_days(NOW, span)
    assert home.calendar_days(NOW, lived) == pytest.approx(span, abs=1e-6)
    assert lived <= home.lived_days(NOW, span + 1)


def test_what_is_told_stands_above_what_is_seen() -> None:
    """Seen guests raise the pace until somebody says that all is as usual; a seen absence is only asked about."""
    shift, today = Shift("guests", since=date(2026, 3, 8), pace=2.0), NOW.date()
    seen = Presence(Preferences(), seen=shift, seen_on=today)
    told = Presence(Preferences(as_usual=(days(10, 17),)), seen=shift, seen_on=today)
    empty = Presence(Preferences(), seen=Shift("away", since=today, pace=0.1), seen_on=today)
    assert (seen.pace(today), told.pace(today), empty.pace(today)) == (2.0, 1.0, 1.0)
    assert seen.pace(today + timedelta(days=30)) == 1.0
    assert empty.seems_empty(NOW)
    assert not seen.seems_empty(NOW)


@pytest.mark.parametrize(("first", "last"), [("2026-03-02", "2026-03-01"), ("2026-03-01", "2028-03-01")])
def test_days_that_cannot_be_meant_are_refused(first: str, last: str) -> None:
    """The file says what is wrong with them."""
    with pytest.raises(ValidationError):
        DateRange(first=date.fromisoformat(first), last=date.fromisoformat(last))


def test_what_is_used_in_an_absence_is_learned_from_absences() -> None:
    """An item that went on while they were away is expected to go on in the next one; milk is not."""
    today = date(2026, 3, 10)
    past = Presence(Preferences(away=(DateRange(first=today - timedelta(days=12), last=today - timedelta(days=4)),)))
    months = [(today - timedelta(days=age), 500.0) for age in range(30, 0, -1)]
    stood = [(day, 0.0 if past.preferences.away[0].covers(day) else used) for day, used in months]
    goes_on, stops = (replace(stock_estimate(MILK, packs=2.0), daily_use=tuple(used)) for used in (months, stood))
    assert away_pace(MILK, goes_on, presence=past) > 0.7
    assert away_pace(MILK, stops, presence=past) < 0.1
    assert away_pace(MILK, goes_on, presence=Presence(Preferences())) == AWAY_PACE


def test_pets_eat_while_nobody_is_at_home() -> None:
    """Before the first absence the category says so."""
    food = MILK.model_copy(update={"category": "cat_food"})
    assert away_pace(food, stock_estimate(food, packs=2.0), presence=Presence(Preferences())) == 1.0
    fed = Presence(Preferences(away=(days(12, 18),)), away_pace=1.0)
    assert fed.lived_days(NOW, 11.5) == pytest.approx(11.5)
