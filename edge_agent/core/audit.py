"""The hash chain over everything that grants or spends: an edit, a removal from the middle or a swap is found.

That the newest rows were cut off cannot be seen from the chain alone.

hash(i) = SHA-256(hash(i-1) as hex || canonical JSON of event i); hash(0) is 64 zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import rfc8785

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One link: `event` is canonical JSON."""

    seq: int
    prev_hash: str
    hash: str
    event: str


def link(previous: AuditRow | None, event: Mapping[str, str | int]) -> AuditRow:
    """The row that follows `previous`."""
    text = rfc8785.dumps(dict(event)).decode()
    prev_hash = GENESIS if previous is None else previous.hash
    seq = 1 if previous is None else previous.seq + 1
    return AuditRow(seq=seq, prev_hash=prev_hash, hash=_hash(prev_hash, text), event=text)


def first_break(rows: Iterable[AuditRow]) -> int | None:
    """The seq of the first row that does not follow from the one before it; None when the chain is whole."""
    prev_hash, expected_seq = GENESIS, 1
    for row in rows:
        if row.seq != expected_seq or row.prev_hash != prev_hash or row.hash != _hash(prev_hash, row.event):
            return row.seq
        prev_hash, expected_seq = row.hash, expected_seq + 1
    return None


def _hash(prev_hash: str, event: str) -> str:
    return hashlib.sha256(f"{prev_hash}{event}".encode()).hexdigest()
