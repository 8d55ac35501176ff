"""Small files that only the hub's own user may read: written whole or not at all. `flush` makes any write durable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def load_or_make(path: Path, *, make: Callable[[], bytes]) -> bytes:
    """The file's bytes; `make` gives them on first use, and they are durable before this returns."""
    if path.exists():
        return path.read_bytes()
    content = make()
    write_whole(path, content)
    return content


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the file's place, durably: a reader sees the old or the new, and nothing between."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - the mode
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Make what was written to a file durable, or what was renamed in a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
