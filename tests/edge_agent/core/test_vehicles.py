"""What vehicles tell in passing: the latest of each, no longer than it is fresh, and half a place is none."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from edge_agent.core.journey import FRESH_FOR, STILL_FOR, Position, is_standing, journey
from edge_agent.core.messages import Decoded, DeviceId, Presence, Reading
from edge_agent.core.vehicles import ARRIVES_IN, GEAR, LATITUDE, LONGITUDE, MOTION, SPEED, Vehicles
from tests.edge_agent.core.test_journey import HOME, PLACES
from tests.edge_agent.samples import NOW

CAR = DeviceId("tesla.1")
SECOND = timedelta(seconds=1)
THERE = {LATITUDE: HOME.at.latitude, LONGITUDE: HOME.at.longitude, ARRIVES_IN: 1_800.0}


def told(at: datetime = NOW, *, device: DeviceId = CAR, **said: float | str | None) -> Decoded:
    """A message of a vehicle, None for what it takes back; names as in `THERE`, with `__` for the point."""
    values = {name.replace("__", "."): value for name, value in said.items()}
    return Decoded(
        device=device, profile="p", topic="t", boot=None, seq=None, digest="", event_at=at, received_at=at,
        duplicate=False, readings=(), leaves_nothing=True,
        in_passing=tuple(
            Reading(name, Presence.UNKNOWN if value is None else Presence.VALUE, value, "")
            for name, value in values.items()
        ),
    )  # fmt: skip


def heard(*messages: Decoded) -> Vehicles:
    """What is known after these."""
    vehicles = Vehicles()
    for each in messages:
        vehicles.note(each)
    return vehicles


def test_a_drive_to_a_place_of_the_home() -> None:
    """Destination and minutes left come out as a route, which the rules of journeys read."""
    found = journey(heard(told(**THERE)).route(CAR, now=NOW + SECOND), places=PLACES, now=NOW + SECOND)
    assert found is not None
    assert (found.place, found.arrives_at) == ("home", NOW + timedelta(minutes=30))


def test_a_route_that_is_taken_back_is_gone() -> None:
    """The end of a route is no destination any more, at once."""
    vehicles = heard(told(**THERE), told(NOW + SECOND, **dict.fromkeys(THERE)))
    assert vehicles.route(CAR, now=NOW + SECOND) is None


def test_half_a_place_is_none() -> None:
    """One coordinate alone says nothing, nor does one of this destination and one of the last."""
    assert heard(told(**{LATITUDE: 52.5})).route(CAR, now=NOW) is None
    halves = told(**THERE), told(NOW + 11 * SECOND, **{LATITUDE: 10.0})
    assert heard(*halves).route(CAR, now=NOW + 11 * SECOND) is None
    whole = heard(*halves, told(NOW + 12 * SECOND, **{LONGITUDE: 20.0})).route(CAR, now=NOW + 12 * SECOND)
    assert whole is not None
    assert whole.destination == Position(10.0, 20.0)


def test_what_is_late_changes_nothing() -> None:
    """A message from before the last one is not the newest word."""
    vehicles = heard(told(**{SPEED: 30.0}), told(NOW - SECOND, **{SPEED: 0.0}))
    assert is_standing(vehicles.motion(CAR, now=NOW), now=NOW) is False


@pytest.mark.parametrize(
    ("messages", "later", "stands"),
    [
        ((told(**{SPEED: 0.0}),), timedelta(), True),
        ((told(**{SPEED: 0.0}),), STILL_FOR, True),
        ((told(**{SPEED: 0.0}),), STILL_FOR + SECOND, None),  # the light may have changed
        ((told(**{GEAR: "parked"}),), FRESH_FOR, True),
        ((told(**{GEAR: "parked"}),), FRESH_FOR + SECOND, None),
        ((told(**{GEAR: "in_gear"}),), timedelta(), None),
        ((told(**{MOTION: "standing"}),), SECOND, True),
        ((told(**{MOTION: "moving", SPEED: 0.0}),), SECOND, None),
        ((told(**{SPEED: 3.0}), told(NOW + SECOND, **{GEAR: "parked"})), 2 * SECOND, None),
        ((told(**{SPEED: 3.0}), told(NOW + SECOND, **{GEAR: "parked"})), STILL_FOR + SECOND, True),
        ((told(device=DeviceId("another"), **{SPEED: 0.0}),), timedelta(), None),
        ((told(NOW + SECOND, **{SPEED: 0.0}),), timedelta(), None),  # told by a clock that is ahead
    ],
)
def test_whether_it_stands(messages: tuple[Decoded, ...], later: timedelta, stands: bool | None) -> None:
    """Parked counts for as long as it is fresh, a standstill for a minute, and another car's not at all."""
    assert is_standing(heard(*messages).motion(CAR, now=NOW + later), now=NOW + later) is stands


def test_vehicles_are_remembered_up_to_a_limit() -> None:
    """Of too many, those that have been silent longest are forgotten; what tells no motion is no vehicle."""
    many = heard(*(told(device=DeviceId(f"car-{number:03}"), **{SPEED: 0.0}) for number in range(60)))
    assert many.names() == tuple(DeviceId(f"car-{number:03}") for number in range(10, 60))
    assert heard(told()).names() == ()
