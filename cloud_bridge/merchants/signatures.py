"""Signatures of messages between the bridge and merchants. Nothing here decides what an unsigned message means.

From 2026-04-08: HTTP Message Signatures (RFC 9421) with ES256 over the components that UCP requires, and a
Content-Digest (RFC 9530) of the raw bytes. In 2026-01-11: a detached JWS over the raw body (RFC 7515, RFC 7797).
A signature that cannot be read, covers too little, or is one of several, counts as a wrong one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.merchants.published_keys import PublicKeys
from cloud_bridge.signing_key import SigningKey

LABEL = "sig1"
_ES256 = "ES256"
_ALL_TIME = timedelta(days=366_000)


class UnknownKeyError(NotAuthenticError):
    """The signature names a key that was not published when the keys were last fetched."""


@dataclass(slots=True)
class _Message:
    method: str
    url: str
    headers: dict[str, str]


@dataclass(slots=True)
class _Reply:
    status_code: int
    headers: dict[str, str]
    request: None = field(default=None)


class RequestSigner:
    """Signs what the bridge sends. `now` gives the real time, which stands in the signature as `created`."""

    def __init__(self, key: SigningKey, *, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now
        resolver = MappingKeyResolver(public_keys={}, private_keys={key.kid: key.private})
        self._signer = HTTPMessageSigner(signature_algorithm=ECDSA_P256_SHA256, key_resolver=resolver)

    def message(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> dict[str, str]:
        """The headers of a request with its signature among them.

        Source: RFC 9421; UCP 2026-04-08 SIG-010, SIG-014 to SIG-019.
        """
        message = _Message(method, url, dict(headers))
        covered = ["@method", "@authority", "@path"]
        if urlsplit(url).query:
            covered.append("@query")
        covered += [name for name in ("ucp-agent", "idempotency-key") if name in _lower(headers)]
        if body is not None:
            message.headers.setdefault("Content-Type", "application/json")
            covered.append("content-type")
        self._signer.sign(
            message,
            key_id=self._key.kid,
            created=self._now(),
            label=LABEL,
            include_alg=False,
            covered_component_ids=covered,
            body=body,
        )
        return message.headers

    def detached(self, body: bytes | None) -> str:
        """A detached JWS over the raw body, or over nothing, as 2026-01-11 wants it in `Request-Signature`."""
        jws = JWS(body or b"")
        header = {"alg": _ES256, "kid": self._key.kid, "b64": False, "crit": ["b64"]}
        jws.add_signature(self._key.jwk, alg=_ES256, protected=json.dumps(header, separators=(",", ":")))
        jws.detach_payload()
        return str(jws.serialize(compact=True))


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with the time given from outside, and no demand for a time where UCP has none."""

    require_created = False

    def __init__(self, keys: PublicKeys, *, now: datetime, window: timedelta) -> None:
        resolver = MappingKeyResolver(public_keys=keys, private_keys={})
        super().__init__(signature_algorithm=ECDSA_P256_SHA256, key_resolver=resolver)
        self._now = now
        self._window = window

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ANN401, ARG002
        """Check the times that the signer put under its signature, if any."""
        created, expires = sig_input.params.get("created"), sig_input.params.get("expires")
        seconds = self._now.timestamp()
        if created is not None and abs(seconds - created) > self._window.total_seconds():
            raise HTTPMessageSignaturesException("the signature is too old, or from the future")
        if expires is not None and expires < seconds:
            raise HTTPMessageSignaturesException("the signature has expired")


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks messages against keys. A signed time may lie `window` from `now` at the most."""

    keys: PublicKeys
    now: datetime
    window: timedelta = _ALL_TIME

    def response(self, status: int, *, headers: Mapping[str, str], body: bytes) -> None:
        """Check the signature of an answer.

        Raises: UnknownKeyError; NotAuthenticError.
        """
        covered = ("@status", "content-digest", "content-type") if body else ("@status",)
        self._check(_Reply(status, dict(headers)), covered=covered, body=body)

    def request(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> frozenset[str]:
        """Check the signature of a request that came to us at `url`, and say what it covers.

        Raises: UnknownKeyError; NotAuthenticError.
        """
        covered = ["@method", "@authority", "@path", "content-digest", "content-type"]
        if urlsplit(url).query:
            covered.append("@query")
        return self._check(_Message(method, url, dict(headers)), covered=tuple(covered), body=body)

    def detached(self, token: str, body: bytes) -> None:
        """Check a detached JWS over the raw body.

        Raises: UnknownKeyError; NotAuthenticError.
        """
        kid, jws = _parse_detached(token)
        key = self.keys.get(kid)
        if key is None:
            raise UnknownKeyError(f"no published key {kid[:64]!r}")
        try:
            jws.verify(JWK.from_pyca(key), detached_payload=body)
        except (JWException, ValueError, TypeError) as exc:
            raise NotAuthenticError("the detached signature does not match the body") from exc

    def _check(self, message: _Message | _Reply, *, covered: tuple[str, ...], body: bytes) -> frozenset[str]:
        verifier = _Verifier(self.keys, now=self.now, window=self.window)
        try:
            found = verifier.verify(message, max_age=None, require_components=covered, body=body)
        except HTTPMessageSignaturesException as exc:
            kind = UnknownKeyError if "Unable to resolve" in str(exc) else NotAuthenticError
            raise kind(f"the message's signature does not hold: {exc}") from exc
        return frozenset(name.strip('"') for name in found[0].covered_components) - {"@signature-params"}


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a message carries an RFC 9421 signature at all, good or bad. Names of headers are in lower case."""
    return "signature" in headers or "signature-input" in headers


def _parse_detached(token: str) -> tuple[str, JWS]:
    jws = JWS()
    jws.allowed_algs = [_ES256]
    try:
        jws.deserialize(token)
        kid = jws.jose_header["kid"]
    except (JWException, ValueError, TypeError, KeyError) as exc:
        raise NotAuthenticError("the detached signature cannot be read") from exc
    if token.count(".") != 2 or token.split(".")[1] or not isinstance(kid, str):
        raise NotAuthenticError("the signature is not a detached one")
    return kid, jws


def _lower(headers: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name.lower() for name in headers)
