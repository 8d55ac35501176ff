"""Messages that were understood, into the store: each once, with its readings, a whole group in a few statements.

Each statement is prepared once and run over the group, so that a burst costs what its rows cost. Which of them were new
is read back from the rows: the unique index on (device, boot, seq) passes over what is there already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

import apsw

from edge_agent.adapters.store.connection import to_ms
from edge_agent.adapters.store.quarantine import keep_apart
from edge_agent.adapters.store.summaries import last_summed_up, was_summed_up
from edge_agent.core.messages import Decoded, DeviceId, Quarantined, QuarantineReason

_Numbered = tuple[int, Decoded]  # with the id of its row

_INSERT_MESSAGE = (
    "INSERT INTO message (id, device, profile, topic, boot, seq, digest, event_ms, received_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, boot, seq) WHERE seq IS NOT NULL DO NOTHING"
)
_INSERT_READING = (
    "INSERT INTO reading (message_id, device, signal, presence, number, text, unit, event_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_NOTE_DEVICE = (
    "INSERT INTO device (device, profile, seen_ms) VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE SET "
    "profile = coalesce(device.profile, excluded.profile), seen_ms = excluded.seen_ms"
)


def insert_messages(db: apsw.Connection, messages: Sequence[Decoded]) -> None:
    """Insert those that are not known, in their order, with their readings.

    Another body under a known identity is kept apart and counts as known.
    """
    last_id = cast("int", db.execute("SELECT coalesce(max(id), 0) FROM message").get)
    numbered = list(enumerate(_not_seen_before(db, messages), last_id + 1))
    db.executemany(_INSERT_MESSAGE, [_message_row(*each) for each in numbered])
    new_ids = {row_id for (row_id,) in db.execute("SELECT id FROM message WHERE id > ?", (last_id,))}
    new = [each for each in numbered if each[0] in new_ids]
    db.executemany(_INSERT_READING, [row for each in new for row in _reading_rows(*each)])
    db.executemany(_NOTE_DEVICE, _device_rows(new))
    for row_id, message in numbered:
        if row_id not in new_ids and _stored_digest(db, message) != message.digest:
            keep_apart(db, _conflict(message))


def _not_seen_before(db: apsw.Connection, messages: Sequence[Decoded]) -> list[Decoded]:
    """Without redeliveries that no unique index tells: of what has no sequence, and of what was summed up."""
    fresh: list[Decoded] = []
    without_seq: set[tuple[str, str]] = set()  # topic and digest, in this group
    summed_up: dict[tuple[DeviceId, str | None], int] = {}
    for message in messages:
        if message.seq is None:
            content = (message.topic, message.digest)
            if message.duplicate and (content in without_seq or _is_stored(db, content)):
                continue
            without_seq.add(content)
        else:
            boot = (message.device, message.boot)
            if boot not in summed_up:
                summed_up[boot] = last_summed_up(db, *boot)
            if message.seq <= summed_up[boot] and was_summed_up(db, *boot, seq=message.seq):
                continue
        fresh.append(message)
    return fresh


def _is_stored(db: apsw.Connection, content: tuple[str, str]) -> bool:
    known = "SELECT 1 FROM message WHERE topic = ? AND digest = ? AND seq IS NULL"
    return db.execute(known, content).get is not None


def _stored_digest(db: apsw.Connection, message: Decoded) -> str:
    identity = (message.device, message.boot, message.seq)
    return cast("str", db.execute("SELECT digest FROM message WHERE device = ? AND boot = ? AND seq = ?", identity).get)


def _conflict(message: Decoded) -> Quarantined:
    """What the second body said; its bytes are gone by now, so its readings stand for them."""
    said = json.dumps({reading.signal: reading.value for reading in message.readings}).encode()
    return Quarantined(
        topic=message.topic,
        device=message.device,
        reason=QuarantineReason.SEQUENCE_CONFLICT,
        detail=f"boot {message.boot}, seq {message.seq} was stored with another body, which stands",
        payload=said,
        size_bytes=len(said),
        digest=message.digest,
        received_at=message.received_at,
        duplicate=True,  # the same second body is counted once, however often it comes
        boot=message.boot,
        seq=message.seq,
    )


def _message_row(row_id: int, message: Decoded) -> tuple[int | str | None, ...]:
    return (
        row_id, message.device, message.profile, message.topic, message.boot, message.seq, message.digest,
        to_ms(message.event_at), to_ms(message.received_at),
    )  # fmt: skip


def _reading_rows(row_id: int, message: Decoded) -> list[tuple[int | float | str | None, ...]]:
    """message_id, device, signal, presence, number, text, unit, event_ms."""
    device, event_ms = message.device, to_ms(message.event_at)
    return [
        (row_id, device, signal, presence, None, value, unit, event_ms)
        if isinstance(value, str)
        else (row_id, device, signal, presence, value, None, unit, event_ms)
        for signal, presence, value, unit in message.readings
    ]


def _device_rows(new: Sequence[_Numbered]) -> list[tuple[str, str, int]]:
    """device, the profile that was heard first, and when it was heard last."""
    profiles: dict[DeviceId, str] = {}
    seen: dict[DeviceId, Decoded] = {}
    for _, message in new:
        profiles.setdefault(message.device, message.profile)
        seen[message.device] = message
    return [(device, profile, to_ms(seen[device].received_at)) for device, profile in profiles.items()]
