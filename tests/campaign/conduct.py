"""Runs pieces of campaigns, each in a process of its own, a few at a time; says how it goes on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import fields
from pathlib import Path

from tests.campaign.figures import Figures
from tests.campaign.group import Groups
from tests.campaign.tiers import Done, Pace, Piece

ROOT = Path(__file__).parents[2]
_PIECE_WITHIN_S = 3_600
# A killed process leaves what it wrote in the system's memory, on whatever disk: so the fastest one will do. Power cuts
# and failing disks are simulated, and do not depend on it either.
_IN_MEMORY = {"TMPDIR": "/dev/shm"} if os.access("/dev/shm", os.W_OK) else {}


def conduct(wanted: Sequence[Piece], *, lanes: int, tell: Callable[[str], None]) -> Iterator[Done]:
    """Run all pieces in this order, `lanes` at a time, and yield each result as it comes.

    However it ends, nothing that a piece has started goes on.
    """
    groups, left, pace = Groups(within_s=_PIECE_WITHIN_S), list(wanted), Pace()
    pool = ThreadPoolExecutor(max_workers=lanes)
    try:
        waiting = [pool.submit(run_piece, piece, groups) for piece in wanted]
        for count, future in enumerate(as_completed(waiting), start=1):
            result = future.result()
            left.remove(result.piece)
            pace.note(result)
            rest = f", about {pace.rest_s(left, lanes=lanes) / 60:.0f} min left" if left else ""
            tell(f"[{count}/{len(wanted)}{rest}] {_told(result)}")
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        groups.stop()
        pool.shutdown()


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


class Record:
    """The results of a deep run so far, one JSON object a line, so that it can go on where it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def left(self, pieces: Iterable[Piece]) -> list[Piece]:
        """The pieces that have no result yet."""
        known = {each.piece.name for each in self.results(pieces)}
        return [piece for piece in pieces if piece.name not in known]

    def results(self, pieces: Iterable[Piece]) -> list[Done]:
        """What is on record of these pieces; a line that was cut off by a power loss counts as not there."""
        if not self._path.exists():
            return []
        by_name = {piece.name: piece for piece in pieces}
        found = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                kept = json.loads(line)
            except json.JSONDecodeError:
                continue
            piece = by_name.get(kept["piece"])
            if piece is not None and piece.size == kept["size"]:
                found.append(Done(piece, read_figures(json.dumps(kept["figures"]))))
        return found

    def add(self, result: Done) -> None:
        """Keep one result; a piece whose process broke is left for the next time."""
        if result.figures is None:
            return
        kept = {"piece": result.piece.name, "size": result.piece.size, "figures": json.loads(result.figures.to_json())}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(kept) + "\n")


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
