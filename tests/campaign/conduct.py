"""Runs pieces of campaigns, each in a process of its own, a few at a time; says how it goes on standard error."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from tests.campaign.figures import Figures
from tests.campaign.group import Groups
from tests.campaign.tiers import Done, Pace, Piece

ROOT = Path(__file__).parents[2]
_PIECE_WITHIN_S = 3_600
_LOOK_EVERY_S = 0.2  # whether somebody asked for an end
# A killed process leaves what it wrote in the system's memory, on whatever disk: so the fastest one will do. Power cuts
# and failing disks are simulated, and do not depend on it either.
_IN_MEMORY = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}


def conduct(wanted: Sequence[Piece], *, lanes: int, tell: Callable[[str], None]) -> Iterator[Done]:
    """Run all pieces in this order, `lanes` at a time, and yield each result as it comes.

    However it ends, nothing that a piece has started goes on.
    """
    groups, left, pace = Groups(within_s=_PIECE_WITHIN_S), list(wanted), Pace()
    with _noted() as asked_to_end:
        pool = ThreadPoolExecutor(max_workers=lanes)
        try:
            waiting = {pool.submit(run_piece, piece, groups) for piece in wanted}
            while waiting and not asked_to_end:
                done, waiting = wait(waiting, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
                for result in [future.result() for future in done]:
                    left.remove(result.piece)
                    pace.note(result)
                    rest = f", about {pace.rest_s(left, lanes=lanes) / 60:.0f} min left" if left else ""
                    tell(f"[{len(wanted) - len(left)}/{len(wanted)}{rest}] {_told(result)}")
                    yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            groups.stop()
            pool.shutdown()


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Signals that ask for an end are noted, and raised at the end: inside a lock of the pool it would stay locked."""
    noted: list[int] = []
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    heeded = {each: handler for each, handler in before.items() if handler is not signal.SIG_IGN}
    for each in heeded:
        signal.signal(each, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        for each, handler in heeded.items():
            signal.signal(each, handler)
        for number in noted:
            signal.raise_signal(number)


def run_piece(piece: Piece, groups: Groups) -> Done:
    """One piece in a process of its own, which takes everything with it that it has started."""
    command = [sys.executable, "-m", "tests.campaign", "run", piece.campaign, "--size", str(piece.size)]
    command += ["--seed", str(piece.seed), "--json", *(["--bug", piece.bug] if piece.bug is not None else [])]
    ended = groups.run(command, folder=ROOT, environment=_IN_MEMORY)
    if ended.code not in {0, 1} or not ended.told.strip():
        sys.stderr.write(ended.complained[-4_000:])
        return Done(piece, None)
    return Done(piece, read_figures(ended.told.splitlines()[-1]))


def read_figures(text: str) -> Figures:
    """Figures from their JSON."""
    known = {each.name for each in fields(Figures)}
    told = {name: value for name, value in json.loads(text).items() if name in known}
    return Figures(**{**told, "wanted": tuple(told["wanted"]), "faults": tuple(told["faults"])})


def _told(result: Done) -> str:
    name, figures = result.piece.name, result.figures
    if figures is None:
        return f"{name}: its process broke"
    said = f"{name}: {_verdict(result)}: {figures.done} {figures.unit}, {figures.seconds} s"
    return said if result.holds else "; ".join([said, *figures.faults[:3]])


def _verdict(result: Done) -> str:
    if result.piece.bug is not None:
        return "caught" if result.holds else "NOT CAUGHT"
    return "holds" if result.holds else "FAILS"
