"""A command in a process group of its own, which ends with everything that it has started.

Whatever ends it, an interrupt, a deadline or its own fault: first it is asked, so that it can clear up, and then the
group is killed, so that no broker, server, store or child of it goes on.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from types import MappingProxyType
from typing import IO

_CLEARING_UP_S = 15.0
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `code` is None where it was not started or did not end in time."""

    code: int | None
    told: str = ""
    complained: str = ""


class Groups:
    """Runs commands side by side, each called for from a thread of its own, until it is stopped."""

    def __init__(self, *, within_s: float) -> None:
        self._within_s = within_s
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = Lock()  # a command that is just being started is stopped, too
        self._is_stopped = False

    def run(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str] = _NOTHING) -> Ended:
        """Run to the end; `environment` is added to this process's own."""
        with TemporaryFile("w+", encoding="utf-8") as told, TemporaryFile("w+", encoding="utf-8") as complained:
            process = self._start(
                command, cwd=folder, env={**os.environ, **environment}, stdout=told, stderr=complained
            )
            if process is None:
                return Ended(None)
            try:
                code = process.wait(self._within_s)  # not for the end of its output, which a child may hold open
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)
                self._running.discard(process)
            return Ended(code, _read(told), _read(complained))

    def stop(self) -> None:
        """Ask every command to end, and start no other."""
        with self._lock:
            self._is_stopped = True
            for process in list(self._running):
                process.terminate()
        for process in list(self._running):
            _end(process)

    def _start(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: IO[str], stderr: IO[str]
    ) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._is_stopped:
                return None
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            self._running.add(process)
            return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for an end, wait for it a while, and kill what is left of the group: with the leader gone, it may be much."""
    process.terminate()  # nothing, where it has ended
    with suppress(subprocess.TimeoutExpired):
        process.wait(_CLEARING_UP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the leader of a session gives the group its number
    process.wait()


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
