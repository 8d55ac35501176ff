"""What merchants call: our profile document, and the address that their webhooks go to.

A webhook is verified on its raw bytes before anything reads them, and by the merchant whose path it came to. It is
kept when it names an order of that merchant, once for each body and each id, and then only makes the order due: the
tracker asks the merchant before anything changes. One that comes again is answered as before, and does nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloud_bridge.api.authentic import read_body
from cloud_bridge.ports import (
    Clock,
    CrashHook,
    CrashPoint,
    Delivery,
    Merchants,
    OrderStore,
    WebhookVerifier,
    no_crash,
)

PATH_PROFILE = "/.well-known/ucp"
PATH_WEBHOOK = "/webhooks/{merchant}"

_PROFILE_KEPT_S = 300
_ID = "webhook-id"


@dataclass(frozen=True, slots=True)
class MerchantDoor:
    """What the endpoints for merchants call. `followed` wakes the tracker.

    `profile` makes our document for a merchant and a version of UCP, or None where it knows one of them not.
    A merchant without a verifier can send nothing.
    """

    merchants: Merchants
    verifiers: Mapping[str, WebhookVerifier]
    store: OrderStore
    clock: Clock
    followed: asyncio.Event
    profile: Callable[[str | None, str | None], bytes | None]
    public_url: str
    crash: CrashHook = no_crash

    def routes(self) -> list[Route]:
        """Both endpoints."""
        shown, taken = Route(PATH_PROFILE, self._show_profile), Route(PATH_WEBHOOK, self._take_webhook)
        shown.methods, taken.methods = {"GET"}, {"POST"}  # and not HEAD beside GET: a signature covers its method
        return [shown, taken]

    async def _show_profile(self, request: Request) -> Response:
        document = self.profile(request.query_params.get("merchant"), request.query_params.get("version"))
        if document is None:
            raise HTTPException(404)
        headers = {
            "Cache-Control": f"public, max-age={_PROFILE_KEPT_S}",
            "ETag": f'"{hashlib.sha256(document).hexdigest()[:32]}"',
        }
        return Response(document, media_type="application/json", headers=headers)

    async def _take_webhook(self, request: Request) -> Response:
        merchant = str(request.path_params["merchant"])
        sender, verifier = self.merchants.get(merchant), self.verifiers.get(merchant)
        if sender is None or verifier is None:
            raise HTTPException(404)
        body = await read_body(request)
        self.crash(CrashPoint.WEBHOOK_READ)
        await verifier.check(Delivery("POST", self._target(request), _joined(request), body))
        kept = await self.store.take_hint(
            merchant,
            sender.hint(body),
            digest=_digest(body),
            now=self.clock.now(),
            delivery=_digest(request.headers.get(_ID, "").encode()) if request.headers.get(_ID) else None,
        )
        self.crash(CrashPoint.WEBHOOK_KEPT)
        if kept:
            self.followed.set()
        return Response(status_code=202)

    def _target(self, request: Request) -> str:
        """The address as we gave it to merchants in our profile, whatever the Host header says."""
        raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope.get("query_string", b"")
        target = raw_path.split(b"?", 1)[0].decode("latin-1")
        return self.public_url + target + (f"?{query.decode('latin-1')}" if query else "")


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _joined(request: Request) -> dict[str, str]:
    """Headers by lower-case name; the lines of one that came several times are joined as HTTP has it."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
