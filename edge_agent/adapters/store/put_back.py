"""Putting a backup back beside a store that was set aside, with what was acknowledged meanwhile carried over into it.

Rules of this file:
- The backup is copied, never written to; what is carried over goes into the copy, and only a whole copy takes the
  place of the store. A crash before that leaves everything as it was.
- Only what devices said is carried over. Money, people and rules are those of the backup; the hub takes over from the
  bridge what the backup has forgotten.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import apsw

from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.store.chain import Chain, ChainSeal
from edge_agent.adapters.store.connection import Connection, from_ms
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.set_aside import swap
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    Quarantined,
    QuarantineReason,
    Reading,
)
from edge_agent.errors import ConfigurationError, RefusedError
from edge_agent.folder import STORE_FILE

_T = TypeVar("_T")
_GROUP = 500
_COPY = f"{STORE_FILE}.put-back"


def put_back(folder: Path, backup: Path, *, at: datetime) -> dict[str, int | str]:
    """Let a copy of `backup` take the place of the store, which is kept apart; returns what was carried over.

    Raises: ConfigurationError when there is no such file; StoreMalformedError when the backup is damaged too;
    RefusedError when its audit log is not whole; StoreBusyError while a hub runs.
    """
    copy = _copied(backup, folder / _COPY)
    secret = load_secret(folder)
    with Connection(folder / STORE_FILE) as current, Connection(copy, parts=(ChainSeal(secret),)) as target:
        chain = Chain(target, secret=secret)
        fault = chain.check()
        if fault is not None:
            raise RefusedError(f"{backup} cannot be put back: {fault.text}")
        messages, strange = carry_over(current.db, SqliteReadings(target))
        chain.record({"event": "store_put_back", "messages": messages, "kept_apart": strange})
    entry = swap(folder, copy, "a backup took its place", at=at)
    return {"messages": messages, "kept_apart": strange, "old_store": entry.name}


def carry_over(source: apsw.Connection, target: SqliteReadings) -> tuple[int, int]:
    """Every message of `source`, each once; returns how many messages, and how many of those kept apart."""
    for birth in _births(source):
        target.record_birth(birth)
    messages = strange = 0
    for accepted in _groups(_messages(source)):
        target.commit(accepted, ())
        messages += len(accepted)
    for kept in _groups(_kept_apart(source)):
        target.commit((), kept)
        strange += len(kept)
    return messages, strange


def _groups(rows: Iterator[_T]) -> Iterator[list[_T]]:
    while group := list(islice(rows, _GROUP)):
        yield group


def _copied(backup: Path, copy: Path) -> Path:
    if not backup.is_file():
        raise ConfigurationError(f"{backup}: there is no such file")
    for end in ("-wal", ""):
        source, target = backup.with_name(f"{backup.name}{end}"), copy.with_name(f"{copy.name}{end}")
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copyfile(source, target)
            target.chmod(0o600)
    return copy


def _births(db: apsw.Connection) -> list[Birth]:
    rows = db.execute(
        "SELECT d.device, d.profile, d.firmware, d.boot, d.birth_ms, coalesce(s.first_seq, 1) FROM device d "
        "LEFT JOIN sequence s ON s.device = d.device AND s.boot = d.boot WHERE d.birth_ms IS NOT NULL"
    )
    return [
        Birth(DeviceId(device), profile, firmware, boot, from_ms(birth_ms), first_seq)
        for device, profile, firmware, boot, birth_ms, first_seq in rows
    ]


def _messages(db: apsw.Connection) -> Iterator[Decoded]:
    rows = db.execute(
        "SELECT m.id, m.device, m.profile, m.topic, m.boot, m.seq, m.digest, m.event_ms, m.received_ms, "
        "r.signal, r.presence, r.number, r.text, r.unit FROM message m LEFT JOIN reading r ON r.message_id = m.id "
        "ORDER BY m.id, r.id"
    )
    for _, group in groupby(rows, key=itemgetter(0)):
        yield _decoded(list(group))


def _decoded(rows: Sequence[Sequence[Any]]) -> Decoded:
    _, device, profile, topic, boot, seq, digest, event_ms, received_ms = rows[0][:9]
    return Decoded(
        device=DeviceId(device),
        profile=profile,
        topic=topic,
        boot=boot,
        seq=seq,
        digest=digest,
        event_at=from_ms(event_ms),
        received_at=from_ms(received_ms),
        duplicate=False,
        readings=tuple(
            Reading(signal, Presence(presence), number if text is None else text, unit)
            for signal, presence, number, text, unit in (row[9:] for row in rows)
            if signal is not None
        ),
    )


def _kept_apart(db: apsw.Connection) -> Iterator[Quarantined]:
    rows = db.execute(
        "SELECT topic, device, reason, detail, payload, size_bytes, digest, received_ms, boot, seq "
        "FROM quarantine ORDER BY id"
    )
    for topic, device, reason, detail, payload, size_bytes, digest, received_ms, boot, seq in rows:
        yield Quarantined(
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
