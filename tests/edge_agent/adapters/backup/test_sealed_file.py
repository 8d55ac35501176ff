"""One file under a passphrase: what was changed, cut, or sealed by another is not read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from edge_agent.adapters.backup import sealed_file
from edge_agent.adapters.backup.sealed_file import Cost, sealing, unsealing
from edge_agent.errors import BackupError

PASSPHRASE = "a passphrase of the test"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
KEPT = b"what is kept " * 1_000
_HEADER_BYTES = 78


def sealed(path: Path, kept: bytes = KEPT) -> Path:
    """A file that keeps these bytes."""
    with sealing(path, PASSPHRASE, cost=CHEAP) as out:
        out.write(kept)
    return path


def read(path: Path, passphrase: str = PASSPHRASE) -> bytes:
    """What it keeps, verified."""
    with unsealing(path, passphrase) as file:
        file.verify()
        with file.reading() as kept:
            return kept.read()


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    """Byte for byte, closed to other users, and not readable in the file."""
    path = sealed(tmp_path / "b")
    assert read(path) == KEPT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"what is kept" not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_two_files_of_the_same_share_nothing(tmp_path: Path) -> None:
    """Each has a salt, and so a key, of its own."""
    one, two = (sealed(tmp_path / name).read_bytes()[18:] for name in "ab")
    assert not any(one[at : at + 16] == two[at : at + 16] for at in range(0, len(one) - 16, 16))


def test_a_wrong_passphrase_is_told_from_damage(tmp_path: Path) -> None:
    """Before anything but the header is read."""
    with pytest.raises(BackupError, match="passphrase does not fit"):
        read(sealed(tmp_path / "b"), "another passphrase")


@pytest.mark.parametrize("at", [*range(0, _HEADER_BYTES, 3), _HEADER_BYTES, _HEADER_BYTES + 6_000, -17, -16, -1])
@pytest.mark.parametrize("bit", [0, 7])
def test_one_flipped_bit_is_found(tmp_path: Path, at: int, bit: int) -> None:
    """In the header, in what is kept, or in the tag; nothing is given out."""
    path = sealed(tmp_path / "b")
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(BackupError):
        read(path)


@pytest.mark.parametrize("length", [0, 5, 9, 40, _HEADER_BYTES, _HEADER_BYTES + 15, _HEADER_BYTES + 16, -16, -1])
def test_a_truncated_file_is_found(tmp_path: Path, length: int) -> None:
    """Wherever it was cut off."""
    path = sealed(tmp_path / "b")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(BackupError):
        read(path)


def test_more_at_the_end_is_found(tmp_path: Path) -> None:
    """A tag that is not the last is none."""
    path = sealed(tmp_path / "b")
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(BackupError, match="changed, damaged or cut off"):
        read(path)


def test_another_form_is_named(tmp_path: Path) -> None:
    """It says which, and what to do."""
    path = sealed(tmp_path / "b")
    content = bytearray(path.read_bytes())
    content[9] = 2
    path.write_bytes(content)
    with pytest.raises(BackupError, match="has form 2, this program reads form 1"):
        read(path)


def test_a_file_that_asks_for_too_much_is_refused_before_it_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four TiB of memory in the header cost nothing."""
    path = sealed(tmp_path / "b")
    content = bytearray(path.read_bytes())
    content[10:14] = b"\xff" * 4
    path.write_bytes(content)
    monkeypatch.setattr(sealed_file, "hash_secret_raw", lambda *_, **__: pytest.fail("it was tried"))
    with pytest.raises(BackupError, match="damaged"):
        read(path)


def test_nothing_is_read_before_all_of_it_was_verified(tmp_path: Path) -> None:
    """Not even by a program that forgets to."""
    with (
        unsealing(sealed(tmp_path / "b"), PASSPHRASE) as file,
        pytest.raises(BackupError, match="not verified"),
        file.reading(),
    ):
        pytest.fail("it was read")


def test_a_file_that_changes_between_two_readings_is_found(tmp_path: Path) -> None:
    """The second reading is held against the tag, too."""
    path = sealed(tmp_path / "b")
    with unsealing(path, PASSPHRASE) as file:
        file.verify()
        with path.open("r+b") as other:
            other.seek(_HEADER_BYTES + 100)
            other.write(b"\0" * 8)
        with pytest.raises(BackupError, match="damaged"), file.reading() as kept:
            kept.read(10)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """It may be the only good backup."""
    path = tmp_path / "b"
    path.write_bytes(b"dear")
    with pytest.raises(BackupError, match="is there already"):
        sealed(path)
    assert path.read_bytes() == b"dear"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """Neither a half file nor a temporary one."""
    with pytest.raises(BackupError, match="No space left"), sealing(tmp_path / "b", PASSPHRASE, cost=CHEAP):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_at_the_last_moment_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not made durable has no name."""

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(BackupError, match="cannot be written"):
        sealed(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_killed_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    """While it is written it has another one."""
    with sealing(tmp_path / "b", PASSPHRASE, cost=CHEAP) as out:
        out.write(KEPT)
        assert not (tmp_path / "b").exists()
