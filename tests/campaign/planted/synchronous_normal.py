"""Planted: the log is not flushed at each commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import apsw

from edge_agent.adapters.store import connection


@contextmanager
def planted() -> Iterator[None]:
    """SQLite's advice for WAL, taken: synchronous=NORMAL."""
    configure = connection._configure

    def faster(db: apsw.Connection) -> None:
        configure(db)
        db.execute("PRAGMA synchronous=NORMAL")

    with patch.object(connection, "_configure", faster):
        yield
