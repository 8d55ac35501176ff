"""The files that the broker reads, and the word to it that they have changed.

Logins are read again while the broker runs (SIGHUP). Its settings are not, so a change of those is told apart.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from edge_agent.adapters.secret_file import write_whole
from edge_agent.core.broker.settings import FILE_NAMES

# By its name in the process table, shortened to 15 characters there: a stale pid file may name anybody.
_START_NS = 5_000_000_000  # between reading its files and writing its number a starting broker may miss a change
_TOLD_FILE = ".told"  # as old as the newest login that the broker was told of
_PROGRAMS = {"mosquitto", "nats-server"}


class Told(StrEnum):
    """What became of a change at the broker."""

    RELOADED = "the broker was told to read its logins again"
    UNCHANGED = "the broker has them"
    NOT_RUNNING = "the broker is not running; it reads them when it starts"
    RESTART = "NOT IN FORCE: the broker's settings changed too; restart it"
    NOT_ALLOWED = "NOT IN FORCE: the broker runs as another user; send it SIGHUP"

    @property
    def in_force(self) -> bool:
        """Whether the change holds, or will as soon as there is a broker."""
        return self in {Told.RELOADED, Told.UNCHANGED, Told.NOT_RUNNING}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write what differs, each file whole and closed to other users."""
    for name, text in files.items():
        path, content = folder / name, text.encode()
        if not path.exists() or path.read_bytes() != content:
            write_whole(path, content)


def tell_broker(folder: Path, *, settings: str, logins: Iterable[str]) -> Told:
    """Have a running broker read its logins again, if they are newer than what it has read.

    Not one that started before its settings were last written: nats-server would refuse them all, logins too.
    """
    pid_file, told_file = folder / FILE_NAMES["pid"], folder / _TOLD_FILE
    pid = _running(pid_file)
    if pid is None:
        return Told.NOT_RUNNING
    started = pid_file.stat().st_mtime_ns
    if _written(folder / settings) > started:
        return Told.RESTART
    newest = max(_written(folder / each) for each in logins)
    if newest <= max(started - _START_NS, _written(told_file)):
        return Told.UNCHANGED
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return Told.NOT_RUNNING
    except PermissionError:
        return Told.NOT_ALLOWED
    write_whole(told_file, b"")
    os.utime(told_file, ns=(newest, newest))
    return Told.RELOADED


def _written(path: Path) -> int:
    """When, in nanoseconds; 0 for a file that is not there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _running(pid_file: Path) -> int | None:
    try:
        pid = int(pid_file.read_text(encoding="ascii").strip())
        program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return pid if program in _PROGRAMS else None
