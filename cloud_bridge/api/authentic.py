"""Who is calling: HTTP Message Signatures (RFC 9421) of hubs, checked against our own address.

The signed target is rebuilt from the bridge's public address, not from the Host header, so a request that was signed
for another bridge is refused here. A signature holds for a few minutes by the real clock.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Request
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from cloud_bridge.config import is_loopback
from cloud_bridge.errors import NotAuthenticError, TooLargeError
from cloud_bridge.ports import HouseholdKeys
from cloud_bridge.wire import BODY_BYTES_MAX

log = logging.getLogger(__name__)

_LABEL = "restock"
_COVERED = ("@method", "@target-uri")
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


class Gatekeeper:
    """Checks signatures. `public_url` is this bridge's own address; on loopback its other names are as good."""

    def __init__(self, keys: HouseholdKeys, *, public_url: str, age_max_s: int) -> None:
        public = {household: Ed25519PublicKey.from_public_bytes(key) for household, key in keys.items()}
        self._verifier = HTTPMessageVerifier(
            signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys=public, private_keys={})
        )
        self._public_url = public_url
        self._age_max = timedelta(seconds=age_max_s)

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request.

        Raises: NotAuthenticError; TooLargeError.
        """
        body = await read_body(request)
        message = _Signed(request.method, self._target(request), request.headers)
        try:
            verified = self._verifier.verify(message, max_age=self._age_max, require_components=_COVERED, body=body)
        except HTTPMessageSignaturesException as exc:
            log.info("request_not_authentic path=%s reason=%s", request.url.path, exc)
            raise NotAuthenticError("the request is not signed by a household of this bridge, or too old") from exc
        if verified[0].label != _LABEL:
            raise NotAuthenticError(f"the signature's label must be {_LABEL}")
        return Caller(household=str(verified[0].parameters["keyid"]), body=body)

    def _target(self, request: Request) -> str:
        raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope.get("query_string", b"")
        target = raw_path.split(b"?", 1)[0].decode("latin-1")
        return self._base(request.headers.get("host", "")) + target + (f"?{query.decode('latin-1')}" if query else "")

    def _base(self, host: str) -> str:
        own, called = urlsplit(self._public_url), urlsplit(f"//{host}")
        try:
            same_port = called.port == own.port
        except ValueError:
            return self._public_url
        if same_port and is_loopback(own.hostname or "") and is_loopback(called.hostname or ""):
            return f"{own.scheme}://{host}"
        return self._public_url


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
