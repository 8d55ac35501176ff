"""Time: the system's own, or virtual by a mapping that every process of a simulation shares.

Only waits and timestamps are virtual. Deadlines on sockets are real: a wire does not run faster in a simulation.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from edge_agent.config import ClockConfig

_WAIT_MIN_S = 0.02  # a fast virtual clock must not turn a periodic task into a busy loop


class MappedClock:
    """now = virtual_epoch + (real now - real_epoch) * speed; the system's own time where no epoch is set."""

    def __init__(self, config: ClockConfig) -> None:
        self._speed = config.speed
        self._real_epoch = config.real_epoch
        self._virtual_epoch = config.virtual_epoch

    def now(self) -> datetime:
        """The time now, aware UTC."""
        real = datetime.now(UTC)
        if self._real_epoch is None or self._virtual_epoch is None:
            return real
        return self._virtual_epoch + timedelta(seconds=(real - self._real_epoch).total_seconds() * self._speed)

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time, and for 20 ms of real time at the least."""
        await asyncio.sleep(max(duration_s / self._speed, _WAIT_MIN_S))
