"""The steps that a piece of code makes in one folder of real files, as the simulated disk knows them.

The system's own calls are watched, not replaced: contents are compared at each call that can make something durable or
change a name, so it does not matter by which means a file was written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_ISDIR
from unittest.mock import patch

from tests.campaign.power.medium import Image, Rename, Step, Sync, SyncFolder, Truncate, Write

_WATCHED = ("fsync", "link", "rename", "replace", "unlink")


class FolderSpy:
    """What happened in a folder since it was first looked at; what lay there then is durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[int, int] = {}  # by inode, for as long as it has a name
        self._contents: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self.steps: list[Step] = []
        self.look()
        self.steps.clear()
        self.before: Image = {name: self._contents[file] for name, file in self._names.items()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See every call of the block."""
        with ExitStack() as stack:
            for name in _WATCHED:
                stack.enter_context(patch.object(os, name, self._watched(name, getattr(os, name))))
            yield
        self.look()

    def look(self) -> None:
        """Note what changed without a call that is watched: files made and written."""
        for path in sorted(self._folder.iterdir()):
            inode = path.stat().st_ino
            if inode not in self._numbers:
                self._numbers[inode] = len(self._contents)
                self._contents[self._numbers[inode]] = b""
            file = self._numbers[inode]
            if self._names.get(path.name) != file:
                self._name(Rename(path.name, file))
            self._write(file, path.read_bytes())

    def _write(self, file: int, content: bytes) -> None:
        if content != self._contents[file]:
            self._contents[file] = content
            self.steps += [Truncate(file, 0), Write(file, 0, content)]

    def _name(self, rename: Rename) -> None:
        if rename.gone is not None:
            self._names.pop(rename.gone)
        if rename.name is not None:
            self._names[rename.name] = rename.file
        self.steps.append(rename)

    def _watched(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        def watched(*arguments: int | str | Path, **others: object) -> None:
            self.look()
            call(*arguments, **others)
            step = self._step(name, *arguments)
            if isinstance(step, Rename):
                self._name(step)
                self._numbers = {inode: n for inode, n in self._numbers.items() if n in self._names.values()}
            else:
                self.steps.append(step)

        return watched

    def _step(self, call: str, *arguments: int | str | Path) -> Step:
        if call == "fsync":
            stat = os.fstat(arguments[0])
            return SyncFolder() if S_ISDIR(stat.st_mode) else Sync(self._numbers[stat.st_ino])
        name = Path(arguments[0]).name
        match call:
            case "link":
                return Rename(Path(arguments[1]).name, self._names[name])
            case "unlink":
                return Rename(None, self._names[name], gone=name)
            case _:
                return Rename(Path(arguments[1]).name, self._names[name], gone=name)
