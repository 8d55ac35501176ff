"""The household's leave: an Ed25519 signature over the canonical terms, and terms that add up.

The bridge cannot invent an order: without this signature there is none. It is checked when the intent arrives, and
again right before an attempt is recorded.
"""

from __future__ import annotations

import base64
import hashlib
import json

import rfc8785
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

from cloud_bridge.errors import NotAuthenticError, TermsRefusedError
from cloud_bridge.wire import Intent, Settlement, Terms, Verdict

# Terms are objects of whole numbers and ASCII text, by their model. For such a one the standard library's
# encoder, which is in C, writes what RFC 8785 wants, once the names are sorted; a test compares the two.
_TERMS = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False)


def canonical(signed: Terms | Verdict) -> bytes:
    """RFC 8785 canonical JSON: the bytes that are signed."""
    plain = signed.model_dump(mode="json")
    return _TERMS.encode(plain).encode() if isinstance(signed, Terms) else rfc8785.dumps(plain)


def body_sha256(intent: Intent) -> str:
    """SHA-256 in hex over the canonical intent: the same for the same body, however it was spaced."""
    return signed_sha256(canonical(intent.terms), intent.signature)


def signed_sha256(signed: bytes, signature: str) -> str:
    """`body_sha256` of an intent whose canonical terms are at hand."""
    # The canonical form of an object is made of those of its members, in the order of their names; base64 is its own.
    return hashlib.sha256(b'{"signature":"%b","terms":%b}' % (signature.encode(), signed)).hexdigest()


def read_key(public_key: bytes) -> VerifyKey:
    """A household's key, read once for many checks.

    Raises: ValueError when these are not the 32 bytes of a key.
    """
    return VerifyKey(public_key)


def check_leave(terms: Terms, signature: str, *, public_key: bytes | VerifyKey) -> bytes:
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


def _check(signed: bytes, signature: str, *, public_key: bytes | VerifyKey, what: str) -> None:
    try:
        key = read_key(public_key) if isinstance(public_key, bytes) else public_key
        key.verify(signed, base64.b64decode(signature, validate=True))
    except (CryptoError, ValueError) as exc:
        raise NotAuthenticError(f"{what} is not signed by its household") from exc
