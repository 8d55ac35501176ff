"""Word between ingest and the pages' side: which devices have said something that is stored by now, and who looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from math import inf

from edge_agent.core.messages import DeviceId

_DEVICES_MAX = 10_000  # whatever is not noted, the next review sees
_LOOKS_WITHIN_S = 1.0


class Fresh:
    """A set that is emptied by who looks; for one loop. Nothing is lost with it: what is stored is stored."""

    def __init__(self, ticks_s: Callable[[], float] = time.monotonic) -> None:
        self._ticks_s = ticks_s
        self._looked_s = -inf
        self._devices: set[DeviceId] = set()
        self._any = asyncio.Event()

    def note(self, devices: Iterable[DeviceId]) -> None:
        """Readings of these are stored."""
        if len(self._devices) < _DEVICES_MAX:
            self._devices.update(devices)
        if self._devices:
            self._any.set()

    def look(self) -> None:
        """Somebody has a page open now, and wants to see what is said at once."""
        self._looked_s = self._ticks_s()

    @property
    def is_watched(self) -> bool:
        """Whether somebody looked just now; an open page does many times a second."""
        return self._ticks_s() - self._looked_s < _LOOKS_WITHIN_S

    async def take(self) -> frozenset[DeviceId]:
        """Wait until there are any, and have all of them."""
        await self._any.wait()
        taken = frozenset(self._devices)
        self._devices.clear()
        self._any.clear()
        return taken
