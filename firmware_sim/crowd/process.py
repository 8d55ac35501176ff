"""What this process takes of the machine, and may take."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_SPARE = 64  # descriptors for everything that is no device: logs, stores, the check subscriber


def raise_file_limit() -> int:
    """Allow this process as many open files as the system lets it; returns how many connections that is enough for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(0, hard - _SPARE)


def cpu_s() -> float:
    """Processor time that this process has used."""
    return time.process_time()


def resident_kb() -> float | None:
    """Memory of this process that is not swapped out, in kB of 1,000 bytes; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000
