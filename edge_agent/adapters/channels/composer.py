"""Runs `worker` for one message and puts what it composes through the gate. All of it is bounded."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.adapters.egress import Answer, Composed
from edge_agent.adapters.egress_mail import ComposedMail
from edge_agent.errors import ChannelUnreachableError, EgressRefusedError

WORKER = Path(__file__).with_name("worker.py")
_LINE_BYTES_MAX = 131_072
_REQUESTS_MAX = 4

_SCHEMES = {"tls": "smtps", "starttls": "smtp"}

Send = Callable[[Composed | ComposedMail], Awaitable[Answer]]


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Asked(_Line):
    method: str
    url: str
    headers: list[tuple[str, str]] = Field(max_length=64, strict=False)
    body: str


class _Mail(_Line):
    security: Literal["tls", "starttls", "plain"]
    host: str
    port: int
    user: str
    password: str
    sender: str
    recipients: list[str] = Field(max_length=16)
    message: str


class _Said(_Line):
    send: _Asked | None = None
    mail: _Mail | None = None
    done: bool | None = None


class Composer:
    """One process a message, which ends with it. Raises: ChannelUnreachableError when it fails or takes too long."""

    def __init__(self, *, timeout_s: float, path: Sequence[str] | None = None) -> None:
        self._timeout_s = timeout_s
        self._path = list(sys.path if path is None else path)

    async def run(self, job: Mapping[str, object], send: Send) -> bool:
        """Whether the library says that the message was taken; each request it makes goes through `send`."""
        try:
            process = await self._start()
        except OSError as exc:
            raise ChannelUnreachableError(f"a message's process cannot be started: {exc.strerror}") from exc
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._talk(process, job, send)
        except (TimeoutError, ValueError, OSError) as exc:
            raise ChannelUnreachableError(f"composing a message failed: {type(exc).__name__}") from exc
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            limit=_LINE_BYTES_MAX,
        )

    async def _talk(self, process: asyncio.subprocess.Process, job: Mapping[str, object], send: Send) -> bool:
        await _tell(process, {**job, "path": self._path})
        for _ in range(_REQUESTS_MAX + 1):
            said = await _hear(process)
            asked = said.send or said.mail
            if asked is None:
                return said.done is True
            await _tell(process, await _answer(asked, send))
        raise ChannelUnreachableError(f"a channel wants more than {_REQUESTS_MAX} requests for one message")


async def _hear(process: asyncio.subprocess.Process) -> _Said:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        return _Said.model_validate_json(await process.stdout.readline())
    except ValidationError as exc:
        raise ChannelUnreachableError("composing a message failed: is the extra `channels` installed?") from exc


async def _tell(process: asyncio.subprocess.Process, said: Mapping[str, object]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.write(json.dumps(said).encode() + b"\n")
    await process.stdin.drain()


async def _answer(asked: _Asked | _Mail, send: Send) -> Mapping[str, object]:
    try:
        answer = await send(_composed(asked))
    except (ChannelUnreachableError, EgressRefusedError, binascii.Error):
        return {"status": 0, "body": ""}
    return {"status": answer.status_code, "body": base64.b64encode(answer.body).decode()}


def _composed(asked: _Asked | _Mail) -> Composed | ComposedMail:
    if isinstance(asked, _Asked):
        return Composed(asked.method, asked.url, tuple(asked.headers), base64.b64decode(asked.body, validate=True))
    if asked.security not in _SCHEMES:
        raise EgressRefusedError(f"mail to {asked.host} would be readable on its way: use TLS or STARTTLS")
    return ComposedMail(
        origin=f"{_SCHEMES[asked.security]}://{asked.host.lower()}:{asked.port}",
        host=asked.host,
        port=asked.port,
        user=asked.user,
        password=asked.password,
        sender=asked.sender,
        recipients=tuple(asked.recipients),
        message=base64.b64decode(asked.message, validate=True),
    )
