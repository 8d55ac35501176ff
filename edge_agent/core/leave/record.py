"""The record of one order as one document that a stranger can check: what was signed, agreed to, noted and told.

It holds the signed terms, the consent receipt with its salt, the order's rows of the audit chain in full, every other
row from the first of them to the end of the chain as a digest, and the household's signature over all of it. What it
proves and what it does not is said by `core.leave.record_check`; the recipe for whoever has no Restock is
docs/record.md. Nothing here signs, and nothing is read from a store.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.audit import AuditRow, Link, event_digest
from edge_agent.core.leave.authority import AuthorityRow

FORMAT = "restock-order-record"
VERSION = 1
RECORD_BYTES_MAX = 16 * 1024 * 1024
_ROWS_MAX = 100_000
_FINGERPRINT_DIGITS, _GROUP_DIGITS = 32, 4

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=128)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Whole = Annotated[int, Field(ge=0, le=2**53 - 1)]  # RFC 8785 writes no larger number


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Leave(_Part):
    """The terms, the household's signature over their canonical form, and the receipt whose hash they carry."""

    terms: dict[str, Any]
    signature: Base64
    receipt: dict[str, Any] | None


class Outcome(_Part):
    """What became of the order, as the hub noted it. Units: `charged_minor` in minor units of `currency`."""

    state: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    version: Whole
    at: str
    order_number: str | None = None
    charged_minor: Whole | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Place(_Part):
    """A place in the chain."""

    seq: Whole
    hash: Digest


class Row(_Part):
    """One row of the chain: this order's with its event, another's by the digest of it.

    `hash` alone is a row of an older program that is kept back: the chain cannot be reckoned through it.
    """

    seq: Whole
    event: dict[str, str | int] | None = None
    event_sha256: Digest | None = None
    hash: Digest | None = None


class ChainPart(_Part):
    """The chain after `start` up to `end`, row by row."""

    start: Place
    rows: Annotated[tuple[Row, ...], Field(max_length=_ROWS_MAX)]
    end: Place


class OrderRecord(_Part):
    """The document. `signature` is over the canonical form of everything else in it."""

    format: Literal["restock-order-record"]
    version: Literal[1]
    order: Id
    prompt: Id
    public_key: Base64
    fingerprint: str
    exported_at: str
    leave: Leave
    outcome: Outcome
    chain: ChainPart
    signature: Base64


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The chain after `start`: this order's rows and all between and after them; `own` are the numbers of its rows."""

    start: Link
    rows: Sequence[AuditRow]
    own: frozenset[int]


def compose(
    intent: IntentRecord, leave: AuthorityRow, excerpt: Excerpt, *, public_key: bytes, at: datetime
) -> dict[str, Any]:
    """The record without its signature. `public_key` is the raw Ed25519 key, 32 bytes."""
    end = excerpt.rows[-1].link if excerpt.rows else excerpt.start
    return {
        "format": FORMAT,
        "version": VERSION,
        "order": intent.id,
        "prompt": intent.prompt,
        "public_key": base64.b64encode(public_key).decode(),
        "fingerprint": fingerprint(public_key),
        "exported_at": _instant(at),
        "leave": {
            "terms": json.loads(leave.terms),
            "signature": base64.b64encode(leave.signature).decode(),
            "receipt": None if leave.receipt is None else json.loads(leave.receipt),
        },
        "outcome": {
            "state": str(intent.state),
            "version": intent.version,
            "at": _instant(intent.changed_at),
            "order_number": intent.merchant_order_id,
            "charged_minor": intent.charged_minor,
            "currency": intent.currency,
        },
        "chain": {
            "start": {"seq": excerpt.start.seq, "hash": excerpt.start.hash},
            "rows": [_told(row, is_own=row.seq in excerpt.own) for row in excerpt.rows],
            "end": {"seq": end.seq, "hash": end.hash},
        },
    }


def canonical_record(record: Mapping[str, Any]) -> bytes:
    """The bytes that are signed: RFC 8785 canonical JSON of everything but the signature."""
    return rfc8785.dumps({name: said for name, said in record.items() if name != "signature"})


def fingerprint(public_key: bytes) -> str:
    """The first 128 bits of the SHA-256 of the raw public key, in eight groups of four hex digits."""
    digits = hashlib.sha256(public_key).hexdigest()[:_FINGERPRINT_DIGITS]
    return " ".join(digits[i : i + _GROUP_DIGITS] for i in range(0, len(digits), _GROUP_DIGITS))


def _told(row: AuditRow, *, is_own: bool) -> dict[str, object]:
    if is_own:
        return {"seq": row.seq, "event": json.loads(row.event)}
    digest = event_digest(row.event)
    return {"seq": row.seq, "hash": row.hash} if digest is None else {"seq": row.seq, "event_sha256": digest}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
