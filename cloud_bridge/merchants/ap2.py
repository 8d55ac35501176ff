"""AP2 mandates over UCP: the merchant's signature under a session, and our two mandates for exactly that session.

The bridge signs as a trusted platform: its key says that it holds a household's leave for these terms. It commits to
that leave by a hash, which the household's signed terms open in a dispute; they themselves stay here, since they tell
what the household would have paid at the most (docs/decisions/0007-whose-word-a-mandate-is.md).
Source: UCP 2026-08-25 AP2 mandates; AP2 v0.2 checkout and payment mandates.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from sd_jwt.common import SDJWTHasSDClaimException
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer

from cloud_bridge.core.leave import body_sha256
from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.merchants.documents import without_twins
from cloud_bridge.merchants.signatures import Checker
from cloud_bridge.signing_key import SigningKey
from cloud_bridge.wire import Intent

_TYPE = "dc+sd-jwt"


@dataclass(frozen=True, slots=True)
class Authorized:
    """A session as the merchant signed it: the whole document, and the same as a JWT (`header.payload.signature`)."""

    document: dict[str, Any]
    jwt: str

    @property
    def digest(self) -> str:
        """Base64url of SHA-256 over the JWT: what both mandates name the session by."""
        return _unpadded(hashlib.sha256(self.jwt.encode()).digest())


@dataclass(frozen=True, slots=True)
class Mandates:
    """The two mandates that complete a session; they are never the same one (PAY-041)."""

    checkout: str
    payment: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What the payment mandate allows: this amount, to this merchant, from the instrument that the token stands for."""

    amount_minor: int
    currency: str
    instrument_type: str
    token: str


@dataclass(frozen=True, slots=True)
class Agent:
    """Who makes mandates: the bridge's key, the address of its profile, and the merchant that it deals with."""

    key: SigningKey
    profile_url: str
    merchant_id: str
    merchant_origin: str


def authorized(body: bytes, *, checker: Checker) -> Authorized:
    """The session in an answer, after checking the merchant's signature over all of it but `ap2`.

    Raises: UnknownKeyError; NotAuthenticError when the signature is missing or wrong.
    """
    try:
        document = json.loads(body, object_pairs_hook=without_twins)
        token = document["ap2"]["merchant_authorization"]
        payload = rfc8785.dumps({name: value for name, value in document.items() if name != "ap2"})
        header, _, signature = token.split(".")
        attached = "b64" not in json.loads(base64.urlsafe_b64decode(header + "=="))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, rfc8785.CanonicalizationError) as exc:
        raise NotAuthenticError("the session carries no authorisation of the merchant") from exc
    if not attached:
        raise NotAuthenticError("the merchant's authorisation cannot stand in a mandate")
    checker.detached(token, payload)
    return Authorized(document, f"{header}.{_unpadded(payload)}.{signature}")


def make_mandates(session: Authorized, intent: Intent, *, charge: Charge, agent: Agent, now: datetime) -> Mandates:
    """Both mandates for one session, under one household's leave; they end when its offer does.

    Raises: NotAuthenticError when the session holds what a credential cannot.
    """
    bound = {
        "iss": agent.profile_url,
        "iat": int(now.timestamp()),
        "exp": int(intent.terms.offer_expires_at.timestamp()),
        "authority": {"leave": intent.terms.leave, "terms_sha256": body_sha256(intent)},
    }
    checkout = {
        "vct": "mandate.checkout.1",
        "checkout_jwt": session.jwt,
        "checkout_hash": session.digest,
        "checkout": session.document,
        **bound,
    }
    payment = {
        "vct": "mandate.payment.1",
        "transaction_id": session.digest,
        "payee": {"id": agent.merchant_id, "name": agent.merchant_id, "website": agent.merchant_origin},
        "payment_amount": {"amount": charge.amount_minor, "currency": charge.currency},
        "payment_instrument": {"id": charge.token, "type": charge.instrument_type},
        **bound,
    }
    return Mandates(*(_credential(claims, nonce=session.digest, agent=agent) for claims in (checkout, payment)))


def _credential(claims: dict[str, Any], *, nonce: str, agent: Agent) -> str:
    """An SD-JWT with key binding: made for this merchant and this session, and for nobody else."""
    key = agent.key.jwk
    header = {"typ": _TYPE, "kid": agent.key.kid}
    try:
        issued = SDJWTIssuer(claims, key, holder_key=key, extra_header_parameters=header)
    except SDJWTHasSDClaimException as exc:
        raise NotAuthenticError("the merchant's session uses names that a credential keeps for itself") from exc
    holder = SDJWTHolder(issued.sd_jwt_issuance)
    holder.create_presentation(None, nonce=nonce, aud=agent.merchant_origin, holder_key=key)
    return str(holder.sd_jwt_presentation)


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
