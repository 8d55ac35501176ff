"""Signatures for very many orders: real Ed25519 in one world of sixteen, a keyed hash in the others.

A real signature is made once and checked at least twice for each order, and is most of the simulation's work. The
stand-in keeps what the rules need: only the holder of the secret makes it, over exactly these bytes. Real signatures
are what the approvals campaign attacks.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from cloud_bridge.core import leave

REAL_EVERY = 16  # one world in so many signs for real


@dataclass(frozen=True, slots=True)
class _Key:
    secret: bytes

    @classmethod
    def from_public_bytes(cls, key: bytes) -> _Key:
        """The household's secret stands in for its public key."""
        return cls(key)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check. Raises: InvalidSignature."""
        if not hmac.compare_digest(signature, hashlib.blake2b(message, key=self.secret).digest()):
            raise InvalidSignature


@contextmanager
def stand_in() -> Iterator[None]:
    """Until the block ends, the bridge checks the stand-in instead of Ed25519."""
    real = leave.Ed25519PublicKey
    leave.Ed25519PublicKey = _Key  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        leave.Ed25519PublicKey = real  # type: ignore[misc]
