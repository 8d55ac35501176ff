"""What stands before every page: the names by which the hub may be called, and the headers on every answer.

Both wrap the application from outside, so they also hold for its error pages. Plain ASGI: nothing is buffered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.errors import BugError

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# What a browser may let a page use; a page that needs more says so itself.
PERMISSIONS_POLICY = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()"
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")


class SecurityHeaders:
    """Adds the headers to every answer; an answer that says nothing about caching is not stored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostCheck:
    """Lets a request through only under an allowed name (RELIABILITY E1: DNS rebinding); `refusal` answers the rest.

    A name is compared exactly, without its port. A path with a control character is nobody's: the router's patterns
    would take a line feed at the end for nothing. No websocket is served.
    """

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str], refusal: ASGIApp) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        match scope["type"]:
            case "lifespan":
                await self._app(scope, receive, send)
            case "http" if not scope["path"].isprintable():
                await Response(status_code=404)(scope, receive, send)
            case "http":
                app = self._app if self._is_allowed(Headers(scope=scope)) else self._refusal
                await app(scope, receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1008})
            case other:
                raise BugError(f"the server speaks {other}, which the pages do not")

    def _is_allowed(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        return found is not None and found["name"] in self._allowed
