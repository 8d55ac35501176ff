"""Requests to an ASGI application of the same process, every byte of them, and nothing of a client that is not needed.

`httpx.ASGITransport` looks for the event loop's library anew at each request, and a whole client costs more than the
page that it asks for: in ten thousands of orders that is time in which nothing is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import httpx
from starlette.types import ASGIApp, Message, Scope

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Headers
    body: bytes


async def call(app: ASGIApp, method: str, url: str, *, headers: Headers, body: bytes) -> Answer:
    """One request, whole, and its whole answer."""
    status, answered, parts = 0, Headers(), list[bytes]()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.extend(message.get("headers", ()))
        else:
            parts.append(message.get("body", b""))

    await app(_scope(method, url, headers=headers), receive, send)
    return Answer(status, answered, b"".join(parts))


@dataclass(frozen=True, slots=True)
class Browser:
    """Sends forms as a browser does that is signed in already."""

    app: ASGIApp
    url: str
    cookies: Mapping[str, str]

    async def post(self, path: str, *, data: Mapping[str, str]) -> int:
        """Send a form; the status that came back."""
        body = urlencode(data).encode("ascii")
        headers = [
            (b"host", urlsplit(self.url).netloc.encode("ascii")),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", str(len(body)).encode("ascii")),
            (b"cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode("ascii")),
        ]
        answer = await call(self.app, "POST", self.url + path, headers=headers, body=body)
        return answer.status


class InProcess(httpx.AsyncBaseTransport):
    """Carries an httpx client's requests to the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request and its answer."""
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        answer = await call(self._app, request.method, str(request.url), headers=headers, body=await request.aread())
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)


def _scope(method: str, url: str, *, headers: Headers) -> Scope:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path,
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": (parts.hostname, port),
    }
