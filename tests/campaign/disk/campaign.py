"""The failing-disk campaign: every system call of a life on its own files fails, once and for ever.

A run is one life in a process of its own, on real files. Afterwards the store is opened anew and must stand where the
last acknowledged call left it, or where the call in flight would have put it; failures must have been told as what
they are and must have stopped the sends, pages must have gone on, and the next start must be clean.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import count, zip_longest
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.campaign.bugs import Bug
from tests.campaign.disk.injection import CALLS, ERRORS, NOTHING, Failure, child, has_strace
from tests.campaign.disk.lives import UNIT, Lives
from tests.campaign.figures import Figures

_ACTS = 8
_DISK = "disk"
_CALL = re.compile(r"^\d+\s+(\w+)\(", re.MULTILINE)


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Let `size` lives meet a failing disk; whole lives are swept, call after call, until there are enough."""
    if not has_strace():
        return Figures("disk", 0, UNIT, faults=("strace is not installed: apt-get install strace",))
    with child() as lived:
        lives = Lives(lived, folder, bug=bug)
        wanted: set[str] = set()
        for life in count(seed * 1_000):
            made = _calls(lives, life, folder=folder)
            wanted |= made.keys()
            for failure in _plan(made, seed=life):
                if lives.is_enough(size):
                    return lives.figures("disk", wanted=wanted)
                _fail(lives, life, failure, folder=folder)
    raise AssertionError("lives do not run out")


def _calls(lives: Lives, life: int, *, folder: Path) -> Counter[str]:
    """How many system calls of each kind this life makes when none fails."""
    with TemporaryDirectory(dir=folder) as work:
        disk = Path(work) / _DISK
        disk.mkdir()
        trace = lives.live(disk, seed=life, acts=_ACTS, failure=NOTHING)
    return Counter(call for call in _CALL.findall(trace) if call in CALLS)


def _plan(made: Counter[str], *, seed: int) -> Iterator[Failure]:
    """Every call failing in every way; the kinds of calls take turns, so that few runs meet all of them."""
    kinds = []
    for call, total in sorted(made.items()):
        kind = [
            Failure(call, error, number, for_ever)
            for number in range(1, total + 1)
            for error in ERRORS
            for for_ever in (False, True)
        ]
        Random(f"{seed}/{call}").shuffle(kind)
        kinds.append(kind)
    return (failure for turn in zip_longest(*kinds) for failure in turn if failure is not None)


def _fail(lives: Lives, life: int, failure: Failure, *, folder: Path) -> None:
    with TemporaryDirectory(dir=folder) as work:
        disk = Path(work) / _DISK
        disk.mkdir()
        trace = lives.live(disk, seed=life, acts=_ACTS, failure=failure)
        lives.covered[failure.call] += "(INJECTED)" in trace
        lives.judge(disk, seed=life, acts=_ACTS, how=str(failure))
