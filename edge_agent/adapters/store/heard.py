"""What each device told last, and what was kept apart of each topic: what the list of devices reads of the store.

The last reading of a signal is found by its index, one step a signal, so that the cost grows with the number of signals
and not with the number of readings.
"""

from __future__ import annotations

from edge_agent.adapters.store.connection import Connection, from_ms
from edge_agent.core.inventory.devices import Apart, Heard
from edge_agent.core.messages import Presence, QuarantineReason, Reading

_LATEST = (
    "WITH RECURSIVE pair(device, signal) AS ("
    "SELECT * FROM (SELECT device, signal FROM reading ORDER BY device, signal LIMIT 1) "
    "UNION ALL SELECT n.device, n.signal FROM pair p JOIN reading n ON n.id = coalesce("  # two looks: a comparison of
    "(SELECT id FROM reading WHERE device = p.device AND signal > p.signal ORDER BY signal LIMIT 1), "  # both at once
    "(SELECT id FROM reading WHERE device > p.device ORDER BY device, signal LIMIT 1))) "  # uses half of the index
    "SELECT p.device, p.signal, r.presence, r.number, r.text, r.unit, r.event_ms, m.received_ms, m.profile, m.topic "
    "FROM pair p JOIN reading r ON r.id = (SELECT id FROM reading WHERE device = p.device AND signal = p.signal "
    "ORDER BY id DESC LIMIT 1) JOIN message m ON m.id = r.message_id LIMIT ?"
)
_APART = (
    "SELECT q.topic, q.device, q.reason, q.detail, q.payload, q.size_bytes, q.received_ms, g.messages FROM "
    "(SELECT max(id) AS newest, count(*) AS messages FROM quarantine GROUP BY topic, reason "
    "ORDER BY newest DESC LIMIT ?) g JOIN quarantine q ON q.id = g.newest ORDER BY q.id DESC"
)


class SqliteHeard:
    """Fulfils `pipeline.discovery.HeardStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def latest(self, *, limit: int) -> list[Heard]:
        """The last reading of every signal of every device, by name; at most `limit`."""
        with self._connection.reading() as db:
            return [_heard(*row) for row in db.execute(_LATEST, (limit,))]

    def apart(self, *, limit: int) -> list[Apart]:
        """What was kept apart, by topic and reason, the newest first; at most `limit` of them."""
        with self._connection.reading() as db:
            return [
                Apart(topic, device, QuarantineReason(reason), detail, payload, size_bytes, from_ms(at_ms), count)
                for topic, device, reason, detail, payload, size_bytes, at_ms, count in db.execute(_APART, (limit,))
            ]


def _heard(  # noqa: PLR0917 - one row
    device: str,
    signal: str,
    presence: str,
    number: float | None,
    text: str | None,
    unit: str,
    event_ms: int,
    received_ms: int,
    profile: str,
    topic: str,
) -> Heard:
    reading = Reading(signal, Presence(presence), number if text is None else text, unit)
    return Heard(
        device=device,
        profile=profile,
        topic=topic,
        reading=reading,
        at=from_ms(event_ms),
        heard_at=from_ms(received_ms),
    )
