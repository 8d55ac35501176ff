"""What can be said of a message before anything in it is understood."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from edge_agent.core.messages import Quarantined, QuarantineReason, RawMessage
from edge_agent.errors import DecodeError

_KEPT_BYTES_MAX = 4_096
_QUOTES_NO_VALUE = frozenset(
    {
        QuarantineReason.UNKNOWN_DEVICE,
        QuarantineReason.TOO_LARGE,
        QuarantineReason.WRONG_TIME,
        QuarantineReason.RETAINED,
        QuarantineReason.DEVICE_MISMATCH,
        QuarantineReason.FLOODING,
    }
)
_NOT_SHOWN = "it may say where somebody goes: nothing of it is kept"


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


def without_payload(strange: Quarantined) -> Quarantined:
    """The same with nothing of what was said: topic, reason and size stay, no byte and no digest of the payload.

    A digest of coordinates would be as good as they are: there are few enough of them to try.
    """
    empty = hashlib.sha256(b"").hexdigest()
    detail = strange.detail if strange.reason in _QUOTES_NO_VALUE else _NOT_SHOWN
    return replace(strange, payload=b"", digest=empty, detail=detail, is_private=True)


def refuse_retained(message: RawMessage) -> None:
    """Nothing, or an error: a retained copy is never fresh evidence.

    Raises: DecodeError RETAINED.
    """
    if message.retained:
        raise DecodeError(QuarantineReason.RETAINED, "a retained copy is never fresh evidence")


def unknown_device(detail: str) -> DecodeError:
    """Nobody knows how to read what this device sends."""
    return DecodeError(QuarantineReason.UNKNOWN_DEVICE, detail)
