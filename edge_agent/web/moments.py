"""Times and spans as the household reads them: in the home's own time zone, against the hub's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.core.said import Said, said_day, say, say_many
from edge_agent.errors import ConfigurationError

_FAR_D = 60


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

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin."""
        return self._zone

    def now(self) -> datetime:
        """The hub's time, aware UTC."""
        return self._now()

    def today(self) -> date:
        """The calendar day at home now."""
        return self.day_of(self._now())

    def day_of(self, at: datetime) -> date:
        """The calendar day at home."""
        return at.astimezone(self._zone).date()

    def is_over(self, at: datetime) -> bool:
        """Whether its day has passed at home."""
        return self.day_of(at) < self.today()

    def day(self, day: date | datetime) -> Said:
        """`today`, `tomorrow`, `Fri 3 Jan`, `Fri 3 Jan 2025` in another year."""
        on = self.day_of(day) if isinstance(day, datetime) else day
        today = self.day_of(self._now())
        match (on - today).days:
            case -1:
                return say("yesterday")
            case 0:
                return say("today")
            case 1:
                return say("tomorrow")
            case _:
                return said_day(on, with_year=on.year != today.year)

    def time(self, at: datetime) -> Said:
        """`today, 14:05`."""
        return say("{day}, {time}", day=self.day(at), time=f"{at.astimezone(self._zone):%H:%M}")

    def ago(self, at: datetime) -> Said:
        """`just now`, `5 minutes ago`, `3 hours ago`, `2 days ago`."""
        gone = self._now() - at
        if gone < timedelta(minutes=1):
            return say("just now")
        return say("{duration} ago", duration=span(int(gone.total_seconds())))


_COUNTED: Mapping[str, Callable[[int], Said]] = {
    "second": lambda number: say_many("{number} second", "{number} seconds", number),
    "minute": lambda number: say_many("{number} minute", "{number} minutes", number),
    "hour": lambda number: say_many("{number} hour", "{number} hours", number),
    "day": lambda number: say_many("{number} day", "{number} days", number),
    "pack": lambda number: say_many("{number} pack", "{number} packs", number),
    "order": lambda number: say_many("{number} order", "{number} orders", number),
    "byte": lambda number: say_many("{number} byte", "{number} bytes", number),
    "message": lambda number: say_many("{number} message", "{number} messages", number),
    "topic": lambda number: say_many("{number} topic", "{number} topics", number),
}


def count(number: int, noun: str) -> Said:
    """`1 pack`, `2 packs`: of a closed list of nouns."""
    if noun not in _COUNTED:
        return say("{number} {noun}", number=number, noun=noun if number == 1 else f"{noun}s")
    return _COUNTED[noun](number)


def span(duration_s: int) -> Said:
    """A duration rounded down to its largest whole unit: `2 minutes`, `1 hour`."""
    for size_s, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if duration_s >= size_s:
            return count(duration_s // size_s, noun)
    return count(max(0, duration_s), "second")


def days_range(low_d: float, middle_d: float, high_d: float) -> Said:
    """`about 3 days (2 to 5)`, `about 1 day (up to 3)`, `2 days`; past 60 days the far end says nothing useful."""
    low, middle, high = max(0, int(low_d)), max(0, round(middle_d)), max(0, round(high_d))
    if high < 1:
        return say("less than a day")
    if low > _FAR_D:
        return say("more than 60 days")
    if low == high:
        return count(low, "day")
    about = _about(middle)
    if high > _FAR_D:
        return about if middle > _FAR_D and low == 0 else say("{about} (at least {low})", about=about, low=low)
    if low == 0:
        return say("{about} (up to {high})", about=about, high=high)
    return say("{about} ({low} to {high})", about=about, low=low, high=high)


def _about(days: int) -> Said:
    if days < 1:
        return say("less than a day")
    return say("more than 60 days") if days > _FAR_D else say_many("about {number} day", "about {number} days", days)
