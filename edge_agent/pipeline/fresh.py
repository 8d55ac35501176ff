"""Word from ingest to the pages' side: which devices have said something that is stored by now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from edge_agent.core.messages import DeviceId

_DEVICES_MAX = 10_000  # whatever is not noted, the next review sees


class Fresh:
    """A set that is emptied by who looks; for one loop. Nothing is lost with it: what is stored is stored."""

    def __init__(self) -> None:
        self._devices: set[DeviceId] = set()
        self._any = asyncio.Event()

    def note(self, devices: Iterable[DeviceId]) -> None:
        """Readings of these are stored."""
        if len(self._devices) < _DEVICES_MAX:
            self._devices.update(devices)
        if self._devices:
            self._any.set()

    async def take(self) -> frozenset[DeviceId]:
        """Wait until there are any, and have all of them."""
        await self._any.wait()
        taken = frozenset(self._devices)
        self._devices.clear()
        self._any.clear()
        return taken
