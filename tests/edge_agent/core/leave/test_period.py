"""The days over which a budget counts, through clock changes, short months and leap days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.leave.period import Frequency, Period, period_at

# Zones with what goes wrong: a skipped midnight, a midnight that comes twice, a whole day skipped, half-hour steps.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "America/St_Johns",
    "Pacific/Apia", "Pacific/Kwajalein", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu",
)  # fmt: skip
_instants = st.datetimes(
    min_value=datetime(1990, 1, 1), max_value=datetime(2060, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 - given by st
)  # fmt: skip
_first_days = st.dates(min_value=date(1990, 1, 1), max_value=date(2059, 12, 31))
_frequencies = st.sampled_from(Frequency)
_zones = st.sampled_from(ZONES).map(ZoneInfo)


def monthly(now: datetime, *, first_day: date, zone: str = "UTC") -> Period:
    """The month that `now` lies in."""
    return period_at(now, first_day=first_day, frequency=Frequency.MONTHLY, zone=ZoneInfo(zone))


@given(now=_instants, first_day=_first_days, frequency=_frequencies, zone=_zones)
def test_every_instant_lies_in_its_period(now: datetime, first_day: date, frequency: Frequency, zone: ZoneInfo) -> None:
    """And in no other: the period that begins where this one ends is the next, and this one began after the last."""
    found = period_at(now, first_day=first_day, frequency=frequency, zone=zone)
    assert found.starts_at <= now < found.ends_at
    assert period_at(found.starts_at, first_day=first_day, frequency=frequency, zone=zone) == found
    last = found.ends_at - timedelta(microseconds=1)
    assert period_at(last, first_day=first_day, frequency=frequency, zone=zone) == found
    following = period_at(found.ends_at, first_day=first_day, frequency=frequency, zone=zone)
    assert following.index > found.index
    assert following.starts_at == found.ends_at


@given(
    now=_instants,
    later=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=800)),
    first_day=_first_days,
    frequency=_frequencies,
    zone=_zones,
)
def test_a_later_instant_is_never_in_an_earlier_period(
    now: datetime, later: timedelta, first_day: date, frequency: Frequency, zone: ZoneInfo
) -> None:
    """Whatever a clock on the wall does in between."""
    one = period_at(now, first_day=first_day, frequency=frequency, zone=zone)
    other = period_at(now + later, first_day=first_day, frequency=frequency, zone=zone)
    assert one.index <= other.index


@pytest.mark.parametrize(
    ("first_day", "beginnings"),
    [
        (date(2027, 1, 31), ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
        (date(2028, 1, 30), ["2028-01-30", "2028-02-29", "2028-03-30", "2028-04-30", "2028-05-30"]),
        (date(2026, 11, 15), ["2026-11-15", "2026-12-15", "2027-01-15", "2027-02-15", "2027-03-15"]),
    ],
)
def test_a_month_begins_on_the_same_day_or_the_last(first_day: date, beginnings: list[str]) -> None:
    """A short month does not move the months after it."""
    now = datetime.combine(first_day, datetime.min.time(), UTC)
    found = []
    for index in range(len(beginnings)):
        period = monthly(now, first_day=first_day)
        assert period.index == index
        found.append(period.starts_at.date().isoformat())
        now = period.ends_at
    assert found == beginnings


def test_a_leap_day_comes_back_as_the_last_of_february() -> None:
    """A yearly budget from 29 February goes on, on the 28th of the years that have no 29th."""
    zone = ZoneInfo("UTC")
    days = [
        period_at(
            datetime(year, 6, 1, tzinfo=UTC), first_day=date(2028, 2, 29), frequency=Frequency.ANNUALLY, zone=zone
        ).starts_at.date()
        for year in (2028, 2029, 2031, 2032)
    ]
    assert days == [date(2028, 2, 29), date(2029, 2, 28), date(2031, 2, 28), date(2032, 2, 29)]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 5, 1), 24)])
def test_a_day_of_a_clock_change_is_one_day(day: date, hours: int) -> None:
    """It is shorter or longer, and its budget is one day's."""
    noon = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    period = period_at(noon, first_day=date(2026, 1, 1), frequency=Frequency.DAILY, zone=ZoneInfo("Europe/Berlin"))
    assert period.ends_at - period.starts_at == timedelta(hours=hours)


def test_before_the_first_day_no_budget_has_begun() -> None:
    """The index is negative, so nothing of a later period is touched."""
    assert monthly(datetime(2026, 1, 31, 23, 59, tzinfo=UTC), first_day=date(2026, 2, 1)).index == -1
