"""A disk that forgets: what was synced stays, what was not may stay, go, or be torn at a sector. Pure; no real files.

The rules, harsher than a disk that keeps its order:
- A write or truncation that was not synced is kept or lost on its own, whatever came before or after it.
- A write that is kept may be kept by sectors of 512 bytes only, and where a file grew without a sync, what was lost
  may read as zeros or as rubbish.
- A name that was made, renamed or removed without a sync of the folder is kept or lost on its own; a rename is one
  step.

Not modelled: a disk that says it has synced and has not, and decay of what was synced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

SECTOR_BYTES = 512

Image = Mapping[str, bytes]  # what is found by name after the power came back


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes put at an offset of a file; files are numbered, names come and go."""

    file: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file cut, or filled up with zeros, to a size."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's content made durable; with `folder`, every name in the folder too."""

    file: int
    folder: bool = False


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """Every name in the folder made durable."""


@dataclass(frozen=True, slots=True)
class Rename:
    """`name` now stands for `file`, and `gone` for nothing: a new file, a link, a rename or a removal."""

    name: str | None
    file: int
    gone: str | None = None


Step = Write | Truncate | Sync | SyncFolder | Rename


class Loss(StrEnum):
    """What becomes of the steps that were not synced."""

    DROPPED = "dropped"
    KEPT = "kept"
    SUBSET = "subset"
    TORN = "torn"
    LAST_TORN = "last_torn"
    RUBBISH = "rubbish"


@dataclass(slots=True)
class Medium:
    """The durable content of a disk, and what is still on its way to it."""

    names: dict[str, int] = field(default_factory=dict)
    files: dict[int, bytes] = field(default_factory=dict)
    loose: dict[int, list[Write | Truncate]] = field(default_factory=dict)
    loose_names: list[Rename] = field(default_factory=list)

    @classmethod
    def holding(cls, image: Image) -> Medium:
        """A disk with this content, all of it durable; files are numbered in the order of the image."""
        return cls(names={name: number for number, name in enumerate(image)}, files=dict(enumerate(image.values())))

    def take(self, step: Step) -> None:
        """Let one more step happen."""
        match step:
            case Write() | Truncate():
                self.loose.setdefault(step.file, []).append(step)
            case Rename():
                self.loose_names.append(step)
            case SyncFolder():
                self._sync_names()
            case Sync():
                self.files[step.file] = _after(self.files.get(step.file, b""), self.loose.pop(step.file, ()))
                if step.folder:
                    self._sync_names()

    def lose_power(self, loss: Loss, rng: Random) -> Image:
        """What is found afterwards."""
        keep = 1.0 if loss in {Loss.KEPT, Loss.LAST_TORN} else 0.0 if loss is Loss.DROPPED else rng.random()
        names = dict(self.names)
        for rename in self.loose_names:
            if rng.random() < keep:
                _apply(names, rename)
        return {name: self._found(file, loss, keep=keep, rng=rng) for name, file in sorted(names.items())}

    def _found(self, file: int, loss: Loss, *, keep: float, rng: Random) -> bytes:
        durable = self.files.get(file, b"")
        steps = self.loose.get(file, [])
        if not steps or keep == 0.0:
            return durable
        kept: list[Write | Truncate] = [step for step in steps if rng.random() < keep]
        if loss is Loss.LAST_TORN:
            kept = [*steps[:-1], *_torn(steps[-1], keep=rng.random(), rng=rng)]
        elif loss in {Loss.TORN, Loss.RUBBISH}:
            kept = [part for step in steps for part in _torn(step, keep=keep, rng=rng)]
        if loss is Loss.RUBBISH:
            kept = [*_rubbish(steps, beyond=len(durable), rng=rng), *kept]
        return _after(durable, kept)

    def _sync_names(self) -> None:
        for rename in self.loose_names:
            _apply(self.names, rename)
        self.loose_names.clear()


def contents(image: Image) -> int:
    """A fingerprint of an image, to tell one from another in one run."""
    return hash(tuple(image.items()))


def _apply(names: dict[str, int], rename: Rename) -> None:
    if rename.gone is not None:
        names.pop(rename.gone, None)
    if rename.name is not None:
        names[rename.name] = rename.file


def _after(content: bytes, steps: Iterable[Write | Truncate]) -> bytes:
    found = bytearray(content)
    for step in steps:
        if isinstance(step, Truncate):
            del found[step.size :]
            found.extend(bytes(step.size - len(found)))
        else:
            found.extend(bytes(max(0, step.offset - len(found))))
            found[step.offset : step.offset + len(step.content)] = step.content
    return bytes(found)


def _torn(step: Write | Truncate, *, keep: float, rng: Random) -> Iterator[Write | Truncate]:
    """The parts of a step that reach the disk: whole sectors, each by itself; a truncation is whole or nothing."""
    if isinstance(step, Truncate):
        if rng.random() < keep:
            yield step
        return
    start, end = step.offset, step.offset + len(step.content)
    while start < end:
        border = min(end, start - start % SECTOR_BYTES + SECTOR_BYTES)
        if rng.random() < keep:
            yield Write(step.file, start, step.content[start - step.offset : border - step.offset])
        start = border


def _rubbish(steps: Iterable[Write | Truncate], *, beyond: int, rng: Random) -> Iterator[Write]:
    """Where a file has grown without a sync, whatever the disk held there before."""
    for step in steps:
        if isinstance(step, Write) and step.offset >= beyond:
            yield Write(step.file, step.offset, rng.randbytes(len(step.content)))
