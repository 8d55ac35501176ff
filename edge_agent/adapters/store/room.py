"""Room for what must not wait: readings stop first, so that approvals, receipts and news of orders still fit.

What a device says can be said again; the broker and the device keep what was not acknowledged. So intake is refused
while less than the reserve is free on the disk, or left of the size that the store may have.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from edge_agent.adapters.store.connection import Connection
from edge_agent.core.overview import RoomLeft
from edge_agent.core.said import Said, say
from edge_agent.errors import FailClosedError, RoomReservedError

_MIB = 1_048_576


class Room:
    """How much room is left. `free_bytes` tells what is free on the disk under the store."""

    def __init__(
        self, connection: Connection, *, reserve_mib: int, size_max_mib: int, free_bytes: Callable[[], int]
    ) -> None:
        self._connection = connection
        self._reserve_bytes = reserve_mib * _MIB
        self._size_max_bytes = size_max_mib * _MIB
        self._free_bytes = free_bytes

    def check(self) -> None:
        """Before rows that can wait.

        Raises: RoomReservedError while the rest is kept for orders.
        """
        problem = self.problem()
        if problem is not None:
            raise RoomReservedError(problem)

    def problem(self) -> Said | None:
        """Why no readings are taken, in a sentence without its stop; None: there is room."""
        free_bytes = self._free_bytes()
        if free_bytes < self._reserve_bytes:
            return say(
                "the hub's disk has {free} MiB free, and {kept} MiB are kept for "
                "orders (store.reserve_mib): readings wait at the devices and the broker until there is room. Free "
                "some of the disk",
                free=_mib(free_bytes),
                kept=_mib(self._reserve_bytes),
            )
        left_bytes = self._size_max_bytes - self._used_bytes()
        if left_bytes < self._reserve_bytes:
            return say(
                "the hub's store may grow to {most} MiB (store.size_max_mib), and the last "
                "{kept} MiB are kept for orders: readings wait at the devices and the broker. "
                "Allow it more",
                most=_mib(self._size_max_bytes),
                kept=_mib(self._reserve_bytes),
            )
        return None

    def notice(self) -> Said | None:
        """The same for a page; a store that cannot be asked is told of elsewhere."""
        try:
            return self.problem()
        except (FailClosedError, OSError):
            return None

    def left(self) -> RoomLeft | None:
        """How much readings may still take; None while the store cannot be asked."""
        try:
            used_bytes = self._used_bytes()
        except (FailClosedError, OSError):
            return None
        return RoomLeft(
            disk_bytes=max(0, self._free_bytes() - self._reserve_bytes),
            store_bytes=max(0, self._size_max_bytes - used_bytes - self._reserve_bytes),
        )

    def _used_bytes(self) -> int:
        """Pages in use; those that were freed are written again first."""
        with self._connection.reading() as db:
            pages: int = db.pragma("page_count") - db.pragma("freelist_count")
            return pages * int(db.pragma("page_size"))


def free_bytes_of(folder: Path) -> Callable[[], int]:
    """What is free for this user on the disk that holds `folder`."""

    def free_bytes() -> int:
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize

    return free_bytes


def _mib(size_bytes: int) -> str:
    return f"{max(0, size_bytes) / _MIB:.0f}"
