"""Readings that were kept apart because the hub doubted its own clock: found again, and settled once it does not."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.adapters.store.arriving import insert_messages
from edge_agent.adapters.store.connection import Connection, from_ms
from edge_agent.adapters.store.quarantine import QUARANTINE_BYTES_MAX
from edge_agent.core.messages import Decoded, Quarantined, QuarantineReason, RawMessage


class DoubtfulReadings:
    """Fulfils ports.DoubtfulStore."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def held(self, *, limit: int) -> list[tuple[int, RawMessage]]:
        """The oldest ones, as they came in; one that an earlier version cut is not whole, and says so."""
        rows = self._connection.db.execute(
            "SELECT id, topic, payload, size_bytes, received_ms FROM quarantine WHERE reason = ? ORDER BY id LIMIT ?",
            (QuarantineReason.HUB_CLOCK.value, limit),
        )
        return [
            (
                row_id,
                RawMessage(
                    topic=topic,
                    payload=payload,
                    retained=False,
                    duplicate=False,
                    received_at=from_ms(received_ms),
                    receipt=0,
                    whole_bytes=size_bytes if size_bytes > len(payload) else None,
                ),
            )
            for row_id, topic, payload, size_bytes, received_ms in rows
        ]

    def settle(self, accepted: Sequence[tuple[int, Decoded]], refused: Sequence[tuple[int, Quarantined]]) -> None:
        """Store what is believed now, each once, and give the rest its own reason: all or none.

        What is not judged again needs no whole payload.
        """
        with self._connection.transaction() as db:
            db.executemany("DELETE FROM quarantine WHERE id = ?", [(row_id,) for row_id, _ in accepted])
            insert_messages(db, [message for _, message in accepted])
            db.executemany(
                "UPDATE quarantine SET reason = ?, detail = ?, payload = substr(payload, 1, ?) WHERE id = ?",
                [(strange.reason.value, strange.detail, QUARANTINE_BYTES_MAX, row_id) for row_id, strange in refused],
            )
