"""Times and spans as the household reads them: in the home's own time zone, against the hub's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.errors import ConfigurationError

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Moments:
    """Words for times in one time zone.

    Raises: ConfigurationError when the zone is not known.
    """

    def __init__(self, timezone: str, now: Callable[[], datetime]) -> None:
        try:
            self._zone = ZoneInfo(timezone)
            self.zone_name = timezone
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise ConfigurationError(f"home.timezone = {timezone!r}: not an IANA time zone such as 'UTC'") from exc
        self._now = now

    def now(self) -> datetime:
        """The hub's time, aware UTC."""
        return self._now()

    def today(self) -> date:
        """The calendar day at home now."""
        return self.day_of(self._now())

    def day_of(self, at: datetime) -> date:
        """The calendar day at home."""
        return at.astimezone(self._zone).date()

    def day(self, day: date | datetime) -> str:
        """`today`, `tomorrow`, `Fri 3 Jan`, `Fri 3 Jan 2025` in another year."""
        on = self.day_of(day) if isinstance(day, datetime) else day
        today = self.day_of(self._now())
        near = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((on - today).days)
        if near is not None:
            return near
        text = f"{_WEEKDAYS[on.weekday()]} {on.day} {_MONTHS[on.month - 1]}"
        return text if on.year == today.year else f"{text} {on.year}"

    def time(self, at: datetime) -> str:
        """`today, 14:05`."""
        return f"{self.day(at)}, {at.astimezone(self._zone):%H:%M}"

    def ago(self, at: datetime) -> str:
        """`just now`, `5 minutes ago`, `3 hours ago`, `2 days ago`."""
        return _ago(self._now() - at)


def count(number: int, noun: str) -> str:
    """`1 pack`, `2 packs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def span(duration_s: int) -> str:
    """A duration rounded down to its largest whole unit: `2 minutes`, `1 hour`."""
    for size_s, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if duration_s >= size_s:
            return count(duration_s // size_s, noun)
    return count(max(0, duration_s), "second")


def days_range(low_d: float, middle_d: float, high_d: float) -> str:
    """`about 3 days (2 to 5)`, `about 1 day (up to 3)`, `2 days`; past 60 days the far end says nothing useful."""
    low, middle, high = max(0, int(low_d)), max(0, round(middle_d)), max(0, round(high_d))
    if high < 1:
        return "less than a day"
    if low > 60:
        return "more than 60 days"
    if low == high:
        return count(low, "day")
    about = "less than a day" if middle < 1 else "more than 60 days" if middle > 60 else f"about {count(middle, 'day')}"
    if high > 60:
        return about if middle > 60 and low == 0 else f"{about} (at least {low})"
    return f"{about} (up to {high})" if low == 0 else f"{about} ({low} to {high})"


def _ago(gone: timedelta) -> str:
    return "just now" if gone < timedelta(minutes=1) else f"{span(int(gone.total_seconds()))} ago"
