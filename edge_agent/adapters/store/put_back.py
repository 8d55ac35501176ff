"""Putting a backup back beside a store that was set aside, with what was acknowledged meanwhile carried over into it.

Rules of this file:
- The backup is copied, never written to; what is carried over goes into the copy, and only a whole copy takes the
  place of the store. A crash before that leaves everything as it was.
- Only what devices said is carried over. Money, people and rules are those of the backup; the hub takes over from the
  bridge what the backup has forgotten. An order that the bridge has not answered for would be lost: somebody must have
  said that it may be.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import apsw

from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.store.chain import Chain, ChainSeal
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.adapters.store.intents import LIVE_INTENT
from edge_agent.adapters.store.quarantine import select_quarantine
from edge_agent.adapters.store.readings import HELD_ROWS_MAX, SqliteReadings
from edge_agent.adapters.store.set_aside import condemn, swap
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import Birth, Decoded, DeviceId, Presence, Quarantined, Reading
from edge_agent.errors import ConfigurationError, RefusedError, StoreFailedError, StoreMalformedError
from edge_agent.folder import STORE_FILE

_T = TypeVar("_T")
_GROUP = 500
_COPY = f"{STORE_FILE}.put-back"
_HELD_MAX = 2 * HELD_ROWS_MAX  # what waits for the clock in the backup, and what waits in the store


def put_back(folder: Path, backup: Path, *, at: datetime, drop_orders: bool = False) -> dict[str, object]:
    """Let a copy of `backup` take the place of the store, which is kept apart; returns what was carried over.

    Raises: ConfigurationError when there is no such file; StoreMalformedError when the backup or the store is damaged;
    RefusedError when the backup's audit log is not whole, or when orders would be dropped that `drop_orders` does not
    allow to be; StoreBusyError while a hub runs.
    """
    copy = _copied(backup, folder / _COPY)
    secret = load_secret(folder)
    with _current(folder) as current, Connection(copy, parts=(ChainSeal(secret),)) as target:
        chain = Chain(target, secret=secret)
        fault = chain.check()
        if fault is not None:
            raise RefusedError(f"{backup} cannot be put back: {fault.text}")
        with _readable(folder):
            not_ordered = _unanswered(current.db)
            if not_ordered and not drop_orders:
                raise _would_drop(not_ordered)
            messages, strange = carry_over(current.db, target)
        counted = {"messages": messages, "kept_apart": strange}
        chain.record({"event": "store_put_back", **counted, "not_ordered": " ".join(not_ordered)})
    entry = swap(folder, copy, at=at)
    return {**counted, "not_ordered": not_ordered, "old_store": entry.name}


def carry_over(source: apsw.Connection, target: Connection) -> tuple[int, int]:
    """Every message of `source`, each once; returns how many messages, and how many of those kept apart."""
    readings = SqliteReadings(target, held_rows_max=_HELD_MAX)
    for birth in _births(source):
        readings.record_birth(birth)
    messages = strange = 0
    for accepted in _groups(_messages(source)):
        readings.commit([each for each in accepted if not _is_there(target, "message", each)], ())
        messages += len(accepted)
    for kept in _groups(select_quarantine(source, "ORDER BY id")):
        readings.commit((), [each for each in kept if not _is_there(target, "quarantine", each)])
        strange += len(kept)
    return messages, strange


@contextmanager
def _current(folder: Path) -> Iterator[Connection]:
    """The store that is to give way."""
    current = Connection(folder / STORE_FILE)
    try:
        current.open()
    except StoreMalformedError as exc:
        raise _unreadable(folder) from exc
    with closing(current):
        yield current


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Damage of the current store that shows only now condemns it, since its next opening may not see it."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as exc:
        condemn(folder)
        raise _unreadable(folder) from exc
    except apsw.IOError as exc:
        raise StoreFailedError(f"{folder / STORE_FILE} cannot be read ({exc}): look at the disk, try again") from exc


def _unreadable(folder: Path) -> StoreMalformedError:
    return StoreMalformedError(
        f"{folder / STORE_FILE} is damaged, so what came since cannot be carried over: start the hub once, which sets "
        "it aside, stop it, and put the backup back then"
    )


def _unanswered(db: apsw.Connection) -> list[str]:
    """Orders that have not ended, and that the bridge has not been heard to have."""
    rows = db.execute(
        f"SELECT id FROM intent WHERE {LIVE_INTENT} AND (state = ? OR id IN (SELECT intent FROM outbox)) "  # noqa: S608
        "ORDER BY created_ms, id",
        (IntentState.APPROVED.value,),
    )
    return [str(row[0]) for row in rows]


def _would_drop(orders: Sequence[str]) -> RefusedError:
    return RefusedError(
        f"approved since, and not with the bridge yet: {', '.join(orders)}. The backup does not know them, so they "
        "would not be ordered; with --drop-orders it is put back all the same"
    )


def _is_there(target: Connection, table: str, message: Decoded | Quarantined) -> bool:
    """Whether this very message, which has no sequence to tell it by, came with the backup."""
    if message.seq is not None:
        return False
    with target.reading() as db:
        found = db.execute(
            f"SELECT 1 FROM {table} WHERE topic = ? AND digest = ? AND received_ms = ? AND seq IS NULL",  # noqa: S608
            (message.topic, message.digest, to_ms(message.received_at)),
        )
        return found.get is not None


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
