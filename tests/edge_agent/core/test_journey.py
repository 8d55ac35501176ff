"""Where a vehicle goes and whether it stands: unknown stays unknown, and no place comes out."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.journey import (
    AHEAD_MAX,
    FRESH_FOR,
    STILL_FOR,
    Journey,
    Motion,
    Place,
    Position,
    Route,
    distance_m,
    is_standing,
    journey,
)
from tests.edge_agent.samples import NOW

HOME = Place("home", Position(52.5200, 13.4050), 150)
SHOP = Place("grocer", Position(52.5300, 13.4050), 150)
PLACES = (HOME, SHOP)
HALF_HOUR = timedelta(minutes=30)
TO_HOME = Route(NOW, destination=HOME.at, arrives_in=HALF_HOUR)

_DEGREES = st.floats(allow_nan=True, allow_infinity=True)
_POSITIONS = st.builds(Position, _DEGREES, _DEGREES)
_SOUND = st.builds(Position, st.floats(-90, 90), st.floats(-180, 180))
_SPANS = st.timedeltas(-timedelta(days=3), timedelta(days=3))


def test_a_drive_home() -> None:
    """The place by its name, and the time."""
    assert journey(TO_HOME, places=PLACES, now=NOW) == Journey("home", NOW + HALF_HOUR)
    stated = Route(NOW, destination=SHOP.at, arrives_at=NOW + HALF_HOUR)
    assert journey(stated, places=PLACES, now=NOW) == Journey("grocer", NOW + HALF_HOUR)
    assert [field.name for field in fields(Journey)] == ["place", "arrives_at"]


@pytest.mark.parametrize(
    "route",
    [None, Route(NOW), replace(TO_HOME, told_at=NOW - FRESH_FOR - timedelta(seconds=1)),
     replace(TO_HOME, told_at=NOW + timedelta(seconds=1)),
     Route(NOW, destination=Position(0, 0), arrives_in=-HALF_HOUR), Route(NOW, arrives_at=NOW + 2 * AHEAD_MAX)],
)  # fmt: skip
def test_what_is_not_told_or_not_fresh_is_no_journey(route: Route | None) -> None:
    """Nor what cannot be."""
    assert journey(route, places=PLACES, now=NOW) is None


def test_elsewhere_is_unknown_and_the_nearest_of_two_counts() -> None:
    """Two that are as near are neither."""
    elsewhere = replace(TO_HOME, destination=Position(48.1, 11.6))
    assert journey(elsewhere, places=PLACES, now=NOW) == Journey(None, NOW + HALF_HOUR)
    around = Place("around", Position(52.5205, 13.4050), 500)
    assert journey(TO_HOME, places=(around, HOME), now=NOW) == Journey("home", NOW + HALF_HOUR)
    twice = (HOME, replace(HOME, name="also"))
    assert journey(TO_HOME, places=twice, now=NOW) == Journey(None, NOW + HALF_HOUR)


@pytest.mark.parametrize(
    ("motion", "stands"),
    [
        (Motion(NOW, speed_km_per_h=0), True), (Motion(NOW, speed_km_per_h=3), False),
        (Motion(NOW, is_moving=False), True), (Motion(NOW, is_moving=True), False),
        (Motion(NOW, is_parked=True), True), (Motion(NOW, is_parked=False), None), (Motion(NOW), None), (None, None),
        (Motion(NOW, speed_km_per_h=30, is_parked=True), None), (Motion(NOW, speed_km_per_h=-1), None),
        (Motion(NOW, speed_km_per_h=float("nan")), None),
        (Motion(NOW - STILL_FOR, speed_km_per_h=0), True),
        (Motion(NOW - STILL_FOR - timedelta(seconds=1), speed_km_per_h=0), None),
        (Motion(NOW - FRESH_FOR, is_parked=True), True),
        (Motion(NOW - FRESH_FOR - timedelta(seconds=1), is_parked=True), None),
    ],
)  # fmt: skip
def test_whether_it_stands(motion: Motion | None, stands: bool | None) -> None:
    """Told and fresh and not contradicted; not being parked says nothing, it may wait at a light."""
    assert is_standing(motion, now=NOW) is stands


@given(_SOUND, _SOUND)
def test_a_distance_is_one(one: Position, other: Position) -> None:
    """The same both ways, nothing from a place to itself, and never more than half around the earth."""
    assert distance_m(one, one) == 0
    assert distance_m(one, other) == pytest.approx(distance_m(other, one), abs=1e-3)
    assert 0 <= distance_m(one, other) <= 20_015_115


def test_a_distance_that_is_known() -> None:
    """A degree of latitude is 111.2 km on the mean sphere."""
    assert distance_m(Position(50, 8), Position(51, 8)) == pytest.approx(111_195, rel=1e-4)


@given(st.none() | _POSITIONS, st.none() | _SPANS, st.none() | _SPANS, _SPANS, st.lists(_POSITIONS, max_size=4))
def test_no_journey_is_stale_over_or_to_a_place_without_name(
    destination: Position | None,
    at: timedelta | None,
    span: timedelta | None,
    age: timedelta,
    positions: list[Position],
) -> None:
    """Whatever a vehicle tells."""
    places = [Place(f"p{number}", each, 1_000) for number, each in enumerate(positions)]
    route = Route(NOW - age, destination, None if at is None else NOW + at, span)
    found = journey(route, places=places, now=NOW)
    if found is not None:
        assert timedelta() <= age <= FRESH_FOR
        assert found.place is None or found.place in {place.name for place in places}
        assert found.arrives_at is None or NOW <= found.arrives_at <= NOW + AHEAD_MAX
