"""Virtual time by the mapping that every process of a simulation shares.

Only waits and timestamps are virtual. Deadlines on sockets stay real: a wire does not run faster in a simulation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_WAIT_MIN_S = 0.02  # a fast virtual clock must not turn a periodic task into a busy loop


def utc_now() -> datetime:
    """The system's own time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class MappedClock:
    """now = virtual_epoch + (real now - real_epoch) * speed.

    `speed` is virtual seconds in a real second. `real_now` is where the real time comes from.
    """

    speed: float
    real_epoch: datetime
    virtual_epoch: datetime
    real_now: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError(f"speed = {self.speed}: must be above 0")
        if self.real_epoch.tzinfo is None or self.virtual_epoch.tzinfo is None:
            raise ValueError("real_epoch and virtual_epoch must carry a time zone")

    def now(self) -> datetime:
        """The time now, aware UTC."""
        real_s = (self.real_now() - self.real_epoch).total_seconds()
        return self.virtual_epoch.astimezone(UTC) + timedelta(seconds=real_s * self.speed)

    def real_wait_s(self, duration_s: float) -> float:
        """How long `duration_s` of this clock takes in real seconds, 20 ms at the least."""
        return max(duration_s / self.speed, _WAIT_MIN_S)

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time, and for 20 ms of real time at the least."""
        await asyncio.sleep(self.real_wait_s(duration_s))
