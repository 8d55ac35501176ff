"""Processes that a zygote forks: held by a descriptor, so that a kill never meets another process of the same id."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
_DEAD_WITHIN_MS = 10_000


class Forked:
    """One running program."""

    def __init__(self, pid: int) -> None:
        self._fd = os.pidfd_open(pid)

    def kill(self) -> None:
        """`kill -9`; when this returns the process is gone."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, signal.SIGKILL)
        assert self.is_dead(within_ms=_DEAD_WITHIN_MS), "a killed process does not end"

    def is_dead(self, *, within_ms: int = 0) -> bool:
        """Whether it has ended, in so many real milliseconds."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(within_ms))

    def close(self) -> None:
        """Kill what is left, and let the descriptor go."""
        self.kill()
        os.close(self._fd)


class Zygote:
    """Forks hubs and bridges."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def fork(self, program: str, arguments: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Forked:
        """Start `hub` or `bridge` with the arguments of its command."""
        order = {
            "program": program,
            "arguments": list(arguments),
            "log": str(log),
            "environment": {"NO_PROXY": "127.0.0.1", **environment},
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._answer()))

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def zygote() -> Iterator[Zygote]:
    """One that lives for the block; everything it forked ends with it."""
    command = [sys.executable, "-m", "tests.kill.zygote"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Zygote(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
