"""One file under a passphrase: whole or not there, closed to other users, and not to be read or changed without it.

The passphrase becomes a key by argon2id (argon2-cffi) and HKDF; what is kept is encrypted and authenticated as one
message by AES-256-GCM (`cryptography`), the header with it. Each file has a salt of its own, and so a key of its own.
Bytes go through in pieces, so the size of a file costs no memory; nothing of it is given out before all of it was
verified.

Form 1, numbers big-endian: magic (8 bytes), form (2), memory of argon2id in KiB (4), passes (2), lanes (2), salt (16),
nonce (12), check (32); then what is kept; then the tag (16). The check is derived beside the key: it tells a wrong
passphrase from a damaged file.
Source: RFC 9106 section 4 (second choice of parameters), RFC 5869, NIST SP 800-38D.
"""

from __future__ import annotations

import hmac
import io
import os
import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge_agent.adapters.secret_file import flush
from edge_agent.errors import BackupError

FORM = 1
PASSPHRASE_LENGTH_MIN = 12
_MAGIC = b"RSTKBKUP"
_PREFIX = struct.Struct(">8sH")
_REST = struct.Struct(">IHH16s12s32s")
_HEADER_BYTES = _PREFIX.size + _REST.size
_TAG_BYTES = 16
_PIECE_BYTES = 1 << 20
_KEPT_BYTES_MAX = 60 << 30  # one message of AES-GCM may have 64 GiB
_MEMORY_KIB_MAX, _PASSES_MAX, _LANES_MAX = 1 << 18, 16, 8  # what a foreign file may make this machine work
_MEMORY_KIB_MIN = 8
_DAMAGED = "it was changed, damaged or cut off; nothing was taken from it. Take another copy of the backup"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess at the passphrase costs."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4


@contextmanager
def sealing(path: Path, passphrase: str, *, cost: Cost | None = None) -> Iterator[BinaryIO]:
    """A file to write what is to be kept into. It has its name only once it is whole and durable.

    Raises: BackupError when there is such a file already, or when it cannot be written; nothing is left then.
    """
    if path.exists():
        raise BackupError(f"{path} is there already: name another file, or move that one away first")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - the mode
            sealed = _Sealing(file, passphrase, cost or Cost())
            yield cast("BinaryIO", sealed)
            sealed.finish()
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, it replaces nothing that came meanwhile
        flush(path.parent)
    except FileExistsError as exc:
        raise BackupError(f"{path} is there already: name another file, or move that one away first") from exc
    except OSError as exc:
        raise BackupError(f"{path} cannot be written ({exc.strerror}); there is no backup of that name") from exc
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


class SealedFile:
    """A sealed file that is open. `verify` first; then `reading` gives what is kept."""

    def __init__(self, file: BinaryIO, path: Path, passphrase: str) -> None:
        self._file = file
        self._path = path
        self._kept_bytes = os.fstat(file.fileno()).st_size - _HEADER_BYTES - _TAG_BYTES
        self._header = _header(file, path)
        if self._kept_bytes < 0:
            raise BackupError(f"{path}: {_DAMAGED}")
        memory_kib, passes, lanes, salt, self._nonce, check = _REST.unpack(self._header[_PREFIX.size :])
        cost = _bounded(Cost(memory_kib, passes, lanes), path)
        self._key, expected = _keys(passphrase, salt, cost)
        if not hmac.compare_digest(check, expected):
            raise BackupError(f"{path}: the passphrase does not fit, or the first {_HEADER_BYTES} bytes are damaged")
        self._is_verified = False

    def verify(self, *, progress: Callable[[float], None] = lambda _: None) -> None:
        """Read all of it once. `progress` hears the share that is done.

        Raises: BackupError when a single bit is not as it was sealed.
        """
        opened = self._opened()
        done = 0
        while piece := opened.read(_PIECE_BYTES):
            done += len(piece)
            progress(done / self._kept_bytes)
        opened.finish()
        self._is_verified = True

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """What is kept, from its beginning; verified once more when the block ends.

        Raises: BackupError when the file was changed since it was verified.
        """
        if not self._is_verified:
            raise BackupError(f"{self._path}: it was not verified yet")
        opened = self._opened()
        yield cast("BinaryIO", opened)
        while opened.read(_PIECE_BYTES):
            pass
        opened.finish()

    def _opened(self) -> _Unsealing:
        self._file.seek(_HEADER_BYTES)
        return _Unsealing(
            self._file, self._path, key=self._key, nonce=self._nonce, header=self._header, kept_bytes=self._kept_bytes
        )


@contextmanager
def unsealing(path: Path, passphrase: str) -> Iterator[SealedFile]:
    """The sealed file at `path`.

    Raises: BackupError for a file that cannot be read, is none of ours, or has another passphrase.
    """
    with ExitStack() as stack:
        try:
            sealed = SealedFile(stack.enter_context(path.open("rb")), path, passphrase)
        except OSError as exc:
            raise BackupError(f"{path} cannot be read ({exc.strerror})") from exc
        yield sealed


class _Sealing(io.RawIOBase):
    """Encrypts what is written into it."""

    def __init__(self, file: BinaryIO, passphrase: str, cost: Cost) -> None:
        super().__init__()
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
        key, check = _keys(passphrase, salt, cost)
        header = _PREFIX.pack(_MAGIC, FORM)
        header += _REST.pack(cost.memory_kib, cost.passes, cost.lanes, salt, nonce, check)
        self._file = file
        self._encryptor = Cipher(AES(key), GCM(nonce)).encryptor()
        self._encryptor.authenticate_additional_data(header)
        self._left = _KEPT_BYTES_MAX
        file.write(header)

    def writable(self) -> bool:
        """It is written to."""
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        """Raises: BackupError when it is more than one message may have."""
        self._left -= len(piece)
        if self._left < 0:
            raise BackupError(f"more than {_KEPT_BYTES_MAX >> 30} GiB do not go into one backup")
        self._file.write(self._encryptor.update(piece))
        return len(piece)

    def finish(self) -> None:
        """Nothing more comes: add the tag."""
        self._file.write(self._encryptor.finalize())
        self._file.write(self._encryptor.tag)


class _Unsealing(io.RawIOBase):
    """Decrypts what is read from it."""

    def __init__(self, file: BinaryIO, path: Path, *, key: bytes, nonce: bytes, header: bytes, kept_bytes: int) -> None:
        super().__init__()
        self._file = file
        self._path = path
        self._decryptor = Cipher(AES(key), GCM(nonce)).decryptor()
        self._decryptor.authenticate_additional_data(header)
        self._left = kept_bytes

    def readable(self) -> bool:
        """It is read from."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; empty at the end."""
        try:
            piece = self._file.read(self._left if size < 0 else min(size, self._left))
        except OSError as exc:
            raise BackupError(f"{self._path} cannot be read ({exc.strerror})") from exc
        if not piece and self._left and size != 0:
            raise BackupError(f"{self._path}: {_DAMAGED}")
        self._left -= len(piece)
        return self._decryptor.update(piece)

    def finish(self) -> None:
        """Everything was read: hold it against the tag."""
        try:
            self._decryptor.finalize_with_tag(self._file.read(_TAG_BYTES))
        except (InvalidTag, ValueError) as exc:
            raise BackupError(f"{self._path}: {_DAMAGED}") from exc


def _header(file: BinaryIO, path: Path) -> bytes:
    """The header, if it is of a form that this program knows."""
    header = file.read(_HEADER_BYTES)
    if len(header) < _PREFIX.size or not header.startswith(_MAGIC):
        raise BackupError(f"{path} is not a backup that restock-hub has made")
    _, form = _PREFIX.unpack_from(header)
    if form != FORM:
        raise BackupError(f"{path} has form {form}, this program reads form {FORM}: install the release that made it")
    if len(header) < _HEADER_BYTES:
        raise BackupError(f"{path}: {_DAMAGED}")
    return header


def _bounded(cost: Cost, path: Path) -> Cost:
    """The cost, if this machine is to bear it: what names it is not authenticated yet."""
    fits = (
        _MEMORY_KIB_MIN * cost.lanes <= cost.memory_kib <= _MEMORY_KIB_MAX
        and 1 <= cost.passes <= _PASSES_MAX
        and 1 <= cost.lanes <= _LANES_MAX
    )
    if not fits:
        raise BackupError(f"{path}: {_DAMAGED}")
    return cost


def _keys(passphrase: str, salt: bytes, cost: Cost) -> tuple[bytes, bytes]:
    """The key, and what tells that it is the right one."""
    try:
        stretched = hash_secret_raw(
            passphrase.encode(),
            salt,
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=32,
            type=Type.ID,
        )
    except HashingError as exc:
        raise BackupError(f"argon2id needs {cost.memory_kib >> 10} MiB of memory, which could not be had") from exc
    return _derived(stretched, b"restock backup v1 key"), _derived(stretched, b"restock backup v1 check")


def _derived(stretched: bytes, name: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=name).derive(stretched)
