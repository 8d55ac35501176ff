"""Where a vehicle of the home is going, and whether it stands: from what it tells now, for as long as that is fresh.

A place is looked at and not kept: what comes out names one of the household's own places and a time, no coordinates.
Nothing is guessed: a signal that is missing, stale or cannot be is unknown, and so is what follows from it.

Source: distances by the haversine formula on a sphere of the mean earth radius (IUGG), which errs by less than 0.6 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, cos, isfinite, radians, sin, sqrt

FRESH_FOR = timedelta(minutes=5)
STILL_FOR = timedelta(minutes=1)  # what stands with its gear in may drive off at any moment
AHEAD_MAX = timedelta(hours=24)  # a longer drive is not one that somebody shops on
_EARTH_RADIUS_M = 6_371_008.8
_LATITUDE_MAX, _LONGITUDE_MAX = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees, WGS 84."""

    latitude: float
    longitude: float

    @property
    def is_sound(self) -> bool:
        """Whether there is such a place. 0, 0 is what a receiver says that has none."""
        known = isfinite(self.latitude) and isfinite(self.longitude) and (self.latitude, self.longitude) != (0, 0)
        return known and abs(self.latitude) <= _LATITUDE_MAX and abs(self.longitude) <= _LONGITUDE_MAX


@dataclass(frozen=True, slots=True)
class Place:
    """A place that the household has named: home, work, where a merchant hands over. `within_m`: so near is there."""

    name: str
    at: Position
    within_m: float


@dataclass(frozen=True, slots=True)
class Route:
    """What a vehicle tells of its navigation: None for what it does not. `told_at` is when."""

    told_at: datetime
    destination: Position | None = None
    arrives_at: datetime | None = None
    arrives_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Motion:
    """What a vehicle tells of its motion: None for what it does not. `told_at` is when."""

    told_at: datetime
    speed_km_per_h: float | None = None
    is_moving: bool | None = None
    is_parked: bool | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """A drive that goes on. `place` is the name of one of the household's; None for each that is unknown."""

    place: str | None
    arrives_at: datetime | None


def journey(route: Route | None, *, places: Sequence[Place], now: datetime) -> Journey | None:
    """Where it goes and when it arrives; None: no drive is known of."""
    if route is None or not is_fresh(route.told_at, now=now):
        return None
    found = Journey(_nearest(route.destination, places), _arrival(route, now=now))
    return None if found == Journey(None, None) else found


def is_standing(motion: Motion | None, *, now: datetime) -> bool | None:
    """Whether it stands; None: unknown. Where its signals contradict each other, it is unknown too.

    That it is parked counts for as long as it is fresh; that it stands, at a red light perhaps, for a minute.
    """
    if motion is None or not is_fresh(motion.told_at, now=now, within=FRESH_FOR if motion.is_parked else STILL_FOR):
        return None
    speed = motion.speed_km_per_h
    stands_still = None if speed is None or not isfinite(speed) or speed < 0 else speed == 0
    is_at_rest = None if motion.is_moving is None else not motion.is_moving
    said = {each for each in (stands_still, is_at_rest, motion.is_parked or None) if each is not None}
    return said.pop() if len(said) == 1 else None


def distance_m(one: Position, other: Position) -> float:
    """Along the surface, in metres."""
    first, second = radians(one.latitude), radians(other.latitude)
    across = sin((second - first) / 2) ** 2
    along = cos(first) * cos(second) * sin(radians(other.longitude - one.longitude) / 2) ** 2
    return 2 * _EARTH_RADIUS_M * asin(min(1.0, sqrt(across + along)))


def is_fresh(told_at: datetime, *, now: datetime, within: timedelta = FRESH_FOR) -> bool:
    """What is told from the future is told by a clock that is wrong."""
    return timedelta() <= now - told_at <= within


def _nearest(destination: Position | None, places: Sequence[Place]) -> str | None:
    """The nearest of the places that it is near enough to; two that are as near are neither."""
    if destination is None or not destination.is_sound:
        return None
    near = [(distance_m(destination, place.at), place) for place in places if place.at.is_sound]
    there = sorted((away, place.name) for away, place in near if away <= place.within_m)
    is_clear = len(there) == 1 or (len(there) > 1 and there[0][0] < there[1][0])
    return there[0][1] if is_clear else None


def _arrival(route: Route, *, now: datetime) -> datetime | None:
    """By the time that it tells, or else counted from when it told how long it takes; one that is over is none."""
    at = route.arrives_at
    if at is None and route.arrives_in is not None and timedelta() <= route.arrives_in <= AHEAD_MAX:
        at = route.told_at + route.arrives_in
    return at if at is not None and now <= at <= now + AHEAD_MAX else None
