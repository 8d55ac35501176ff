"""A store that nobody has used yet, from a copy: to make one anew is half of what many a test takes."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from edge_agent.adapters.store.connection import Connection


def fresh_store(path: Path) -> Path:
    """The path, with an empty store of the newest schema there, unless some store is there already."""
    if not path.exists():
        path.write_bytes(_migrated())
    return path


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "hub.sqlite3"
        Connection(store).open().close()
        return store.read_bytes()
