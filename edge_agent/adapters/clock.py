"""Time: the system's own, or virtual by a mapping that every process of a simulation shares; and how far to believe it.

Only waits and timestamps are virtual. Deadlines on sockets are real: a wire does not run faster in a simulation.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from edge_agent.config import ClockConfig
from edge_agent.core import clock_trust
from edge_agent.core.clock_trust import ClockBounds, ClockDoubt, ClockState
from edge_agent.errors import BugError

_WAIT_MIN_S = 0.02  # a fast virtual clock must not turn a periodic task into a busy loop


class MappedClock:
    """now = virtual_epoch + (real now - real_epoch) * speed; the system's own time where no epoch is set."""

    def __init__(self, config: ClockConfig) -> None:
        self.speed = config.speed
        self._real_epoch = config.real_epoch
        self._virtual_epoch = config.virtual_epoch

    def now(self) -> datetime:
        """The time now, aware UTC."""
        real = datetime.now(UTC)
        if self._real_epoch is None or self._virtual_epoch is None:
            return real
        return self._virtual_epoch + timedelta(seconds=(real - self._real_epoch).total_seconds() * self.speed)

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time, and for 20 ms of real time at the least."""
        await asyncio.sleep(max(duration_s / self.speed, _WAIT_MIN_S))


class WallClock(Protocol):
    """A clock that somebody may set."""

    speed: float

    def now(self) -> datetime:
        """What it shows, aware UTC."""

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time."""


class EffectiveClock:
    """The hub's time, by the rules of `core.clock_trust`: it never goes back. Fulfils `ports.Clock`.

    `resume` comes first, with the greatest time that the store knows. `ticks_s` is a clock that nobody sets. More than
    one thread may ask: the MQTT library's stamps messages.
    """

    def __init__(self, wall: WallClock, *, bounds: ClockBounds, ticks_s: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._bounds = bounds
        self._ticks_s = ticks_s
        self._turn = threading.RLock()
        self._seen_s = 0.0
        self._state: ClockState | None = None

    @property
    def speed(self) -> float:
        """How much faster than real time this clock runs."""
        return self._wall.speed

    def resume(self, high_water: datetime | None) -> None:
        """Begin, not before the greatest time that was ever reached."""
        self._seen_s = self._ticks_s()
        self._state = clock_trust.start(self._wall.now(), high_water=high_water, bounds=self._bounds)

    def now(self) -> datetime:
        """The effective time, aware UTC."""
        return self._look().effective

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time."""
        await self._wall.sleep(duration_s)

    def doubt(self) -> ClockDoubt | None:
        """Why the wall clock is not believed; None: it is."""
        return self._look().doubt

    def wall(self) -> datetime:
        """What the wall clock shows, believed or not."""
        return self._look().wall

    def lag(self) -> timedelta:
        """By how much the wall clock is behind the hub's time, which never goes back."""
        state = self._look()
        return max(state.effective - state.wall, timedelta(0))

    def is_followed(self) -> bool:
        """Whether the wall clock is believed, and the hub's time goes by it."""
        state = self._look()
        return state.doubt is None and state.effective - state.wall <= self._bounds.behind_max

    def compare(self, other: datetime) -> None:
        """Hear a second source's time."""
        with self._turn:
            self._state = clock_trust.compare(self._look(), other=other, bounds=self._bounds)

    def vouch(self) -> None:
        """Hear that a person calls the wall clock right."""
        with self._turn:
            self._state = clock_trust.vouch(self._look())

    def _look(self) -> ClockState:
        with self._turn:
            if self._state is None:
                raise BugError("the clock was asked before it was resumed")
            ticks_s = self._ticks_s()
            elapsed = timedelta(seconds=(ticks_s - self._seen_s) * self._wall.speed)
            self._seen_s = ticks_s
            self._state = clock_trust.advance(self._state, wall=self._wall.now(), elapsed=elapsed, bounds=self._bounds)
            return self._state
