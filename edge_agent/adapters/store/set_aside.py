"""A store that cannot be opened is kept apart, and a fresh one takes the readings until an owner has decided.

Rules of this file:
- The note in the folder comes first and goes last. While it is there nothing is sent, whichever store lies beside it,
  so a crash between any two steps leaves the sends stopped.
- What is set aside is renamed, with its log, and never opened for writing or deleted again.
- Only what SQLite calls malformed, or cannot open though a store beside it can be made, is set aside. A full disk, a
  store that another process holds or one of a newer program is left where it is.
- A file that is empty or gone, where there was a store, is set aside as well: SQLite would take it for a new store, cut
  the log beside it, and nothing would stand against sending.
- Damage that only shows while the hub runs condemns the store: it is set aside at the next start, even if the check at
  the opening, which does not read everything, finds nothing. The mark names the file, so that another one in its
  place is not condemned with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.adapters.clock import MappedClock, WallClock
from edge_agent.adapters.sealing import has_secret
from edge_agent.adapters.secret_file import flush
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.set_aside_note import NOTE_FILE, SetAside, kept_apart, write_note
from edge_agent.config import HubConfig
from edge_agent.core.clock_trust import RELEASED_AT
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.core.said import say
from edge_agent.errors import FailClosedError, RefusedError, StoreFailedError, StoreMalformedError, StoreUnreadableError
from edge_agent.folder import STORE_FILE
from edge_agent.ports import CrashHook, no_crash

log = logging.getLogger(__name__)

# An order that the lost store had sent may still be on its way to the bridge, which takes no request that was signed
# longer ago than an hour.
ON_ITS_WAY = timedelta(hours=2)
_CONDEMNED_FILE = "store-condemned"
_KEPT_MAX = 5  # a disk that damages one store after another is not to be filled with them
_SIDE_FILES = ("-wal", "-shm", "-journal")
_REASON_CHARS_MAX = 200
_SWAPPED = "a backup took its place"


@contextmanager
def open_for_service(
    folder: Path, config: HubConfig, *, wall: WallClock | None = None, crash_hook: CrashHook = no_crash
) -> Iterator[OpenStore]:
    """The store in `folder`, or a fresh one beside it where it cannot be read.

    Raises: as `open_store` does, for everything that is not the file's own damage; and for damage when `_KEPT_MAX`
    stores were kept apart already.
    """
    finish_moving(folder)
    wall = wall or MappedClock(config.clock)
    with ExitStack() as stack:
        try:
            _refuse_bad(folder)
            store = stack.enter_context(open_store(folder, config, wall=wall, crash_hook=crash_hook))
        except (StoreMalformedError, StoreUnreadableError) as exc:
            entry = _set_aside(folder, exc, at=wall.now())
            store = stack.enter_context(open_store(folder, config, wall=wall, crash_hook=crash_hook))
            store.chain.record({"event": "store_set_aside", "name": entry.name, "reason": entry.reason})
        yield store


def keep_lost_apart(folder: Path, *, at: datetime) -> None:
    """What a command does before it opens the store: one that was lost is not made anew without a note.

    However many there are: a command is no hub that is started over and over.
    """
    finish_moving(folder)
    reason = _lost(folder)
    if reason is not None:
        log.critical("store_set_aside name=%s error=%s", move(folder, reason, at=at).name, reason)


def condemn(folder: Path) -> None:
    """The store is damaged, though that is not seen at its opening: set it aside at the next start."""
    mark = folder / _CONDEMNED_FILE
    mark.touch(mode=0o600)
    with suppress(OSError):  # a disk that takes no more; a mark without a number means whichever file is there
        mark.write_text(str((folder / STORE_FILE).stat().st_ino), encoding="ascii")
    flush(folder)


def standing(folder: Path) -> tuple[SafetyProblem, ...]:
    """What stands against sending since a store was set aside."""
    kept = kept_apart(folder)
    if not kept:
        return ()
    first, names = kept[0], ", ".join(each.name for each in kept)
    text = say(
        "The hub's store could not be read on {time} UTC ({reason}). What there is of it was "
        "kept apart as {names}. Readings go on into another store; people, rules, mandates and orders from before are "
        "not in a fresh one. Nothing is sent until whoever runs the hub has put a backup back, or has decided to begin "
        "anew: restock-hub store, in the operator's guide.",
        time=f"{first.at:%Y-%m-%d %H:%M}",
        reason=first.reason,
        names=names,
    )
    return (SafetyProblem(SafetyCode.STORE_SET_ASIDE, text),)


def move(folder: Path, reason: str, *, at: datetime) -> SetAside:
    """Keep the store apart; what was begun before a crash is finished by `finish_moving`."""
    entry = SetAside(at=at, name=_free_name(folder, at), reason=reason[:_REASON_CHARS_MAX])
    write_note(folder, (*kept_apart(folder), entry))
    finish_moving(folder)
    return entry


def swap(folder: Path, newer: Path, *, at: datetime) -> SetAside:
    """Let a closed store take the place of the one that lies there, which is kept under a name of its own.

    There is a store at every moment: before a crash the old one, after it the old or the new one.

    Raises: StoreFailedError when one of them was not closed whole.
    """
    store = folder / STORE_FILE
    if any(each.with_name(f"{each.name}-wal").exists() for each in (store, newer)):
        raise StoreFailedError(f"the log of {newer} or {store} could not be brought home: look at the disk, try again")
    entry = SetAside(at=at, name=_free_name(folder, at), reason=_SWAPPED, is_moved=True)
    write_note(folder, (*kept_apart(folder), entry))
    os.link(store, folder / entry.name)
    newer.replace(store)
    (folder / _CONDEMNED_FILE).unlink(missing_ok=True)
    flush(folder)
    return entry


def finish_moving(folder: Path) -> None:
    """Rename what the note names and is not renamed yet; its log first, so that none is left for a fresh store."""
    kept = kept_apart(folder)
    if all(each.is_moved for each in kept):
        return
    name = kept[-1].name
    for end in (*_SIDE_FILES, ""):
        source, target = folder / f"{STORE_FILE}{end}", folder / f"{name}{end}"
        if source.exists() and not target.exists():
            source.rename(target)
    (folder / _CONDEMNED_FILE).unlink(missing_ok=True)
    flush(folder)
    write_note(folder, tuple(replace(each, is_moved=True) for each in kept))


def accept(folder: Path, *, now: datetime) -> tuple[SetAside, ...]:
    """Whether an owner may decide now; returns what the decision is about.

    The two hours begin anew where the note was written by a clock that was plainly wrong.

    Raises: RefusedError when no store was set aside, or when what it had sent may still be on its way.
    """
    kept = kept_apart(folder)
    if not kept:
        raise RefusedError("no store was set aside: there is nothing to accept")
    if now < RELEASED_AT:
        raise RefusedError(f"the clock shows {now:%Y-%m-%d %H:%M} UTC: set it first (timedatectl)")
    if not RELEASED_AT <= kept[0].at <= now:
        kept = (replace(kept[0], at=now), *kept[1:])
        write_note(folder, kept)
    until = kept[0].at + ON_ITS_WAY  # since then nothing was sent, by whichever store
    if now < until:
        raise RefusedError(
            f"an order from the old store may still be on its way: accept it after {until:%Y-%m-%d %H:%M} UTC"
        )
    return kept


def forget(folder: Path) -> None:
    """The decision is in the audit log: sends are allowed again from the next start."""
    (folder / NOTE_FILE).unlink(missing_ok=True)
    flush(folder)


def _refuse_bad(folder: Path) -> None:
    """What SQLite would open all the same."""
    reason = _lost(folder)
    if reason is not None:
        raise StoreMalformedError(f"{folder / STORE_FILE}: {reason}, and SQLite would take it for a new store")
    _refuse_condemned(folder)


def _lost(folder: Path) -> str | None:
    """Why what lies there is no store, though there was one; None: it is one, or nothing is to be kept.

    After a store was set aside the fresh one may not have been made yet: that adds nothing to the note.
    """
    store = folder / STORE_FILE
    is_there = store.exists()
    if not has_secret(folder) or (is_there and (not store.is_file() or store.stat().st_size > 0)):
        return None
    kept = kept_apart(folder)
    has_log = any((folder / f"{STORE_FILE}{end}").exists() for end in _SIDE_FILES)
    if kept and kept[-1].reason != _SWAPPED and not has_log:
        return None
    return "it is empty" if is_there else "it is gone"


def _refuse_condemned(folder: Path) -> None:
    mark, store = folder / _CONDEMNED_FILE, folder / STORE_FILE
    if not mark.exists():
        return
    condemned = mark.read_bytes()
    if condemned.isdigit() and store.exists() and int(condemned) != store.stat().st_ino:
        mark.unlink()
        return
    raise StoreMalformedError(f"{store} is damaged: it took no more readings")


def _set_aside(folder: Path, error: FailClosedError, *, at: datetime) -> SetAside:
    if len(kept_apart(folder)) >= _KEPT_MAX:
        log.critical("store_not_set_aside kept=%d: look at the disk", _KEPT_MAX)
        raise error
    if isinstance(error, StoreUnreadableError) and not _is_usable(folder):
        raise error
    entry = move(folder, _lost(folder) or _reason(error), at=at)
    log.critical("store_set_aside name=%s error=%s", entry.name, error)
    return entry


def _reason(error: FailClosedError) -> str:
    return "it cannot be opened" if isinstance(error, StoreUnreadableError) else "it is damaged"


def _is_usable(folder: Path) -> bool:
    """Whether a store can be made in this folder, so that it is the file that is at fault."""
    probe = folder / f"{STORE_FILE}.probe"
    try:
        if not (folder / STORE_FILE).exists():
            return False
        with Connection(probe):
            pass
    except (FailClosedError, OSError):
        return False
    finally:
        for end in ("", *_SIDE_FILES):
            probe.with_name(f"{probe.name}{end}").unlink(missing_ok=True)
    return True


def _free_name(folder: Path, at: datetime) -> str:
    name = f"{STORE_FILE}.damaged-{at:%Y%m%dT%H%M%SZ}"
    number = 1
    while (folder / name).exists() or (folder / f"{name}-wal").exists():
        number += 1
        name = f"{STORE_FILE}.damaged-{at:%Y%m%dT%H%M%SZ}-{number}"
    return name
