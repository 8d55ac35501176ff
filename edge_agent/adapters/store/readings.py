"""Messages, quarantine, devices and the folded stock in SQLite: each message once, and how far each boot is complete.

Rules of this file:
- (device, boot, seq) is the identity of a message with a sequence. The first body stands; another one is kept apart.
- Without a sequence, a redelivery with a topic and digest that are known is the same message.
- A message that was kept apart counts as stored for its device's cursor when its envelope was sound, so that a device
  does not hold on for ever to what will never be accepted.
- The run of a boot starts at 1, or at the oldest reading that its device says it still holds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store.arriving import insert_messages
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.adapters.store.quarantine import keep_apart
from edge_agent.adapters.store.room import Room
from edge_agent.core.estimate import StockState
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    ItemId,
    Presence,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    Reading,
    StoredCursor,
)
from edge_agent.core.said import say
from edge_agent.errors import BugError, RoomReservedError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

log = logging.getLogger(__name__)

_QUARANTINE_ROWS_MAX = 10_000
HELD_ROWS_MAX = 10_000
_BIRTHS_MAX = 1_000
_PRESENCES = {each.value: each for each in Presence}
_HELD = QuarantineReason.HUB_CLOCK.value

_Boot = tuple[DeviceId, str]


class SqliteReadings:
    """Fulfils ports.ReadingStore. Every call is one transaction, durable when it returns.

    The newest `quarantine_rows_max` messages that were kept apart stay. Those that wait for the hub's clock stay whole
    until they are judged; with `held_rows_max` of them no more are taken (RoomReservedError). While `room` keeps the
    rest of the disk for orders, nothing that a device says is taken (the same error).
    """

    def __init__(
        self,
        connection: Connection,
        *,
        room: Room | None = None,
        quarantine_rows_max: int = _QUARANTINE_ROWS_MAX,
        held_rows_max: int = HELD_ROWS_MAX,
        crash_hook: CrashHook = no_crash,
    ) -> None:
        self._connection = connection
        self._room = room
        self._quarantine_rows_max = quarantine_rows_max
        self._held_rows_max = held_rows_max
        self._crash_hook = crash_hook
        self._births: dict[DeviceId, Birth] = {}  # as they stand in the store: every native reading asks for its own

    def commit(self, accepted: Sequence[Decoded], quarantined: Sequence[Quarantined]) -> list[StoredCursor]:
        """Store a group, each message once; returns the cursor of every (device, boot) in it, known ones included."""
        if not accepted and not quarantined:
            return []
        self._check_room()
        self._check_held(quarantined)
        seen: dict[_Boot, None] = {}
        with self._connection.transaction() as db:
            insert_messages(db, accepted)
            for message in accepted:
                _note(seen, message.device, message.boot, seq=message.seq)
            for strange in quarantined:
                keep_apart(db, strange)
                _note(seen, strange.device, strange.boot, seq=strange.seq)
            db.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ? AND reason <> ?",
                (self._quarantine_rows_max, _HELD),
            )
            cursors = [_advance(db, boot) for boot in seen]
            self._crash_hook(CrashPoint.INSERTED)
        return cursors

    def record_birth(self, birth: Birth) -> None:
        """Remember which profile and boot a device announced, and that what it no longer holds will not come."""
        self._check_room()
        at_ms = to_ms(birth.received_at)
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO device (device, profile, firmware, boot, birth_ms, seen_ms) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (device) DO UPDATE SET profile = excluded.profile, firmware = excluded.firmware, "
                "boot = excluded.boot, birth_ms = excluded.birth_ms, seen_ms = excluded.seen_ms",
                (birth.device, birth.profile, birth.firmware, birth.boot, at_ms, at_ms),
            )
            db.execute(
                "INSERT INTO sequence (device, boot, first_seq, seq) VALUES (?1, ?2, ?3, ?3 - 1) "
                "ON CONFLICT (device, boot) DO UPDATE SET seq = max(seq, excluded.seq)",
                (birth.device, birth.boot, birth.first_seq),
            )
        self._births.pop(birth.device, None)

    def record_presence(self, change: PresenceChange) -> None:
        """Remember that a device came or went."""
        self._check_room()
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO device (device, online, presence_ms) VALUES (?, ?, ?) "
                "ON CONFLICT (device) DO UPDATE SET online = excluded.online, presence_ms = excluded.presence_ms",
                (change.device, int(change.online), to_ms(change.received_at)),
            )

    def birth_of(self, device: DeviceId) -> Birth | None:
        """The last birth certificate of a device."""
        known = self._births.get(device) or self._read_birth(device)
        if known is not None and len(self._births) < _BIRTHS_MAX:
            self._births[device] = known
        return known

    def _read_birth(self, device: DeviceId) -> Birth | None:
        row = self._connection.db.execute(
            "SELECT profile, firmware, boot, birth_ms FROM device WHERE device = ? AND birth_ms IS NOT NULL", (device,)
        ).fetchone()
        if row is None:
            return None
        profile, firmware, boot, birth_ms = row
        return Birth(device, profile, firmware, boot, from_ms(birth_ms))

    def readings_after(
        self, device: DeviceId, signal: str, *, after_id: int, limit: int
    ) -> list[tuple[int, datetime, Reading]]:
        """Stored readings of one signal in the order in which they were stored: (id, event_at, reading)."""
        rows = self._connection.db.execute(
            "SELECT id, event_ms, presence, number, text, unit FROM reading "
            "WHERE device = ? AND signal = ? AND id > ? ORDER BY id LIMIT ?",
            (device, signal, after_id, limit),
        )
        return [
            (row_id, from_ms(event_ms), Reading(signal, _PRESENCES[presence], number if text is None else text, unit))
            for row_id, event_ms, presence, number, text, unit in rows
        ]

    def profile_of(self, device: DeviceId, signal: str) -> str | None:
        """The profile by which a signal was last read, or that its device announced; None: it was never heard of."""
        db = self._connection.db
        read_by = db.execute(
            "SELECT m.profile FROM reading r JOIN message m ON m.id = r.message_id "
            "WHERE r.device = ? AND r.signal = ? ORDER BY r.id DESC LIMIT 1",
            (device, signal),
        ).get
        announced = db.execute("SELECT profile FROM device WHERE device = ?", (device,)).get
        return cast("str | None", read_by or announced)

    def load_stock(self, item: ItemId) -> StockState | None:
        """The folded state of one item."""
        text = self._connection.db.execute("SELECT state FROM stock WHERE item = ?", (item,)).get
        try:
            return None if text is None else StockState.from_json(text)
        except BugError as exc:
            log.warning("stock_folded_anew item=%s error=%s", item, exc)
            return None

    def save_stock(self, states: Sequence[StockState]) -> None:
        """Keep the folded states."""
        with self._connection.transaction() as db:
            db.executemany(
                "INSERT INTO stock (item, state) VALUES (?, ?) ON CONFLICT (item) DO UPDATE SET state = excluded.state",
                [(state.item, state.to_json()) for state in states],
            )

    def _check_room(self) -> None:
        if self._room is not None:
            self._room.check()

    def _check_held(self, quarantined: Sequence[Quarantined]) -> None:
        more = sum(strange.reason is QuarantineReason.HUB_CLOCK for strange in quarantined)
        if more == 0:
            return
        with self._connection.reading() as db:
            held: int = db.execute("SELECT count(*) FROM quarantine WHERE reason = ?", (_HELD,)).get
        if held + more > self._held_rows_max:
            raise RoomReservedError(
                say(
                    "{held} readings wait until the hub's clock is believed, and no more can: set it, or confirm it on "
                    "the page; until then readings wait at the devices and the broker",
                    held=held,
                )
            )


def _advance(db: apsw.Connection, boot: _Boot) -> StoredCursor:
    """Move the cursor of one boot over everything that has no gap before it; a boot begins with 1."""
    row = db.execute("SELECT seq FROM sequence WHERE device = ? AND boot = ?", boot).fetchone()
    reached: int = 0 if row is None else row[0]
    stored = db.execute(
        "SELECT seq FROM message WHERE device = ?1 AND boot = ?2 AND seq > ?3 "
        "UNION SELECT seq FROM quarantine WHERE device = ?1 AND boot = ?2 AND seq > ?3 ORDER BY 1",
        (*boot, reached),
    )
    for (seq,) in stored:
        if seq != reached + 1:
            break
        reached = seq
    db.execute(
        "INSERT INTO sequence (device, boot, first_seq, seq) VALUES (?, ?, 1, ?) "
        "ON CONFLICT (device, boot) DO UPDATE SET seq = excluded.seq",
        (*boot, reached),
    )
    return StoredCursor(*boot, reached)


def _note(seen: dict[_Boot, None], device: DeviceId | None, boot: str | None, *, seq: int | None) -> None:
    if device is not None and boot is not None and seq is not None:
        seen[device, boot] = None
