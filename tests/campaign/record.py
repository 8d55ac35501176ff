"""The record of a tier that goes on where it stopped: one result a line, each with the version that it was found in."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.campaign.conduct import ROOT, read_figures
from tests.campaign.tiers import Done, Piece

UNKNOWN = "unknown"
_VERSION = ("git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty=+changed")


class RecordInUseError(Exception):
    """Another run writes to this record: wait for its end, or name another file."""


def version() -> str:
    """The commit of this tree, marked where a file of it was changed; `unknown` where git does not say."""
    try:
        told = subprocess.run(_VERSION, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return told.stdout.strip()


class Record:
    """Results so far, of this `version`; those of another one count only where `any_version` says so."""

    def __init__(self, path: Path, *, version: str, any_version: bool = False) -> None:
        self._path = path
        self._version = version
        self._any_version = any_version

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other run away, for as long as the block lasts.

        Raises: RecordInUseError.
        """
        with self._path.open("a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RecordInUseError(f"another run writes to {self._path}") from None
            yield

    def left(self, pieces: Iterable[Piece]) -> list[Piece]:
        """The pieces that have no result yet."""
        wanted = list(pieces)
        known = {each.piece.name for each in self.results(wanted)}
        return [piece for piece in wanted if piece.name not in known]

    def results(self, pieces: Iterable[Piece]) -> list[Done]:
        """What is on record of these pieces, each once; of two results of one piece, the one that fails."""
        found: dict[str, Done] = {}
        for of, result in self._kept(pieces):
            before = found.get(result.piece.name)
            if self._counts(of) and (before is None or (before.holds and not result.holds)):
                found[result.piece.name] = result
        return list(found.values())

    def versions(self, pieces: Iterable[Piece]) -> list[str]:
        """Which versions the results are of."""
        return sorted({of for of, _ in self._kept(pieces) if self._counts(of)})

    def left_out(self, pieces: Iterable[Piece]) -> int:
        """How many results of other versions are on record, and do not count."""
        return sum(not self._counts(of) for of, _ in self._kept(pieces))

    def add(self, result: Done) -> None:
        """Keep one result; a piece whose process broke is left for the next time."""
        if result.figures is None:
            return
        told = {"piece": result.piece.name, "size": result.piece.size, "version": self._version}
        kept = {**told, "figures": json.loads(result.figures.to_json())}
        with self._path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":  # a power loss has cut the last line off: it must not spoil this one
                    file.write(b"\n")
            file.write(json.dumps(kept).encode() + b"\n")

    def _counts(self, of: str) -> bool:
        return self._any_version or of == self._version

    def _kept(self, pieces: Iterable[Piece]) -> Iterator[tuple[str, Done]]:
        """Every result of these pieces with its version, as often as it is there."""
        by_name = {piece.name: piece for piece in pieces}
        for line in self._lines():
            piece = by_name.get(line["piece"])
            if piece is not None and piece.size == line["size"]:
                yield line.get("version", UNKNOWN), Done(piece, read_figures(json.dumps(line["figures"])))

    def _lines(self) -> Iterator[dict[str, Any]]:
        """A line that was cut off by a power loss counts as not there."""
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue
