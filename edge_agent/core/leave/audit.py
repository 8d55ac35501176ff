"""The hash chain over everything that grants or spends: an edit, a removal, a swap or a cut end is found.

hash(i) = SHA-256(hash(i-1) || SHA-256(canonical JSON of event i)), all hashes as hex; hash(0) is 64 zeros. So a row can
be left out of what a stranger is shown, and the chain still be reckoned through it by the SHA-256 of its event; that
the event cannot be guessed from it, each has 128 random bits of `salt`. Events without one (of older programs, and
those of the ledger of what left) are hashed themselves: hash(i) = SHA-256(hash(i-1) || canonical JSON of event i).

From the chain alone nobody can see that its newest rows were cut off, or that all of it was written anew: so its end is
kept a second time, under the household's secret (`sealed_end`). Old rows may be folded into a checkpoint, which is
where the rest then starts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import rfc8785

GENESIS = "0" * 64
_SALT = '"salt":"'  # a key: within a text of JSON its quotation marks would be escaped


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: so many events, and the hash over all of them."""

    seq: int
    hash: str


ORIGIN = Link(seq=0, hash=GENESIS)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event: `event` is canonical JSON."""

    seq: int
    prev_hash: str
    hash: str
    event: str

    @property
    def link(self) -> Link:
        """Its place in the chain."""
        return Link(seq=self.seq, hash=self.hash)


@dataclass(frozen=True, slots=True)
class Followed:
    """How far rows follow from where they should: `broken_at` is the seq of the first one that does not."""

    end: Link
    broken_at: int | None


def append(previous: Link, event: Mapping[str, str | int], *, salt: str | None = None) -> AuditRow:
    """The row that follows `previous`; `salt` is 128 random bits in hex, None where no row is ever kept back."""
    text = rfc8785.dumps(dict(event) if salt is None else {**event, "salt": salt}).decode()
    return AuditRow(seq=previous.seq + 1, prev_hash=previous.hash, hash=hash_after(previous.hash, text), event=text)


def event_digest(event: str) -> str | None:
    """What stands for an event in the hash of its row; None for one without a salt, which stands there itself."""
    return hashlib.sha256(event.encode()).hexdigest() if _SALT in event else None


def hash_after(prev_hash: str, event: str) -> str:
    """The hash of the row with this event, or with this digest of one."""
    return hashlib.sha256(f"{prev_hash}{event_digest(event) or event}".encode()).hexdigest()


def follow(start: Link, rows: Iterable[AuditRow]) -> Followed:
    """Walk from `start` over rows in the order of their numbers."""
    end = start
    for row in rows:
        if row.seq != end.seq + 1 or row.prev_hash != end.hash or row.hash != hash_after(end.hash, row.event):
            return Followed(end=end, broken_at=row.seq)
        end = row.link
    return Followed(end=end, broken_at=None)


def sealed_end(end: Link) -> bytes:
    """What is put under the household's secret for the end of the chain."""
    return rfc8785.dumps({"what": "audit_end", "seq": end.seq, "hash": end.hash})


def sealed_checkpoint(end: Link, counts: Mapping[str, int]) -> bytes:
    """What is put under the household's secret for rows that were folded: where they ended, how many of each kind."""
    return rfc8785.dumps({"what": "audit_checkpoint", "seq": end.seq, "hash": end.hash, "counts": dict(counts)})
