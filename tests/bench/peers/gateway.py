"""What the bench needs of a gateway, and what a process costs. Each gateway is one module of this package beside it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from firmware_sim.processes import Child, Command
from tests.bench.peers.stream import Key

OFFLINE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}  # nobody asks its maker for news


class NotInstalledError(Exception):
    """A gateway cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a gateway works: its own folder, the broker's port, and the port at which its cloud would be."""

    folder: Path
    broker_port: int
    cloud_port: int


class Gateway(Protocol):
    """One gateway in one place. `out` is asked often while it runs; `kept` when it has been stopped."""

    async def open(self) -> None:
        """Write its settings and start what counts its output; the gateway itself does not run yet."""

    async def close(self) -> None:
        """End what counts."""

    def command(self) -> Command:
        """How it is started, as often as one likes."""

    def out(self) -> int:
        """How many readings have come out so far, the probe's too."""

    async def kept(self) -> set[Key]:
        """Which readings are in its output."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a process and all below it have taken: seconds of processor time, MB (10^6 bytes) now and at most."""

    cpu_s: float
    resident_mb: float
    peak_mb: float


class Running:
    """A gateway that runs, with all its processes."""

    def __init__(self, command: Command) -> None:
        self._child = Child(command)

    def used(self) -> Used:
        """What it has taken so far. A child that has ended counts by its processor time."""
        found = [(each.cpu_times(), _memory_mb(each.pid)) for each in self._tree()]
        return Used(
            cpu_s=sum(times.user + times.system + times.children_user + times.children_system for times, _ in found),
            resident_mb=sum(memory["VmRSS"] for _, memory in found),
            peak_mb=sum(memory["VmHWM"] for _, memory in found),
        )

    def check(self) -> None:
        """Raises: ChildFailedError where it has ended by itself."""
        if (failure := self._child.failure()) is not None:
            raise failure

    async def kill(self) -> None:
        """`kill -9` to all of it, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.stop()

    async def stop(self) -> None:
        """End it in an orderly way."""
        await self._child.stop()

    def _tree(self) -> Iterator[psutil.Process]:
        root = psutil.Process(self._child.pid)
        yield root
        yield from root.children(recursive=True)


def _memory_mb(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1_024 / 1e6 for name in ("VmRSS", "VmHWM")}
