"""A part of this machine no larger than a small board: a control group with so much memory and such a share of a core.

Version 2 of control groups where the machine has it (one tree, below this process's own group), else version 1 (a tree
for each controller). Either needs leave to make a group: root, or a delegated subtree. Source: kernel.org,
admin-guide/cgroup-v1 and cgroup-v2.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_PERIOD_US: Final = 100_000
_CONTROLLERS_V1: Final = ("cpu", "memory", "cpuacct")


class NoBoardError(Exception):
    """This machine does not let us make a group; the message says why."""


@dataclass(frozen=True, slots=True)
class Board:
    """The limits: `memory_bytes` for everything in it, files read and written included, and `cores`."""

    memory_bytes: int
    cores: float


@dataclass(frozen=True, slots=True)
class Used:
    """What a group has used: `cpu_s` of processor time, `throttled_s` in which it had to wait for its share."""

    cpu_s: float
    throttled_s: float
    peak_bytes: int
    oom_kills: int


class Group:
    """A group on this machine. Raises: NoBoardError."""

    def __init__(self, board: Board) -> None:
        self._is_v2 = (_ROOT / "cgroup.controllers").exists()
        self._above = _above_v2() if self._is_v2 else {name: _ROOT / name for name in _CONTROLLERS_V1}
        self._folders = {name: above / f"restock-board-{os.getpid()}" for name, above in self._above.items()}
        try:
            for folder in dict.fromkeys(self._folders.values()):
                folder.mkdir()
            for (controller, file), value in self._limits(board).items():
                (self._folders[controller] / file).write_text(value)
        except OSError as exc:
            self.remove()
            raise NoBoardError(f"no control group can be made here ({exc.filename}: {exc.strerror})") from exc

    @contextmanager
    def joined(self) -> Iterator[None]:
        """What is started inside the block belongs to the group, and stays there; this process leaves it again."""
        self._move(self._folders)
        try:
            yield
        finally:
            self._move(self._above)

    def used(self) -> Used:
        """Until now."""
        return self._used_v2() if self._is_v2 else self._used_v1()

    def remove(self) -> None:
        """Nothing runs in it any more."""
        for folder in self._folders.values():
            with suppress(OSError):
                folder.rmdir()

    def _limits(self, board: Board) -> Mapping[tuple[str, str], str]:
        quota_us = round(board.cores * _PERIOD_US)
        if self._is_v2:
            return {
                ("all", "memory.max"): str(board.memory_bytes),
                ("all", "memory.swap.max"): "0",
                ("all", "cpu.max"): f"{quota_us} {_PERIOD_US}",
            }
        return {
            ("memory", "memory.limit_in_bytes"): str(board.memory_bytes),
            ("cpu", "cpu.cfs_period_us"): str(_PERIOD_US),
            ("cpu", "cpu.cfs_quota_us"): str(quota_us),
        }

    def _move(self, folders: Mapping[str, Path]) -> None:
        for folder in dict.fromkeys(folders.values()):
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def _used_v1(self) -> Used:
        memory = self._folders["memory"]
        throttled = _counts(self._folders["cpu"] / "cpu.stat")["throttled_time"]
        return Used(
            cpu_s=int((self._folders["cpuacct"] / "cpuacct.usage").read_text()) / 1e9,
            throttled_s=throttled / 1e9,
            peak_bytes=int((memory / "memory.max_usage_in_bytes").read_text()),
            oom_kills=_counts(memory / "memory.oom_control").get("oom_kill", 0),
        )

    def _used_v2(self) -> Used:
        folder = self._folders["all"]
        cpu = _counts(folder / "cpu.stat")
        peak = folder / "memory.peak"  # since Linux 5.19
        return Used(
            cpu_s=cpu["usage_usec"] / 1e6,
            throttled_s=cpu["throttled_usec"] / 1e6,
            peak_bytes=int(peak.read_text()) if peak.exists() else 0,
            oom_kills=_counts(folder / "memory.events")["oom_kill"],
        )


def _above_v2() -> dict[str, Path]:
    """The group below which ours is made: this process's own, with its processes' controllers handed down."""
    own = _ROOT / Path("/proc/self/cgroup").read_text(encoding="ascii").partition("::/")[2].strip()
    try:
        (own / "cgroup.subtree_control").write_text("+cpu +memory")
    except OSError as exc:
        raise NoBoardError(f"the controllers of {own} are not ours to hand down ({exc.strerror})") from exc
    return {"all": own}


def _counts(path: Path) -> dict[str, int]:
    """A file of lines `name number`."""
    return {name: int(number) for name, number in (line.split() for line in path.read_text().splitlines())}
