"""What pages and reports read of messages, devices and quarantine. Reads only; rules of storing are in `readings`."""

from __future__ import annotations

from datetime import datetime

from edge_agent.adapters.store.connection import Connection, from_ms
from edge_agent.adapters.store.quarantine import select_quarantine
from edge_agent.core.messages import DeviceId, Quarantined, QuarantineReason
from edge_agent.core.overview import DeviceOverview

_DEVICES_MAX = 1_000


class SqliteInspection:
    """Devices, quarantine and counts, for people and for scripts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def devices(self) -> list[DeviceOverview]:
        """Every device that was heard of, by name."""
        rows = self._connection.db.execute(
            "SELECT device, profile, firmware, online, max(coalesce(seen_ms, 0), coalesce(presence_ms, 0)) "
            "FROM device ORDER BY device LIMIT ?",
            (_DEVICES_MAX,),
        )
        return [
            DeviceOverview(
                device=DeviceId(device),
                profile=profile,
                firmware=firmware,
                online=None if online is None else bool(online),
                seen_at=from_ms(seen_ms) if seen_ms else None,
            )
            for device, profile, firmware, online, seen_ms in rows
        ]

    def quarantine(self, *, device: DeviceId | None = None, limit: int) -> list[Quarantined]:
        """What was kept apart, newest first; of one device where one is named."""
        where = "WHERE ?1 IS NULL OR device = ?1 ORDER BY id DESC LIMIT ?2"
        return list(select_quarantine(self._connection.db, where, (device, limit)))

    def quarantine_counts(self) -> dict[QuarantineReason, int]:
        """How many messages are kept apart, by reason."""
        rows = self._connection.db.execute("SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason")
        return {QuarantineReason(reason): count for reason, count in rows}

    def message_ranges(self) -> dict[DeviceId, dict[str, list[tuple[int, int]]]]:
        """By device and boot: first and last seq of every run without a gap, as far as the hub answers for it.

        A message that was kept apart is in them when its device and seq could be read: it is stored, if not believed.
        """
        rows = self._connection.db.execute(
            "WITH kept AS (SELECT device, boot, seq FROM message WHERE seq IS NOT NULL "
            "UNION SELECT device, boot, seq FROM quarantine WHERE seq IS NOT NULL) "
            "SELECT device, boot, min(seq), max(seq) FROM ("
            "SELECT device, boot, seq, seq - row_number() OVER (PARTITION BY device, boot ORDER BY seq) AS run "
            "FROM kept) GROUP BY device, boot, run "
            "UNION ALL SELECT device, boot, first_seq, last_seq FROM message_summary ORDER BY 1, 2, 3"
        )
        ranges: dict[DeviceId, dict[str, list[tuple[int, int]]]] = {}
        for device, boot, first_seq, last_seq in rows:
            _join(ranges.setdefault(device, {}).setdefault(boot, []), first_seq, last_seq)
        return ranges

    def unsequenced_counts(self) -> dict[DeviceId, int]:
        """How many messages without a sequence are stored, by device."""
        rows = self._connection.db.execute(
            "SELECT device, sum(messages) FROM ("
            "SELECT device, count(*) AS messages FROM message WHERE seq IS NULL GROUP BY device "
            "UNION ALL SELECT device, messages FROM unsequenced_summary) GROUP BY device ORDER BY device"
        )
        return {DeviceId(device): count for device, count in rows}

    def readings_count(self) -> int:
        """How many readings are stored, those that were summed up too."""
        count: int = self._connection.db.execute(
            "SELECT (SELECT count(*) FROM reading) + coalesce((SELECT sum(readings) FROM reading_summary), 0)"
        ).get
        return count

    def first_received_at(self) -> datetime | None:
        """When the first message that is stored came in."""
        at_ms = self._connection.db.execute("SELECT received_ms FROM message ORDER BY id LIMIT 1").get
        return None if at_ms is None else from_ms(at_ms)


def _join(runs: list[tuple[int, int]], first_seq: int, last_seq: int) -> None:
    """Add a run, in rising order, to those before it."""
    if runs and first_seq <= runs[-1][1] + 1:
        runs[-1] = (runs[-1][0], max(runs[-1][1], last_seq))
    else:
        runs.append((first_seq, last_seq))
