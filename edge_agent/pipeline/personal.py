"""What personal devices told of the last weeks, for advice on the hub's own pages and for nothing else.

It is asked only where the household allows such advice (`Preferences.personal_advice`), keeps nothing, and no stage of
estimating, deciding or sending knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from edge_agent.core.deciding.advice import PersonalDay
from edge_agent.core.messages import DeviceId, Presence
from edge_agent.core.overview import DeviceOverview
from edge_agent.core.quantity import converter
from edge_agent.ports import ReadingStore

PROFILE = "restock.wearable"
ASLEEP, ACTIVE = "person.asleep_today", "person.active_today"

_DAYS = 28
_DEVICES_MAX = 8
_READINGS_MAX = 5_000  # at once
_PAGES_MAX = 40


class PersonalDays:
    """The days of all personal devices together; where two tell of one day, the one that tells more counts."""

    def __init__(
        self, *, readings: ReadingStore | None = None, devices: Callable[[], Iterable[DeviceOverview]] = tuple
    ) -> None:
        self._readings = readings
        self._devices = devices

    def days(self, *, now: datetime) -> Sequence[PersonalDay]:
        """Complete days (UTC) of the last four weeks, oldest first, as far as anything was told."""
        asleep, active = self._most(ASLEEP, unit="h", now=now), self._most(ACTIVE, unit="min", now=now)
        return [PersonalDay(day, asleep.get(day), active.get(day)) for day in sorted(asleep.keys() | active.keys())]

    def _most(self, signal: str, *, unit: str, now: datetime) -> dict[date, float]:
        """What each day came to: the signal grows over the day."""
        first = (now - timedelta(days=_DAYS)).date()
        most: dict[date, float] = {}
        for device in self._wearables():
            for at, value in self._told(device, signal, unit=unit):
                if first <= at.date() < now.date():
                    most[at.date()] = max(value, most.get(at.date(), 0.0))
        return most

    def _wearables(self) -> list[DeviceId]:
        return [each.device for each in self._devices() if each.profile == PROFILE][:_DEVICES_MAX]

    def _told(self, device: DeviceId, signal: str, *, unit: str) -> Iterator[tuple[datetime, float]]:
        after_id = 0
        if self._readings is None:
            return
        for _ in range(_PAGES_MAX):
            found = self._readings.readings_after(device, signal, after_id=after_id, limit=_READINGS_MAX)
            for _, at, reading in found:
                if reading.presence is Presence.VALUE and isinstance(reading.value, int | float):
                    yield at, converter(reading.unit, target=unit)(reading.value)
            if len(found) < _READINGS_MAX:
                return
            after_id = found[-1][0]


NOBODY = PersonalDays()
