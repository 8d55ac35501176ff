"""The mapped clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from firmware_sim.clock import MappedClock

REAL = datetime(2026, 1, 1, tzinfo=UTC)
VIRTUAL = datetime(2025, 3, 1, tzinfo=UTC)


def clock(speed: float, real_s: float) -> MappedClock:
    """A clock whose real time stands still."""
    return MappedClock(speed, REAL, VIRTUAL, real_now=lambda: REAL + timedelta(seconds=real_s))


@pytest.mark.parametrize(
    ("speed", "real_s", "virtual_s"), [(1, 0, 0), (1, 10, 10), (25_000, 4, 100_000), (1_440, -1, -1_440)]
)
def test_virtual_time_follows_the_mapping(speed: float, real_s: float, virtual_s: float) -> None:
    """Virtual now = virtual_epoch + (real - real_epoch) * speed, before the epoch as well."""
    assert clock(speed, real_s).now() == VIRTUAL + timedelta(seconds=virtual_s)


def test_now_is_utc_whatever_the_epochs_zone() -> None:
    """An epoch in another zone is the same moment."""
    east = timezone(timedelta(hours=3))
    now = MappedClock(1, REAL, VIRTUAL.astimezone(east), real_now=lambda: REAL).now()
    assert now == VIRTUAL
    assert now.tzinfo is UTC


@pytest.mark.parametrize(("virtual_s", "real_s"), [(50_000, 2.0), (1, 0.02), (0, 0.02), (-10, 0.02)])
def test_a_wait_is_virtual_with_a_real_floor(virtual_s: float, real_s: float) -> None:
    """However fast the clock, a wait takes 20 ms at the least."""
    assert clock(25_000, 0).real_wait_s(virtual_s) == pytest.approx(real_s)


@pytest.mark.parametrize("speed", [0, -1])
def test_a_clock_that_does_not_run_forward_is_refused(speed: float) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match="speed"):
        clock(speed, 0)


def test_naive_epochs_are_refused() -> None:
    """Without a zone the mapping would mean something else on each machine."""
    with pytest.raises(ValueError, match="time zone"):
        MappedClock(1, datetime(2026, 1, 1), VIRTUAL)  # noqa: DTZ001 - that is the point
