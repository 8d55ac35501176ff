"""Who is at home, as far as it changes use: days away, days with guests, and what the sensors say of it by themselves.

Demand goes on with *lived days*: a day away counts as nearly none, a day with guests as more than one. What the
household has told (`Preferences.away`, `.guests`, `.as_usual`) stands above what the sensors show. Days are those of
the household's own calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import DateRange, Item, Preferences
from edge_agent.core.messages import StockEstimate

AWAY_PACE = 0.05
GUESTS_PACE = 1.6  # where nobody has seen yet by how much
DAYS_MAX = 400.0

_DAY = timedelta(days=1)
_USED_WHILE_AWAY = frozenset({"cat_food", "dog_food", "bird_food", "fish_food", "pet_food", "cat_litter"})
_PRIOR_AWAY_DAYS = 2.0
_SEEN_GUESTS_FOR_D = 5  # guests that nobody told of are expected to stay for so long at the most
ShiftKind = Literal["away", "guests"]


@dataclass(frozen=True, slots=True)
class Shift:
    """Use of the whole home is far from what was usual since a day; `pace` is how many times the usual."""

    kind: ShiftKind
    since: date
    pace: float


@dataclass(frozen=True, slots=True)
class Presence:
    """Pace of life on the days around now: what was told, and the shift that was seen and not answered yet.

    `away_pace` is how many times its usual an item is used while nobody is at home: nearly none, but for pets.
    """

    preferences: Preferences
    zone: str = "UTC"
    seen: Shift | None = None
    seen_on: date | None = None
    away_pace: float = AWAY_PACE

    @property
    def is_usual(self) -> bool:
        """Whether every day is like the others."""
        return not (self.preferences.away or self.preferences.guests or self.seen)

    def pace(self, day: date) -> float:
        """How much of a usual day's use a day has."""
        if _covered(self.preferences.away, day):
            return self.away_pace
        if _covered(self.preferences.guests, day):
            return self.seen.pace if self.seen is not None and self.seen.kind == "guests" else GUESTS_PACE
        if self.seen is None or self.seen_on is None or _covered(self.preferences.as_usual, day):
            return 1.0
        is_guests_day = self.seen_on <= day < self.seen_on + _SEEN_GUESTS_FOR_D * _DAY
        return self.seen.pace if self.seen.kind == "guests" and is_guests_day else 1.0

    def lived_days(self, start: datetime, days: float) -> float:
        """Usual days of use between `start` and `days` later."""
        if self.is_usual or days <= 0:
            return max(0.0, days)
        until, lived = start + min(days, DAYS_MAX) * _DAY, 0.0
        for begins, ends, pace in self._days(start):
            lived += (min(ends, until) - begins) / _DAY * pace
            if ends >= until:
                break
        return lived + max(0.0, days - DAYS_MAX)

    def calendar_days(self, start: datetime, lived: float) -> float:
        """Days from `start` until so many usual days of use are over; the inverse of `lived_days`."""
        if self.is_usual or lived <= 0:
            return max(0.0, lived)
        left = lived
        for begins, ends, pace in self._days(start):
            share = (ends - begins) / _DAY * pace
            if share >= left:
                return (begins - start) / _DAY + left / pace
            left -= share
            if (ends - start) / _DAY >= DAYS_MAX:
                break
        return DAYS_MAX + left

    def away_until(self, at: datetime) -> date | None:
        """The last day of the absence that a moment lies in, as told; None where somebody is at home."""
        day = self.day(at)
        last = max((stay.last for stay in self.preferences.away if stay.covers(day)), default=None)
        while last is not None and _covered(self.preferences.away, last + _DAY):
            last = max(stay.last for stay in self.preferences.away if stay.covers(last + _DAY))
        return last

    def seems_empty(self, now: datetime) -> bool:
        """Whether the sensors see nobody at home today, and nobody has told anything of it."""
        told, today = self.preferences, self.day(now)
        is_told = any(_covered(ranges, today) for ranges in (told.away, told.guests, told.as_usual))
        return self.seen is not None and self.seen.kind == "away" and not is_told

    def day(self, at: datetime) -> date:
        """The household's own day of a moment."""
        return at.astimezone(ZoneInfo(self.zone)).date()

    def _days(self, start: datetime) -> Iterator[tuple[datetime, datetime, float]]:
        """The days from `start` on: when each begins and ends, and its pace."""
        zone, day, begins = ZoneInfo(self.zone), self.day(start), start
        for _ in range(int(DAYS_MAX) + 2):
            ends = datetime.combine(day + _DAY, time(), zone).astimezone(UTC)
            yield begins, ends, self.pace(day)
            begins, day = ends, day + _DAY


def away_pace(item: Item, estimate: StockEstimate, *, presence: Presence) -> float:
    """How many times its usual an item is used while nobody is at home, from the days on which nobody was.

    Few such days are known, so what is expected of its category weighs as much as `_PRIOR_AWAY_DAYS` of them. The first
    and the last day of an absence are half lived at home, and tell nothing.
    """
    expected = 1.0 if item.category in _USED_WHILE_AWAY else AWAY_PACE
    told, seen = presence.preferences, presence.seen
    since = seen.since if seen is not None and seen.kind == "away" else None
    apart = [used for day, used in estimate.daily_use if _is_inside(told.away, day) or (since and day > since)]
    usual = [used for day, used in estimate.daily_use if not (_covered((*told.away, *told.guests), day))]
    mean = sum(usual) / len(usual) if usual else 0.0
    if mean <= 0 or not apart:
        return expected
    share = (_PRIOR_AWAY_DAYS * expected + sum(apart) / mean) / (_PRIOR_AWAY_DAYS + len(apart))
    return min(max(share, AWAY_PACE), 1.0)


def at_home(preferences: Preferences) -> Presence:
    """Presence by what the household told alone, in UTC."""
    return Presence(preferences)


def _is_inside(ranges: Sequence[DateRange], day: date) -> bool:
    """Whether a day is one of an absence, and neither its first nor its last."""
    return any(stay.first < day < stay.last for stay in ranges)


def _covered(ranges: Sequence[DateRange], day: date) -> bool:
    return any(stay.covers(day) for stay in ranges)
