"""The greatest time that the hub ever reached, kept so that no restart and no set clock goes behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import apsw

from edge_agent.adapters.store.connection import from_ms, to_ms

_KEPT_EVERY = timedelta(seconds=60)


class HighWater:
    """Writes the time down, as a part of every transaction (`Connection`).

    It is kept with each transaction that the audit log knows of, and with any other once a minute (real, at `speed`).
    """

    def __init__(self, now: Callable[[], datetime], *, speed: float) -> None:
        self._now = now
        self._every_ms = to_ms(from_ms(0) + _KEPT_EVERY * speed)
        self._events_before = 0

    def begin(self, db: apsw.Connection) -> None:
        """Remember how long the audit log is."""
        self._events_before = _events(db)

    def commit(self, db: apsw.Connection) -> None:
        """Keep the time, if this transaction is one to keep it with."""
        now_ms, kept_ms = to_ms(self._now()), _kept_ms(db) or 0
        if now_ms > kept_ms and (now_ms - kept_ms >= self._every_ms or _events(db) != self._events_before):
            db.execute(
                "INSERT INTO clock (only, high_water_ms) VALUES (1, ?) "
                "ON CONFLICT (only) DO UPDATE SET high_water_ms = max(high_water_ms, excluded.high_water_ms)",
                (now_ms,),
            )

    def migrated(self, db: apsw.Connection, *, schema: int) -> None:
        """An older store's time is kept with its next transaction."""


def high_water(db: apsw.Connection) -> datetime | None:
    """The greatest time that was ever kept."""
    kept_ms = _kept_ms(db)
    return None if kept_ms is None else from_ms(kept_ms)


def _kept_ms(db: apsw.Connection) -> int | None:
    return cast("int | None", db.execute("SELECT high_water_ms FROM clock").get)


def _events(db: apsw.Connection) -> int:
    return cast("int", db.execute("SELECT coalesce(max(seq), 0) FROM audit").get)
