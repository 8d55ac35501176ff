"""Runs turns again and again. One that fails for a reason that passes is tried again on its next turn.

A check that guards money (`FailClosedError`) stops the sends and nothing else; everything else ends the task. `chance`
gives [0, 1): what many hubs ask of the same bridge is drawn apart (`core.pacing`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from edge_agent.adapters.store.connection import DISK_ERRORS
from edge_agent.adapters.troubles import Troubles
from edge_agent.core import pacing
from edge_agent.errors import FailClosedError, RetryLaterError

log = logging.getLogger(__name__)

Turn = Callable[[], Awaitable[object]]


class Sleeper(Protocol):
    """The part of the hub's clock that waits."""

    async def sleep(self, duration_s: float) -> None:
        """Wait for `duration_s` of this clock's time."""


class Turns:
    """Each method runs until it is cancelled. All periods are the clock's seconds."""

    def __init__(self, clock: Sleeper, *, chance: Callable[[], float]) -> None:
        self._clock = clock
        self._chance = chance

    async def every(self, period_s: float, turn: Turn) -> None:
        """With the same pause after each turn."""
        troubles = Troubles(log, elapsed_s=time.monotonic)
        while True:
            await self._take(turn, turn.__name__, troubles)
            await self._clock.sleep(period_s)

    async def every_apart(self, period_s: float, turn: Turn) -> None:
        """The same, at a time of this hub's own: others that were switched on with it have their turns elsewhere."""
        troubles = Troubles(log, elapsed_s=time.monotonic)
        await self._take(turn, turn.__name__, troubles)
        await self._clock.sleep(pacing.first_pause_s(period_s, chance=self._chance()))
        while True:
            await self._take(turn, turn.__name__, troubles)
            await self._clock.sleep(period_s)

    async def when_woken(
        self,
        turn: Turn,
        *,
        wake: asyncio.Event,
        period_s: float,
        longest_s: float,
        in_doubt: Callable[[], bool],
        name: str,
    ) -> None:
        """When `wake` is set, and now and then for what is left over: the longer it is `in_doubt`, the less often."""
        troubles, doubts = Troubles(log, elapsed_s=time.monotonic), 0
        while True:
            wake.clear()
            await self._take(turn, name, troubles)
            doubts = doubts + 1 if in_doubt() else 0
            pause_s = period_s
            if doubts:
                chance = self._chance()
                pause_s = pacing.pause_in_doubt_s(period_s, failures=doubts, longest_s=longest_s, chance=chance)
            sleep = asyncio.create_task(self._clock.sleep(pause_s), name=f"{name}_pause")
            woken = asyncio.create_task(wake.wait(), name=f"{name}_wake")
            try:
                await asyncio.wait({sleep, woken}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                woken.cancel()

    async def _take(self, turn: Turn, name: str, troubles: Troubles) -> None:
        try:
            await turn()
            troubles.over(name)
        except RetryLaterError as exc:
            troubles.met(name, exc)
        except (FailClosedError, *DISK_ERRORS) as exc:
            log.critical("sends_stopped turn=%s error=%s", name, exc)
