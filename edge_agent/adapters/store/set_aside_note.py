"""The note in the data folder that says which stores were set aside: while it is there nothing is sent.

Rules of this file:
- A note that cannot be read, or that names no store, stands for one.
- The note is replaced whole, and durable before anything is done that it speaks of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from edge_agent.adapters.secret_file import flush

NOTE_FILE = "store-set-aside.json"


@dataclass(frozen=True, slots=True)
class SetAside:
    """One store that was kept apart: when, under which name, why, and whether all its files are there already."""

    at: datetime
    name: str
    reason: str
    is_moved: bool = False


def kept_apart(folder: Path) -> tuple[SetAside, ...]:
    """The stores that were set aside since an owner last decided, oldest first.

    A note that cannot be read stands for one: it stops the sends all the same.
    """
    note = folder / NOTE_FILE
    try:
        if not note.exists():
            return ()
        return _rows(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return (SetAside(_modified_at(note), "?", f"{NOTE_FILE} cannot be read", is_moved=True),)


def write_note(folder: Path, kept: Sequence[SetAside]) -> None:
    """Durable when it returns; before that the old note stands."""
    rows = [
        {"at": each.at.isoformat(), "name": each.name, "reason": each.reason, "is_moved": each.is_moved}
        for each in kept
    ]
    temporary = folder / f"{NOTE_FILE}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o600)
    temporary.replace(folder / NOTE_FILE)
    flush(folder)


def _rows(note: str) -> tuple[SetAside, ...]:
    rows = json.loads(note)
    if not isinstance(rows, list) or not rows:
        raise ValueError("a note that names no store")
    return tuple(_row(row) for row in cast("list[dict[str, str | bool]]", rows))


def _modified_at(note: Path) -> datetime:
    try:
        return datetime.fromtimestamp(note.stat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(0, UTC)  # `accept` takes no such time for true


def _row(row: dict[str, str | bool]) -> SetAside:
    at = datetime.fromisoformat(str(row["at"]))
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return SetAside(
        at=at,
        name=str(row["name"]),
        reason=str(row["reason"]),
        is_moved=bool(row["is_moved"]),
    )
