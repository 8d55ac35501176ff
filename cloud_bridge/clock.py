"""Time: the system's own, or virtual by a mapping that every process of a simulation shares.

Due times and waits are virtual. Deadlines on sockets, and leases that must outlast them, are real: a wire does not
run faster in a simulation.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from cloud_bridge.config import ClockConfig

_WAIT_MIN_S = 0.02  # a fast virtual clock must not turn a periodic task into a busy loop


class MappedClock:
    """now = virtual_epoch + (real now - real_epoch) * speed; the system's own time where no epoch is set."""

    def __init__(self, config: ClockConfig) -> None:
        self._speed = config.speed
        self._real_epoch = config.real_epoch
        self._virtual_epoch = config.virtual_epoch

    def now(self) -> datetime:
        """The time now, aware UTC."""
        return self.shown(datetime.now(UTC))

    def shown(self, real: datetime) -> datetime:
        """What this clock shows at a real time."""
        if self._real_epoch is None or self._virtual_epoch is None:
            return real
        return self._virtual_epoch + timedelta(seconds=(real - self._real_epoch).total_seconds() * self._speed)

    def after_real(self, duration_s: float) -> datetime:
        """What this clock will show when `duration_s` real seconds have passed."""
        return self.now() + timedelta(seconds=duration_s * self._speed)

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Wait until this clock shows `until` or the bell rings, and for 20 ms of real time if it has not rung."""
        duration_s = max((until - self.now()).total_seconds() / self._speed, _WAIT_MIN_S)
        try:
            async with asyncio.timeout(duration_s):
                await bell.wait()
        except TimeoutError:
            return
