"""Bridges and bare handlers as processes of their own (`tests.bench.serve`), and what they use of the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_ROOT = Path(__file__).parents[2]
_STARTS_WITHIN_S = 20.0
FIRST_CORE, ANY_CORE = 0, -1


def command(kind: str, server: str, *, port: int, file: Path, core: int = FIRST_CORE) -> list[str]:
    """How to start one worker of `kind` (bare, bridge) on `server`, pinned to a core where there are several."""
    pinned = core if (os.cpu_count() or 1) > 1 else ANY_CORE
    return [sys.executable, "-m", "tests.bench.serve", kind, server, str(port), str(pinned), str(file)]


@contextmanager
def running(argv: list[str], *, port: int, environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    """The process, once it listens; it is ended with the block."""
    process = subprocess.Popen(argv, cwd=_ROOT, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_s(process: psutil.Process) -> float:
    """The processor time that a process has used, without its children's, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)
