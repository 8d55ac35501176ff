"""SQLite's files on a simulated disk: an `apsw` VFS in Python that the real `Connection` opens without knowing.

The VFS is made the default one for a block, so that nothing of the store is changed. It answers as SQLite's own `unix`
VFS does where that matters for durability: device characteristics, the sync of the folder with the first sync of a new
log or journal, removal with or without a sync. No shared memory: the store's exclusive lock makes it unnecessary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import apsw

from tests.campaign.power.medium import Image, Rename, Step, Sync, SyncFolder, Truncate, Write

_NAME = "restock-power"
_LOGS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class Disk:
    """What the running program sees of a disk, and every step it makes there."""

    def __init__(self, image: Image | None = None) -> None:
        image = image or {}
        self.names: dict[str, int] = {name: number for number, name in enumerate(image)}
        self.files: dict[int, bytes | bytearray] = dict(enumerate(image.values()))
        self.steps: list[Step] = []
        self._next = len(self.files)

    def open(self, name: str) -> int:
        """The file of that name, made when there is none."""
        if name not in self.names:
            self.names[name] = self.make()
            self.steps.append(Rename(name, self.names[name]))
        return self.names[name]

    def make(self) -> int:
        """An empty file without a name."""
        file, self._next = self._next, self._next + 1
        self.files[file] = bytearray()
        return file

    def write(self, file: int, content: bytes, *, offset: int) -> None:
        """Put bytes into a file."""
        found = self._writable(file)
        found.extend(bytes(max(0, offset - len(found))))
        found[offset : offset + len(content)] = content
        self.steps.append(Write(file, offset, content))

    def truncate(self, file: int, size: int) -> None:
        """Cut a file, or fill it up with zeros."""
        found = self._writable(file)
        del found[size:]
        found.extend(bytes(size - len(found)))
        self.steps.append(Truncate(file, size))

    def sync(self, file: int, *, folder: bool = False) -> None:
        """Make a file durable, and with `folder` its name."""
        self.steps.append(Sync(file, folder=folder))

    def remove(self, name: str, *, folder: bool) -> None:
        """Take a name away; with `folder`, durably."""
        self.steps.append(Rename(None, self.names.pop(name), gone=name))
        if folder:
            self.steps.append(SyncFolder())

    def read(self, name: str) -> bytes:
        """The content under a name, empty when there is none."""
        return bytes(self.files[self.names[name]]) if name in self.names else b""

    def _writable(self, file: int) -> bytearray:
        found = self.files[file]
        if isinstance(found, bytes):
            found = self.files[file] = bytearray(found)
        return found


class _File:
    """One open file of SQLite."""

    def __init__(self, disk: Disk, file: int, *, is_log: bool) -> None:
        self._disk = disk
        self._file = file
        self._syncs_folder = is_log  # as unix does for a log or journal that it has opened

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's names
        return bytes(self._disk.files[self._file][offset : offset + amount])

    def xWrite(self, content: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._file, bytes(content), offset=offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.truncate(self._file, size)

    def xSync(self, _flags: int) -> None:  # noqa: N802
        self._disk.sync(self._file, folder=self._syncs_folder)
        self._syncs_folder = False

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._disk.files[self._file])

    def xLock(self, _level: int) -> None:  # noqa: N802
        """One process, one connection: nobody to lock out."""

    def xUnlock(self, _level: int) -> None:  # noqa: N802
        """See xLock."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, _op: int, _pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        """Nothing is held."""


class PowerVfs(apsw.VFS):
    """The VFS over the disk that is mounted at the moment."""

    def __init__(self, rng: Random) -> None:
        self.disk = Disk()
        self.rng = rng
        super().__init__(_NAME, base="", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # noqa: N802
        """A file on the disk, made where SQLite asks for that; scratch files leave nothing."""
        flags[1] = flags[0]
        if name is None:
            return _File(Disk({"": b""}), 0, is_log=False)  # scratch, which no power loss leaves behind
        path = name if isinstance(name, str) else name.filename()
        if not flags[0] & apsw.SQLITE_OPEN_CREATE and path not in self.disk.names:
            raise apsw.CantOpenError(path)
        return _File(self.disk, self.disk.open(path), is_log=bool(flags[0] & _LOGS))

    def xAccess(self, name: str, _flags: int) -> bool:  # noqa: N802
        """Whether there is such a file with anything in it, as `unix` says it."""
        return bool(self.disk.names.get(name) is not None and self.disk.files[self.disk.names[name]])

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        """Take a file away; what is gone already is no fault."""
        if name in self.disk.names:
            self.disk.remove(name, folder=sync_folder)

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """Names are whole already."""
        return name

    def xRandomness(self, size: int) -> bytes:  # noqa: N802
        """The salts of the log come from the seed too."""
        return self.rng.randbytes(size)


@contextmanager
def mounted(rng: Random) -> Iterator[PowerVfs]:
    """Every connection that is opened in the block lives on the disk that is mounted then."""
    before = apsw.vfs_names()[0]
    vfs = PowerVfs(rng)
    apsw.randomness(0)  # SQLite draws its own generator's seed anew, from ours
    try:
        yield vfs
    finally:
        vfs.unregister()
        apsw.set_default_vfs(before)
