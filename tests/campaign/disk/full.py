"""The full-disk campaign: no file may grow over a size, or a tmpfs of some hundred KiB has no room left.

The first failure is followed by relief (the limit is lifted, a ballast goes), and the same life must then go on
without a restart. The tmpfs needs the right to mount, and is left out without it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.campaign.bugs import Bug
from tests.campaign.disk.injection import child
from tests.campaign.disk.lives import Lives
from tests.campaign.figures import Figures

_ACTS = 60
_KIB = 1_024
_LIMITS_KIB = (320, 384, 512, 768)
_BALLAST_SHARE = 2  # times what is left for the life


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Let `size` lives meet a full disk, of both kinds where this process may mount one."""
    wanted = ["limit", *(["tmpfs"] if may_mount() else [])]
    with child() as lived:
        lives = Lives(lived, folder, bug=bug)
        for life in count(seed * 1_000):
            for kind in wanted:
                if lives.is_enough(size):
                    return lives.figures("full", wanted=wanted)
                room_kib = _LIMITS_KIB[life % len(_LIMITS_KIB)]
                with TemporaryDirectory(dir=folder) as work:
                    _fill_up(lives, life, kind=kind, disk=Path(work) / "disk", room_kib=room_kib)
    raise AssertionError("lives do not run out")


def may_mount() -> bool:
    """Whether this process may mount a file system: it runs as root, and no sandbox forbids it."""
    allowed = os.geteuid() == 0
    return allowed and subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


def _fill_up(lives: Lives, life: int, *, kind: str, disk: Path, room_kib: int) -> None:
    disk.mkdir()
    if kind == "limit":
        lives.live(disk, seed=life, acts=_ACTS, file_bytes_max=room_kib * _KIB)
        lives.covered[kind] += lives.judge(disk, seed=life, acts=_ACTS, how=kind)
        return
    with _tmpfs(disk, size_kib=(1 + _BALLAST_SHARE) * room_kib):
        lives.live(disk, seed=life, acts=_ACTS, ballast_bytes=_BALLAST_SHARE * room_kib * _KIB)
        lives.covered[kind] += lives.judge(disk, seed=life, acts=_ACTS, how=kind)


@contextmanager
def _tmpfs(folder: Path, *, size_kib: int) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
