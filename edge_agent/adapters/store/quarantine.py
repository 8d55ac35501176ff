"""Messages kept apart, each once: rows in, records out. How many stay, and for how long, is in `readings`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import apsw

from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.adapters.store.summaries import was_summed_up
from edge_agent.core.messages import DeviceId, Quarantined, QuarantineReason

QUARANTINE_BYTES_MAX = 4_096

_SELECT = "SELECT topic, device, reason, detail, payload, size_bytes, digest, received_ms, boot, seq FROM quarantine "

_Row = tuple[str, str | None, str, str, bytes, int, str, int, str | None, int | None]


def keep_apart(db: apsw.Connection, strange: Quarantined) -> None:
    """Insert into the quarantine, unless this very message is there, or was stored when it came before."""
    if _is_there(db, strange) or _is_stored(db, strange):
        return
    db.execute(
        "INSERT INTO quarantine (topic, device, boot, seq, reason, detail, payload, size_bytes, digest, received_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            strange.topic,
            strange.device,
            strange.boot,
            strange.seq,
            strange.reason.value,
            strange.detail,
            strange.payload if strange.reason is QuarantineReason.HUB_CLOCK else strange.payload[:QUARANTINE_BYTES_MAX],
            strange.size_bytes,
            strange.digest,
            to_ms(strange.received_at),
        ),
    )


def select_quarantine(db: apsw.Connection, where: str, bindings: tuple[object, ...] = ()) -> Iterator[Quarantined]:
    """The messages that fit `where`, a constant clause of the caller, each read when it is asked for."""
    for row in db.execute(_SELECT + where, cast("apsw.Bindings", bindings)):
        yield _record(cast("_Row", row))


def _is_there(db: apsw.Connection, strange: Quarantined) -> bool:
    by_content = "SELECT 1 FROM quarantine WHERE topic = ? AND digest = ?"
    if strange.duplicate and db.execute(by_content, (strange.topic, strange.digest)).get is not None:
        return True
    by_number = "SELECT 1 FROM quarantine WHERE device = ? AND boot = ? AND seq = ? AND digest = ?"
    numbered = (strange.device, strange.boot, strange.seq, strange.digest)
    return strange.seq is not None and db.execute(by_number, numbered).get is not None


def _is_stored(db: apsw.Connection, strange: Quarantined) -> bool:
    """Whether this very message was stored: days later its time looks wrong, which it was not when it came."""
    if strange.device is None or strange.boot is None or strange.seq is None:
        return False
    identity = (strange.device, strange.boot, strange.seq)
    stored = db.execute("SELECT digest FROM message WHERE device = ? AND boot = ? AND seq = ?", identity).get
    if stored is None:
        return was_summed_up(db, strange.device, strange.boot, seq=strange.seq)
    return bool(stored == strange.digest)


def _record(row: _Row) -> Quarantined:
    topic, device, reason, detail, payload, size_bytes, digest, received_ms, boot, seq = row
    return Quarantined(
        topic=topic,
        device=None if device is None else DeviceId(device),
        reason=QuarantineReason(reason),
        detail=detail,
        payload=payload,
        size_bytes=size_bytes,
        digest=digest,
        received_at=from_ms(received_ms),
        duplicate=False,
        boot=boot,
        seq=seq,
    )
