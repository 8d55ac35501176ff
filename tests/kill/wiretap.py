"""A reverse proxy in the test's process: it records every request, and can kill at a chosen one.

It kills before the request is forwarded, so that the other side never sees it, or when the whole answer has come and
none of it is passed on: then the connection gets a 502, whoever may still be there to read it. Or it kills when the
answer has come, and passes it on.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self, cast

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests import loopback

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding"})
_ANSWER_WITHIN_S = 20.0


class Moment(StrEnum):
    """When a trap springs."""

    BEFORE = "before"  # the request has come, and is not forwarded
    AFTER = "after"  # the answer has come, and is not passed on
    PASSED = "passed"  # the answer has come, and is passed on all the same


@dataclass
class Trap:
    """Calls `spring` once, at the first request whose "METHOD target" matches, at that moment of it."""

    request: str
    moment: Moment
    spring: Callable[[], None]
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that was answered, and the answer that was passed on."""

    request: str
    status: int
    body: bytes


class Wiretap:
    """One proxy on a free loopback port; an async context manager. `target` is the address that it forwards to."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.requests: list[str] = []
        self.passed: list[Exchange] = []
        self.trap: Trap | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._client = httpx.AsyncClient(verify=loopback.NOBODY, trust_env=False, timeout=_ANSWER_WITHIN_S)
        self._stop = asyncio.Event()
        self._server: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        methods = ["GET", "POST", "PUT", "DELETE"]
        app = Starlette(routes=[Route("/{path:path}", self._pass, methods=methods)])
        self._server = asyncio.create_task(
            serve(cast("ASGIFramework", app), _settings(self._listener), shutdown_trigger=self._stop.wait)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._server is not None:
            await self._server
        await self._client.aclose()

    async def _pass(self, request: Request) -> Response:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        line = f"{request.method} {target}"
        self.requests.append(line)
        if self._springs(line, Moment.BEFORE):
            return Response(status_code=502)
        answer = await self._forward(request, target)
        if answer is None or self._springs(line, Moment.AFTER):
            return Response(status_code=502)
        self._springs(line, Moment.PASSED)
        self.passed.append(Exchange(line, answer.status_code, answer.content))
        response = Response(answer.content, answer.status_code)
        response.raw_headers = [
            *((name, value) for name, value in answer.headers.raw if name.decode().lower() not in _HOP_BY_HOP),
            (b"content-length", str(len(answer.content)).encode()),
        ]
        return response

    async def _forward(self, request: Request, target: str) -> httpx.Response | None:
        headers = [(name, value) for name, value in request.headers.raw if name.decode() not in _HOP_BY_HOP]
        try:
            return await self._client.request(
                request.method,
                self.target + target,
                content=await request.body(),
                headers=[*headers, (b"accept-encoding", b"identity")],
            )
        except httpx.HTTPError:
            return None

    def _springs(self, line: str, moment: Moment) -> bool:
        trap = self.trap
        if trap is None or trap.moment is not moment or not re.fullmatch(trap.request, line):
            return False
        self.trap = None
        trap.spring()
        trap.sprung.set()
        return True


def _settings(listener: socket.socket) -> Config:
    settings = Config()
    settings.bind = [f"fd://{listener.detach()}"]
    settings.graceful_timeout = 0.1
    settings.shutdown_timeout = 0.1
    settings.errorlog = None
    return settings
