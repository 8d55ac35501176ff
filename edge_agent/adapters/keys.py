"""The household's key: a file that never leaves the hub, readable by its own user only."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from edge_agent.adapters.sealing import HouseholdSecret, has_secret, load_secret
from edge_agent.adapters.secret_file import load_or_make
from edge_agent.errors import ConfigurationError

_KEY_FILE = "household.key"
_COVERED = ("@method", "@target-uri")


class HouseholdKey(HTTPSignatureKeyResolver):
    """Signs terms and requests as the household. Fulfils `ports.Signer`."""

    def __init__(self, *, key: Ed25519PrivateKey, secret: HouseholdSecret) -> None:
        self._key = key
        self._secret = secret
        self._signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=self)

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of 64 bytes."""
        return self._key.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this signature over this message is the household's."""
        try:
            self._key.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def customer_ref(self, merchant: str) -> str:
        """HMAC-SHA256(household secret, merchant) in hex: one household has another name at each merchant."""
        return self._secret.customer_ref(merchant)

    def public_key(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def public_key_base64(self) -> str:
        """The raw public key, 32 bytes in base64, for the bridge's configuration."""
        return base64.b64encode(self.public_key()).decode()

    def sign_request(self, request: httpx.Request, *, household: str) -> None:
        """Add an HTTP Message Signature over method, target and body. Source: RFC 9421, RFC 9530."""
        self._signer.sign(
            request,
            key_id=household,
            label="restock",
            covered_component_ids=_COVERED,
            body=request.content or None,
        )

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        """For the signature library."""
        del key_id
        return self._key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """For the signature library."""
        del key_id
        return self._key.public_key()


def has_keys(folder: Path) -> bool:
    """Whether both files are there."""
    return (folder / _KEY_FILE).exists() and has_secret(folder)


def load_or_create(folder: Path) -> HouseholdKey:
    """The household's key in `folder`, made on first use.

    Raises: ConfigurationError when a key file is there and cannot be used.
    """
    secret = load_secret(folder)
    pem = load_or_make(folder / _KEY_FILE, make=_new_key)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as exc:
        raise ConfigurationError(f"{folder / _KEY_FILE}: not a private key; restore it from a backup") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{folder}: the household's key files are damaged; restore them from a backup")
    return HouseholdKey(key=key, secret=secret)


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
