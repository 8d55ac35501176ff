"""The list of devices as the running hub last wrote it: the store itself is the hub's alone while it runs."""

from __future__ import annotations

import functools
import os
import time
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edge_agent.core.inventory.devices import Inventory

_FILE = "devices.json"  # may be deleted at any time
_FILE_BYTES_MAX = 16_777_216


def write(folder: Path, inventory: Inventory) -> None:
    """Replace the list, whole or not at all; a disk that does not take it stops nothing."""
    beside = folder / f"{_FILE}.new"
    with suppress(OSError):
        beside.write_bytes(as_json(inventory))
        beside.chmod(0o600)
        os.replace(beside, folder / _FILE)  # noqa: PTH105 - the same, and says that it replaces


def read(folder: Path) -> Inventory | None:
    """The list as it was last written; None where there is none that can be read."""
    try:
        with (folder / _FILE).open("rb") as file:
            text = file.read(_FILE_BYTES_MAX)
        return _adapter().validate_json(text)
    except (OSError, ValidationError):
        return None


def age_s(folder: Path) -> float:
    """How long ago the list was written, by the system's own time; 0 where there is none."""
    try:
        return max(0.0, time.time() - (folder / _FILE).stat().st_mtime)
    except OSError:
        return 0.0


def as_json(inventory: Inventory) -> bytes:
    """The list as one JSON object on one line."""
    return _adapter().dump_json(inventory)


@functools.cache
def _adapter() -> TypeAdapter[Inventory]:
    return TypeAdapter(Inventory)
