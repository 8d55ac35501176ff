"""What can be said of a message before anything in it is understood."""

from __future__ import annotations

import hashlib

from edge_agent.core.messages import Quarantined, QuarantineReason, RawMessage
from edge_agent.errors import DecodeError

_KEPT_BYTES_MAX = 4_096


def size_of(message: RawMessage) -> int:
    """Bytes of the payload as it was published, also where the intake has cut it."""
    return len(message.payload) if message.whole_bytes is None else message.whole_bytes


def digest_of(message: RawMessage) -> str:
    """SHA-256 of the payload in hex."""
    return hashlib.sha256(message.payload).hexdigest()


def kept_apart(message: RawMessage, reason: QuarantineReason, detail: str) -> Quarantined:
    """The message in quarantine, with the first 4,096 bytes of its payload."""
    return Quarantined(
        topic=message.topic,
        device=None,
        reason=reason,
        detail=detail,
        payload=message.payload[:_KEPT_BYTES_MAX],
        size_bytes=size_of(message),
        digest=digest_of(message),
        received_at=message.received_at,
        duplicate=message.duplicate,
    )


def refuse_retained(message: RawMessage) -> None:
    """Nothing, or an error: a retained copy is never fresh evidence.

    Raises: DecodeError RETAINED.
    """
    if message.retained:
        raise DecodeError(QuarantineReason.RETAINED, "a retained copy is never fresh evidence")


def unknown_device(detail: str) -> DecodeError:
    """Nobody knows how to read what this device sends."""
    return DecodeError(QuarantineReason.UNKNOWN_DEVICE, detail)
