"""The household's leave: an Ed25519 signature over the canonical terms, and terms that add up.

The bridge cannot invent an order: without this signature there is none. It is checked when the intent arrives, and
again right before an attempt is recorded.
"""

from __future__ import annotations

import base64
import hashlib

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_bridge.errors import NotAuthenticError, TermsRefusedError
from cloud_bridge.wire import Intent, Settlement, Terms, Verdict


def canonical(signed: Terms | Verdict) -> bytes:
    """RFC 8785 canonical JSON: the bytes that are signed."""
    return rfc8785.dumps(signed.model_dump(mode="json"))


def body_sha256(intent: Intent) -> str:
    """SHA-256 in hex over the canonical intent: the same for the same body, however it was spaced."""
    return signed_sha256(canonical(intent.terms), intent.signature)


def signed_sha256(signed: bytes, signature: str) -> str:
    """`body_sha256` of an intent whose canonical terms are at hand."""
    # The canonical form of an object is made of those of its members, in the order of their names.
    return hashlib.sha256(b'{"signature":%b,"terms":%b}' % (rfc8785.dumps(signature), signed)).hexdigest()


def read_key(public_key: bytes) -> Ed25519PublicKey:
    """A household's key, read once for many checks.

    Raises: ValueError when these are not the 32 bytes of a key.
    """
    return Ed25519PublicKey.from_public_bytes(public_key)


def check_leave(terms: Terms, signature: str, *, public_key: bytes | Ed25519PublicKey) -> bytes:
    """Check that the household signed exactly these terms, and answer with the bytes that it signed.

    Raises: NotAuthenticError.
    """
    signed = canonical(terms)
    _check(signed, signature, public_key=public_key, what=f"the terms of {terms.intent_id}")
    return signed


def check_verdict(settlement: Settlement, *, public_key: bytes) -> None:
    """Check that the household signed exactly this verdict.

    Raises: NotAuthenticError.
    """
    verdict = settlement.verdict
    what = f"the verdict on {verdict.intent_id}"
    _check(canonical(verdict), settlement.signature, public_key=public_key, what=what)


def check_sums(terms: Terms) -> None:
    """Check that the parts make the total, and that the ceiling is not below it.

    Raises: TermsRefusedError.
    """
    if terms.unit_price_minor * terms.quantity + terms.delivery_minor != terms.total_minor:
        raise TermsRefusedError("unit price, quantity and delivery do not make the total")
    if terms.total_minor > terms.total_max_minor:
        raise TermsRefusedError("the total is above its own ceiling")


def _check(signed: bytes, signature: str, *, public_key: bytes | Ed25519PublicKey, what: str) -> None:
    try:
        key = read_key(public_key) if isinstance(public_key, bytes) else public_key
        key.verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, ValueError) as exc:
        raise NotAuthenticError(f"{what} is not signed by its household") from exc
