"""Virtual environments beside ours, for libraries of another version than the one that we have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_LOCKS = Path(__file__).parents[1] / "requirements"


def environment(folder: Path, lock: str) -> Path:
    """The interpreter of an environment with what this lock names, installed by our pip; a test skips without it."""
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-compile", "--require-hashes",
         "--requirement", str(_LOCKS / lock)],
    ):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
        if done.returncode:
            reason = f"no environment for {lock}: {(done.stderr or done.stdout).strip()[-300:]}"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return folder / "bin" / "python"
