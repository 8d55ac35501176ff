"""Hours in which nobody is asked, by the clock on the household's wall.

What counts is the wall's time, also on the days on which it jumps: an hour that comes twice is quiet twice, and one
that is skipped is skipped. Where the end itself is skipped, the quiet lasts until the wall shows a later time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import QuietHours


def quiet_until(hours: QuietHours | None, *, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the quiet hours that `now` lies in are over, aware UTC; None outside of them."""
    if hours is None or not _is_quiet(hours, zone=zone, at=now):
        return None
    end, today = time.fromisoformat(hours.end), now.astimezone(zone).date()
    moments = (
        datetime.combine(today + timedelta(days=days), end, zone).replace(fold=fold).astimezone(UTC)
        for days in (0, 1)
        for fold in (0, 1)
    )
    return next(at for at in moments if at > now and not _is_quiet(hours, zone=zone, at=at))


def _is_quiet(hours: QuietHours, *, zone: ZoneInfo, at: datetime) -> bool:
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    wall = at.astimezone(zone).time()
    return start <= wall < end if start < end else wall >= start or wall < end
