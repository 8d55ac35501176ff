"""What belongs to a backup of the data folder, as a stream: a list of what is in it, then the files.

Everything in the folder belongs to it but what the hub makes anew by itself, what was set aside, and what lies there
for a moment. Small files are read whole before the first byte is written, so the list says what follows.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge_agent.adapters.store.snapshot import COPY_PREFIX, NOTE_FILE
from edge_agent.errors import BackupError
from edge_agent.folder import PROFILE_CACHE, RESTORE_FOLDER, STORE_FILE

FORM = 1
LIST_NAME = "contents.json"
REPLACED_PREFIX = "replaced-"
_MADE_ANEW = frozenset({PROFILE_CACHE, "devices.json", "model"})
_FOR_A_MOMENT = (COPY_PREFIX, REPLACED_PREFIX, RESTORE_FOLDER, NOTE_FILE, "store-condemned")
_LIST_BYTES_MAX = 4 << 20
_FILE_BYTES_MAX = 16 << 20
_TOTAL_BYTES_MAX = 64 << 20
_FILES_MAX = 10_000
_PIECE_BYTES = 1 << 20
_PART = r"(?!\.{1,2}(/|$))[A-Za-z0-9._~@+-]{1,128}"
_NAME = re.compile(rf"{_PART}(/{_PART}){{0,3}}")
_ID = r"^[a-z0-9_-]{1,64}$"


class Part(BaseModel):
    """One file: where it lies below the data folder, and its size in bytes."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(max_length=520)]
    size_bytes: Annotated[int, Field(ge=0, le=64 << 30)]


class Contents(BaseModel):
    """What a backup says of itself. The store is the last file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    form: int
    made_at: AwareDatetime
    program: Annotated[str, StringConstraints(max_length=64)]
    home: Annotated[str, StringConstraints(pattern=_ID)]
    hub: Annotated[str, StringConstraints(pattern=_ID)]
    files: Annotated[tuple[Part, ...], Field(min_length=1, max_length=_FILES_MAX)]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(part.size_bytes for part in self.files)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The small files by name, and the names of what was left out though it lies in the folder."""

    files: Mapping[str, bytes]
    left_out: tuple[str, ...]


def gather(folder: Path) -> Gathered:
    """The data folder without its store.

    Raises: BackupError when there is more than a hub ever writes.
    """
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    total_bytes = 0
    for path in sorted(_walk(folder)):
        name = path.relative_to(folder).as_posix()
        is_plain = path.is_file() and not path.is_symlink() and _NAME.fullmatch(name) is not None
        if not is_plain or path.stat().st_size > _FILE_BYTES_MAX:
            left_out.append(name)
            continue
        files[name] = path.read_bytes()
        total_bytes += len(files[name])
        if total_bytes > _TOTAL_BYTES_MAX or len(files) >= _FILES_MAX:
            raise BackupError(f"{folder}: more files than a hub writes; move away what is not the hub's, from {name}")
    return Gathered(files, tuple(left_out))


def present(folder: Path) -> tuple[str, ...]:
    """What lies in the folder and would be replaced: names at the top of it."""
    ignored = {RESTORE_FOLDER, *_MADE_ANEW}
    return tuple(
        sorted(each.name for each in folder.iterdir() if each.name not in ignored and not _is_replaced(each.name))
    )


class _Watched:
    """A file that is read from its beginning to its end; `progress` hears the share that was."""

    def __init__(self, file: BinaryIO, *, size_bytes: int, progress: Callable[[float], None]) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._progress = progress
        self._read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """The next piece."""
        piece = self._file.read(size)
        self._read_bytes += len(piece)
        self._progress(min(1.0, self._read_bytes / max(1, self._size_bytes)))
        return piece


def write_parts(
    out: BinaryIO,
    contents: Contents,
    files: Mapping[str, bytes],
    store: Path,
    *,
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """The stream of a backup: list, small files, store. `progress` hears the share of the store that is in it."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, LIST_NAME, contents.model_dump_json().encode())
        for name, content in files.items():
            _add(archive, name, content)
        with store.open("rb") as file:
            size_bytes = contents.files[-1].size_bytes
            watched = _Watched(file, size_bytes=size_bytes, progress=progress)
            archive.addfile(_entry(STORE_FILE, size_bytes), cast("BinaryIO", watched))


@contextmanager
def reading_parts(kept: BinaryIO) -> Iterator[tuple[Contents, Iterator[tuple[str, Iterator[bytes]]]]]:
    """The list, and each file with its bytes in pieces, in the order of the list.

    Raises: BackupError for a list or a file that is not as it must be.
    """
    try:
        with tarfile.open(fileobj=kept, mode="r|") as archive:
            contents = read_contents(archive)
            yield contents, _parts(archive, names=frozenset(part.name for part in contents.files))
    except tarfile.TarError as exc:
        raise BackupError(f"the backup cannot be read ({exc})") from exc


def read_contents(archive: tarfile.TarFile) -> Contents:
    """The list at the beginning."""
    first = archive.next()
    if first is None or first.name != LIST_NAME or first.size > _LIST_BYTES_MAX:
        raise BackupError("the backup does not begin with the list of what is in it")
    try:
        contents = Contents.model_validate_json(cast("BinaryIO", archive.extractfile(first)).read())
    except ValidationError as exc:
        raise BackupError(
            "the backup's list of what is in it cannot be read: install the release that made it"
        ) from exc
    if contents.form != FORM:
        raise BackupError(f"the backup has form {contents.form}, this program reads {FORM}: install the newer release")
    names = [part.name for part in contents.files]
    if len(set(names)) != len(names) or names[-1] != STORE_FILE or not all(map(_may_be, names)):
        raise BackupError("the backup names files that a data folder cannot have")
    return contents


def _parts(archive: tarfile.TarFile, *, names: frozenset[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Nothing but files of the list: until the seal is held against the whole, a name may be anybody's."""
    while (member := archive.next()) is not None:
        if not member.isreg() or member.name not in names:
            raise BackupError("the backup holds something that is not a file of its list")
        yield member.name, _pieces(cast("BinaryIO", archive.extractfile(member)))


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _walk(folder: Path, *, depth: int = 3, top: Path | None = None) -> Iterator[Path]:
    for each in folder.iterdir():
        if top is None and _stays(each.name):
            continue
        if each.name == ".lock" or each.name.endswith((".new", ".part")):
            continue
        if each.is_dir() and not each.is_symlink() and depth:
            yield from _walk(each, depth=depth - 1, top=top or folder)
        else:
            yield each


def _stays(name: str) -> bool:
    """Whether this is not a part of a backup."""
    return name in _MADE_ANEW or name.startswith((STORE_FILE, *_FOR_A_MOMENT))


def _may_be(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and (name == STORE_FILE or not _stays(name.split("/", maxsplit=1)[0]))


def _is_replaced(name: str) -> bool:
    return name.startswith(REPLACED_PREFIX)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(PurePosixPath(name)))
    entry.size, entry.mode = size_bytes, 0o600
    return entry
