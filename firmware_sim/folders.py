"""The demo's folders: a private one that always goes, and one for the stores that may stay."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firmware_sim.processes import DemoError

_SWEEPER = Path(__file__).with_name("sweeper.py")
_SWEPT_WITHIN_S = 15.0


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder closed to other users, which goes with the block, also when this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="restock-demo-"))
    argv = [sys.executable, "-I", "-S", str(_SWEEPER), str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True) as sweeper:
        try:
            yield folder
        finally:
            if sweeper.stdin is not None:
                sweeper.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                sweeper.wait(timeout=_SWEPT_WITHIN_S)
            shutil.rmtree(folder, ignore_errors=True)  # had the sweeper itself been killed
            sweeper.kill()


def make_stores(wanted: Path | None, *, inside: Path) -> Path:
    """The folder for stores and logs: the one that was asked for, else one that goes with the private folder.

    Raises: DemoError when the folder that was asked for cannot be used.
    """
    stores = wanted if wanted is not None else inside / "stores"
    try:
        stores.mkdir(mode=0o700, parents=True, exist_ok=True)
        (stores / "logs").mkdir(mode=0o700)
    except OSError as exc:
        raise DemoError(f"{exc.filename}: cannot be made ({exc.strerror})") from exc
    return stores.resolve()
