"""The oracle's own calendar: on which day the period of a moment began, by counting days and months one by one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = {"DAILY": 1, "WEEKLY": 7, "BIWEEKLY": 14}
_MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUALLY": 12}


def began_on(now: datetime, *, first_day: date, frequency: str, zone: str) -> date:
    """The first day of the period that `now` lies in."""
    today = now.astimezone(ZoneInfo(zone)).date()
    began, turn = first_day, 0
    while True:
        turn += 1
        following = _turn(first_day, turn, frequency)
        if following > today:
            return began
        began = following


def _turn(first: date, turn: int, frequency: str) -> date:
    if frequency in _DAYS:
        return first + timedelta(days=_DAYS[frequency] * turn)
    year, month = first.year, first.month
    for _ in range(_MONTHS[frequency] * turn):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day = first.day
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1
