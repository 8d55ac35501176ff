"""A clock that only moves when a test moves it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from tests.edge_agent.samples import NOW


class ManualClock:
    """Fulfils `ports.Clock`: `sleep` moves the time on and gives way once."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time that the test has set."""
        return self._now

    def advance(self, **delta: float) -> None:
        """Move on by a timedelta's arguments."""
        self._now += timedelta(**delta)

    async def sleep(self, duration_s: float) -> None:
        """Move on at once."""
        self.advance(seconds=duration_s)
        await asyncio.sleep(0)
