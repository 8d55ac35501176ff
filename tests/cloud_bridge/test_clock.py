"""Virtual time: the mapping that every process of a simulation shares."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cloud_bridge.clock import MappedClock
from cloud_bridge.config import ClockConfig

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_time_is_the_systems_own_where_nothing_is_mapped() -> None:
    """A real installation has real time."""
    before = datetime.now(UTC)
    assert before <= MappedClock(ClockConfig()).now() <= datetime.now(UTC)


def test_time_runs_from_the_virtual_epoch_at_the_given_speed() -> None:
    """An hour of real time is 25,000 virtual ones, and a real second is as many virtual ones."""
    real_epoch = datetime.now(UTC) - timedelta(hours=1)
    clock = MappedClock(ClockConfig(speed=25_000, real_epoch=real_epoch, virtual_epoch=LONG_AGO))
    assert clock.now() >= LONG_AGO + timedelta(hours=25_000)
    assert clock.after_real(1.0) - clock.now() > timedelta(seconds=20_000)


async def test_a_wait_ends_with_the_bell_or_when_the_time_has_come() -> None:
    """Neither needs the other."""
    clock, bell = MappedClock(ClockConfig()), asyncio.Event()
    await clock.wait(bell, until=clock.now() - timedelta(days=1))
    bell.set()
    await clock.wait(bell, until=clock.now() + timedelta(days=1))
