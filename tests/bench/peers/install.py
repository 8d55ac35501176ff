"""Puts the other gateways into build/peers, each from a lock with hashes that names no registry; once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.peers.gateway import NotInstalledError

_ROOT = Path(__file__).parents[3]
_FOLDER = _ROOT / "build" / "peers"
_NODE_RED = Path(__file__).with_name("node-red")
_THINGSBOARD = _ROOT / "requirements" / "thingsboard.lock"
_NODE_MAJOR_LEAST = 20
_WITHIN_S = 900.0


def node_red() -> Path:
    """The folder of Node-RED's node_modules.

    Raises: NotInstalledError.
    """
    if shutil.which("npm") is None or _node_major() < _NODE_MAJOR_LEAST:
        raise NotInstalledError(f"node {_NODE_MAJOR_LEAST} or newer and npm are wanted")
    folder = _FOLDER / "node-red"
    lock = _NODE_RED / "package-lock.json"
    if not _is_done(folder, lock):
        folder.mkdir(parents=True, exist_ok=True)
        for file in _NODE_RED.glob("*.json"):
            shutil.copy(file, folder)
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cwd=folder)
        _note(folder, lock)
    return folder


def thingsboard() -> Path:
    """The interpreter of the ThingsBoard gateway's environment.

    Raises: NotInstalledError.
    """
    folder = _FOLDER / "thingsboard"
    python = folder / "bin" / "python"
    if not _is_done(folder, _THINGSBOARD):
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--python", str(python)]
        _run([*pip, "install", "--quiet", "--require-hashes", "--requirement", str(_THINGSBOARD)])
        _note(folder, _THINGSBOARD)
    return python


def _is_done(folder: Path, lock: Path) -> bool:
    """Whether exactly this lock was installed there to its end."""
    noted = folder / ".installed"
    return noted.exists() and noted.read_bytes() == lock.read_bytes()


def _note(folder: Path, lock: Path) -> None:
    shutil.copyfile(lock, folder / ".installed")


def _node_major() -> int:
    if shutil.which("node") is None:
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.strip().removeprefix("v").split(".")[0] or 0)


def _run(command: Sequence[str], *, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NotInstalledError(f"{command[0]}: {exc}") from exc
    if done.returncode:
        raise NotInstalledError(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[-300:]}")
