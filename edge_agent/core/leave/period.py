"""Periods of a mandate: the days over which one budget counts, in the mandate's own time zone.

Period 0 begins at the first midnight of the mandate's first day; each following one begins as many days or months
later as the frequency says, counted from that first day (31 January, 28 February, 31 March). Between two beginnings
lies exactly one period: a day that daylight saving makes longer, shorter or skips changes its length and nothing else.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Frequency(StrEnum):
    """How long a period is; the names are those of AP2's recurrence."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    BIWEEKLY = "BIWEEKLY"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    ANNUALLY = "ANNUALLY"


_DAYS = {Frequency.DAILY: 1, Frequency.WEEKLY: 7, Frequency.BIWEEKLY: 14}
_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.ANNUALLY: 12}


@dataclass(frozen=True, slots=True)
class Period:
    """From `starts_at` to just before `ends_at`, aware UTC. A later period has a greater index."""

    index: int
    starts_at: datetime
    ends_at: datetime


def period_at(now: datetime, *, first_day: date, frequency: Frequency, zone: ZoneInfo) -> Period:
    """The one period that `now` lies in. Before the first day the index is negative."""
    index = _near(now.astimezone(zone).date(), first_day=first_day, frequency=frequency)
    while _begins(index, first_day=first_day, frequency=frequency, zone=zone) > now:
        index -= 1
    while (ends_at := _begins(index + 1, first_day=first_day, frequency=frequency, zone=zone)) <= now:
        index += 1
    return Period(index, _begins(index, first_day=first_day, frequency=frequency, zone=zone), ends_at)


def _near(day: date, *, first_day: date, frequency: Frequency) -> int:
    """The period of a day by the calendar alone; at most one off where a clock change moves a midnight."""
    if frequency in _DAYS:
        return (day - first_day).days // _DAYS[frequency]
    months = (day.year - first_day.year) * 12 + day.month - first_day.month
    return months // _MONTHS[frequency]


def _begins(index: int, *, first_day: date, frequency: Frequency, zone: ZoneInfo) -> datetime:
    """The first moment of the day on which a period begins; a midnight that is skipped is the moment of the skip."""
    if frequency in _DAYS:
        day = first_day + timedelta(days=index * _DAYS[frequency])
    else:
        day = _months_later(first_day, index * _MONTHS[frequency])
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
