"""What the home's vehicles tell in passing: the latest of each, in memory only, and forgotten when the hub stops.

Nothing of it is ever written down. It goes out as a `Route` and a `Motion` (`core.journey`), whose rules say how long
each counts. A value that a vehicle takes back is gone at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from edge_agent.core.journey import FRESH_FOR, STILL_FOR, Motion, Position, Route, is_fresh
from edge_agent.core.messages import Decoded, DeviceId, Presence

LATITUDE, LONGITUDE, ARRIVES_IN = "destination.latitude", "destination.longitude", "destination.arrives_in"
SPEED, MOTION, GEAR = "vehicle.speed", "vehicle.motion", "vehicle.gear"
MOVING, STANDING, PARKED = "moving", "standing", "parked"

_ONE_PLACE_WITHIN = timedelta(seconds=10)  # longer apart, one half is of another destination
_VEHICLES_MAX = 50


class _Told(NamedTuple):
    value: float | str
    at: datetime


class Vehicles:
    """The last of every signal that a vehicle told in passing; of more than `_VEHICLES_MAX` the silent ones go."""

    def __init__(self) -> None:
        self._told: OrderedDict[DeviceId, dict[str, _Told]] = OrderedDict()
        self._turns = 0

    @property
    def turns(self) -> int:
        """Another number whenever a vehicle set off, stopped or was given another destination."""
        return self._turns

    def note(self, told: Decoded) -> None:
        """One message that was understood."""
        if not told.in_passing:
            return
        known = self._told.setdefault(told.device, {})
        self._told.move_to_end(told.device)
        before = _course(known)
        for reading in told.in_passing:
            last = known.get(reading.signal)
            if last is not None and told.event_at < last.at:
                continue  # it was sent again, or came late
            if reading.presence is Presence.VALUE and reading.value is not None:
                known[reading.signal] = _Told(reading.value, told.event_at)
            else:
                known.pop(reading.signal, None)
        self._turns += _course(known) != before
        while len(self._told) > _VEHICLES_MAX:
            self._told.popitem(last=False)

    def names(self) -> tuple[DeviceId, ...]:
        """Every vehicle that told anything in passing since the hub was started, by name."""
        return tuple(sorted(self._told))

    def route(self, device: DeviceId, *, now: datetime) -> Route | None:
        """Where it goes, as it told; None: it tells of no destination, or of half a one."""
        known = self._told.get(device, {})
        latitude, longitude = known.get(LATITUDE), known.get(LONGITUDE)
        if latitude is None or longitude is None or abs(latitude.at - longitude.at) > _ONE_PLACE_WITHIN:
            return None
        left = self._fresh(device, ARRIVES_IN, now=now, within=FRESH_FOR)
        return Route(
            told_at=min(latitude.at, longitude.at),
            destination=Position(float(latitude.value), float(longitude.value)),
            arrives_at=None if left is None else left.at + timedelta(seconds=float(left.value)),
        )

    def motion(self, device: DeviceId, *, now: datetime) -> Motion | None:
        """How it moves, by every signal that is fresh; as old as the oldest of them.

        The last speed before it was parked is often never taken back, so it counts no longer than standing does.
        """
        speed, motion = (self._fresh(device, name, now=now, within=STILL_FOR) for name in (SPEED, MOTION))
        gear = self._fresh(device, GEAR, now=now, within=FRESH_FOR)
        heard = [each.at for each in (speed, motion, gear) if each is not None]
        if not heard:
            return None
        return Motion(
            told_at=min(heard),
            speed_km_per_h=None if speed is None else float(speed.value),
            is_moving=None if motion is None else motion.value == MOVING,
            is_parked=None if gear is None else gear.value == PARKED,
        )

    def _fresh(self, device: DeviceId, signal: str, *, now: datetime, within: timedelta) -> _Told | None:
        told = self._told.get(device, {}).get(signal)
        return told if told is not None and is_fresh(told.at, now=now, within=within) else None


def _course(known: Mapping[str, _Told]) -> tuple[object, ...]:
    """What changes where a vehicle sets off, stops or turns to another destination; no kilometre more or less."""
    speed = known.get(SPEED)
    others = (known[name].value if name in known else None for name in (MOTION, GEAR, LATITUDE, LONGITUDE))
    return (None if speed is None else speed.value == 0, *others)
