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
from cloud_bridge.wire import Intent, Terms


def canonical(terms: Terms) -> bytes:
    """RFC 8785 canonical JSON of the terms: the bytes that are signed."""
    return rfc8785.dumps(terms.model_dump(mode="json"))


def body_sha256(intent: Intent) -> str:
    """SHA-256 in hex over the canonical intent: the same for the same body, however it was spaced."""
    return hashlib.sha256(rfc8785.dumps(intent.model_dump(mode="json"))).hexdigest()


def check_leave(terms: Terms, signature: str, *, public_key: bytes) -> None:
    """Check that the household signed exactly these terms.

    Raises: NotAuthenticError.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(base64.b64decode(signature, validate=True), canonical(terms))
    except (InvalidSignature, ValueError) as exc:
        raise NotAuthenticError(
            f"the terms of {terms.intent_id} are not signed by household {terms.household}"
        ) from exc


def check_sums(terms: Terms) -> None:
    """Check that the parts make the total, and that the ceiling is not below it.

    Raises: TermsRefusedError.
    """
    if terms.unit_price_minor * terms.quantity + terms.delivery_minor != terms.total_minor:
        raise TermsRefusedError("unit price, quantity and delivery do not make the total")
    if terms.total_minor > terms.total_max_minor:
        raise TermsRefusedError("the total is above its own ceiling")
