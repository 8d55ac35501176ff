"""The hub's own key for Web Push: browsers take messages from who holds it, and from nobody else (RFC 8292)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.adapters.secret_file import load_or_make
from edge_agent.errors import ConfigurationError

_FILE = "push.key"


@dataclass(frozen=True, slots=True)
class PushKey:
    """`pem` stays on the hub; `public` (the uncompressed point, unpadded base64url) is what a browser is given."""

    pem: str
    public: str


def load_push_key(folder: Path) -> PushKey:
    """The key in `folder`, made on first use.

    Raises: ConfigurationError when the file is there and cannot be used.
    """
    pem = load_or_make(folder / _FILE, make=_new)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as exc:
        raise ConfigurationError(f"{folder / _FILE} is damaged: restore it from a backup, or remove it") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{folder / _FILE} is another kind of key: restore it from a backup, or remove it")
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return PushKey(pem.decode(), base64.urlsafe_b64encode(point).rstrip(b"=").decode())


def _new() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
