"""Who is calling: HTTP Message Signatures (RFC 9421) of hubs, checked against our own address.

The signed target is rebuilt from the bridge's public address, not from the Host header, so a request that was signed
for another bridge is refused here. A signature holds for a few minutes by the real clock.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureComponentResolver,
    HTTPSignatureKeyResolver,
    VerifyResult,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from nacl.signing import VerifyKey
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from cloud_bridge.errors import NotAuthenticError, TooLargeError
from cloud_bridge.ports import HouseholdKeys
from cloud_bridge.sections import is_loopback
from cloud_bridge.wire import BODY_BYTES_MAX

log = logging.getLogger(__name__)

_LABEL = "restock"
_COVERED = frozenset({'"@method"', '"@target-uri"'})
_DIGEST = '"content-digest"'
_SIGNING = ("signature", "signature-input", "content-digest")
_BODY_DEADLINE_S = 10.0  # real: a body that drips in is not waited for


@dataclass(frozen=True, slots=True)
class Caller:
    """A household whose hub signed this request, and the body that the signature covers."""

    household: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Signed:
    """The message as the signature library wants it."""

    method: str
    url: str
    headers: Headers


class _Components(HTTPSignatureComponentResolver):
    """The three components that our hubs cover, as they are at hand; the library finds any other."""

    _library: Callable[[_Signed], Any] = HTTPSignatureComponentResolver

    def __init__(self, message: _Signed) -> None:
        self._message = message

    def resolve(self, component_node: Any) -> str:  # noqa: ANN401  the library's own type
        """The value of one component."""
        message = self._message
        known = {"@method": message.method, "@target-uri": message.url}
        digests = message.headers.getlist("content-digest")
        if len(digests) == 1:
            known["content-digest"] = digests[0].strip()
        if component_node.value in known and not component_node.params:
            return known[component_node.value]
        return str(self._library(message).resolve(component_node))


class _Ed25519(HTTPSignatureAlgorithm):
    """The one algorithm that is taken, by libsodium: it is as strict as OpenSSL, and takes half of its time."""

    algorithm_id = "ed25519"

    def __init__(self, public_key: VerifyKey) -> None:
        self._public_key = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Raises: nacl's BadSignatureError, or ValueError for what cannot be a signature; the library turns both."""
        self._public_key.verify(message, signature)


class _Households(HTTPSignatureKeyResolver):
    """The households' keys by their names, each read once."""

    def __init__(self, keys: HouseholdKeys) -> None:
        self._keys = {household: VerifyKey(key) for household, key in keys.items()}

    def resolve_public_key(self, key_id: str) -> Any:  # noqa: ANN401  what `_Ed25519` takes
        """The key; None for a household that is not of this bridge."""
        return self._keys.get(key_id)


class Gatekeeper:
    """Checks signatures. `public_url` is this bridge's own address; on loopback its other names are as good."""

    def __init__(self, keys: HouseholdKeys, *, public_url: str, age_max_s: int) -> None:
        self._verifier = HTTPMessageVerifier(
            signature_algorithm=_Ed25519, key_resolver=_Households(keys), component_resolver_class=_Components
        )
        self._public_url = public_url
        self._own_name = urlsplit(public_url).netloc
        self._age_max = timedelta(seconds=age_max_s)

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request.

        Raises: NotAuthenticError; TooLargeError.
        """
        body = await read_body(request)
        message = _Signed(request.method, self._target(request), _covered(request.headers))
        try:
            verified = self._verifier.verify(message, max_age=self._age_max)
            if message.headers.get("content-digest") != _digest(body) or not _all_cover(verified, {_DIGEST}):
                self._verifier.verify_body(message, verified, body)  # another algorithm, no body, or a wrong one
        except HTTPMessageSignaturesException as exc:
            log.info("request_not_authentic path=%s reason=%s", request.url.path, exc)
            raise NotAuthenticError("the request is not signed by a household of this bridge, or too old") from exc
        if not _all_cover(verified, _COVERED):
            raise NotAuthenticError("the signature must cover the method and the target")
        if verified[0].label != _LABEL:
            raise NotAuthenticError(f"the signature's label must be {_LABEL}")
        return Caller(household=str(verified[0].parameters["keyid"]), body=body)

    def _target(self, request: Request) -> str:
        raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope.get("query_string", b"")
        target = raw_path.split(b"?", 1)[0].decode("latin-1")
        return self._base(request.headers.get("host", "")) + target + (f"?{query.decode('latin-1')}" if query else "")

    def _base(self, host: str) -> str:
        if host == self._own_name:
            return self._public_url
        own = urlsplit(self._public_url)
        try:
            called = urlsplit(f"//{host}")
            same_port = called.port == own.port
        except ValueError:  # no name at all, so not one of ours
            return self._public_url
        if same_port and is_loopback(own.hostname or "") and is_loopback(called.hostname or ""):
            return f"{own.scheme}://{host}"
        return self._public_url


def _digest(body: bytes) -> str:
    """The Content-Digest that our hubs send."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _all_cover(verified: Sequence[VerifyResult], components: AbstractSet[str]) -> bool:
    return all(components <= each.covered_components.keys() for each in verified)


def _covered(headers: Headers) -> Headers:
    """The headers that a signature is made of or names: the library looks at every header that it is given."""
    named = headers.get("signature-input", "")
    return Headers(raw=[(key, value) for key, value in headers.raw if key.decode("latin-1") in named or _signs(key)])


def _signs(key: bytes) -> bool:
    return key.decode("latin-1") in _SIGNING


async def read_body(request: Request) -> bytes:
    """The whole body, bounded in size and time.

    Raises: TooLargeError; NotAuthenticError when it does not arrive in time.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_DEADLINE_S):
            async for part in request.stream():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise TooLargeError(f"a body may have {BODY_BYTES_MAX} bytes at the most")
    except (TimeoutError, ClientDisconnect) as exc:
        raise NotAuthenticError("the body did not arrive in time") from exc
    return bytes(body)
