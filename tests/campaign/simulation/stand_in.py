"""Cheap stand-ins for what most of a simulated order's work would be: real in one world of eight, stood in for else.

- A signature is made once and checked at least twice for each order. A keyed hash keeps what the rules need: only the
  holder of the secret makes it, over exactly these bytes. Real signatures are what the approvals campaign attacks.
- Canonical JSON (RFC 8785) of objects whose names are ASCII, without fractions, is what the compiled encoder of the
  standard library writes with sorted names; a test compares the two.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import rfc8785

from cloud_bridge.core import leave
from cloud_bridge.errors import NotAuthenticError

REAL_EVERY = 8  # one world in so many signs for real, and writes canonical JSON with the library

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def _read_key(public_key: bytes) -> bytes:
    """The household's secret stands in for its public key."""
    return public_key


def _check(signed: bytes, signature: str, *, public_key: bytes, what: str) -> None:
    made = base64.b64encode(hashlib.blake2b(signed, key=public_key).digest()).decode()
    if not hmac.compare_digest(signature, made):
        raise NotAuthenticError(f"{what} is not signed by its household")


def dumps(said: object) -> bytes:
    """`rfc8785.dumps` for plain objects; a whole number that was kept as a fraction is written as RFC 8785 has it.

    Raises: ValueError for other fractions.
    """
    if isinstance(said, dict):
        said = {name: _whole(value) if isinstance(value, float) else value for name, value in said.items()}
    return _encode(said).encode()


def _whole(value: float) -> int:
    if not value.is_integer() or abs(value) >= 2**53:
        raise ValueError(f"{value} is no whole number")
    return int(value)


@contextmanager
def stand_in() -> Iterator[None]:
    """Until the block ends, hub and bridge use the stand-ins."""
    with (
        patch.object(leave, "read_key", _read_key),
        patch.object(leave, "_check", _check),
        patch.object(rfc8785, "dumps", dumps),
    ):
        yield
