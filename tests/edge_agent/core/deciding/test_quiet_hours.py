"""Quiet hours go by the wall's clock, over midnight and over the days on which it jumps."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.catalogue import QuietHours
from edge_agent.core.deciding.quiet_hours import quiet_until

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(start="22:00", end="07:00")
NOON = QuietHours(start="12:30", end="14:00")


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        pytest.param(NIGHT, "2026-01-10T21:59+01:00", None, id="just before"),
        pytest.param(NIGHT, "2026-01-10T22:00+01:00", "2026-01-11T07:00+01:00", id="it begins"),
        pytest.param(NIGHT, "2026-01-11T03:00+01:00", "2026-01-11T07:00+01:00", id="after midnight"),
        pytest.param(NIGHT, "2026-01-11T07:00+01:00", None, id="it is over"),
        pytest.param(NOON, "2026-01-11T13:00+01:00", "2026-01-11T14:00+01:00", id="in the middle of a day"),
        pytest.param(NIGHT, "2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00", id="a night that is an hour shorter"),
        pytest.param(NIGHT, "2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00", id="a night that is an hour longer"),
        pytest.param(None, "2026-01-11T03:00+01:00", None, id="none are set"),
    ],
)
def test_until_when_it_is_quiet(hours: QuietHours | None, now: str, until: str | None) -> None:
    """The end is that of the wall's clock, None outside of the hours."""
    found = quiet_until(hours, zone=BERLIN, now=datetime.fromisoformat(now))
    assert found == (None if until is None else datetime.fromisoformat(until))


_TIMES = st.times().map(lambda at: f"{at:%H:%M}")


@given(
    start=_TIMES,
    end=_TIMES,
    from_day=st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]),
    minutes=st.integers(0, 3 * 24 * 60),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
@settings(max_examples=200, deadline=None)
def test_nothing_is_asked_while_the_wall_shows_a_quiet_time(
    start: str, end: str, from_day: str, minutes: int, zone: str
) -> None:
    """Around clock changes: quiet exactly while the wall's time lies in the hours, and the end is outside of them."""
    if start == end:
        return
    hours, place = QuietHours(start=start, end=end), ZoneInfo(zone)
    at = datetime.fromisoformat(from_day).replace(tzinfo=UTC) + timedelta(minutes=minutes)

    def lies_in(moment: datetime) -> bool:
        wall, first, last = moment.astimezone(place).time(), time.fromisoformat(start), time.fromisoformat(end)
        return first <= wall < last if first < last else not last <= wall < first

    until = quiet_until(hours, zone=place, now=at)
    assert (until is not None) == lies_in(at)
    if until is not None:
        assert at < until <= at + timedelta(hours=26)
        assert not lies_in(until)


@pytest.mark.parametrize("wrong", ["24:00", "7:00", "07:60", "", "noon"])
def test_a_time_that_is_none_is_refused(wrong: str) -> None:
    """The household's file says what is wrong with it."""
    with pytest.raises(ValidationError):
        QuietHours(start=wrong, end="07:00")


def test_hours_without_end_are_refused() -> None:
    """The same start and end would be quiet all day, or never."""
    with pytest.raises(ValidationError, match="the same"):
        QuietHours(start="07:00", end="07:00")
