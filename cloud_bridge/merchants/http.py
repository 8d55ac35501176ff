"""HTTP to merchants: no retries, no redirects, one deadline for the whole exchange, bounded bodies.

The rule of the file: an error says whether the merchant can have acted. It cannot have when no connection came about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError

BODY_BYTES_MAX = 262_144
_CONNECTIONS_MAX = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status."""

    status: int
    body: bytes


class MerchantHttp:
    """A client for one merchant; an async context manager. `deadline_s` is real seconds."""

    def __init__(self, base_url: str, *, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=deadline_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=_CONNECTIONS_MAX),
            transport=httpx.AsyncHTTPTransport(retries=0),
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send one request once and read its whole answer.

        Raises: MerchantAwayError when it cannot have arrived; MerchantUnclearError when it may have.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(method, path, headers=headers, body=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise MerchantAwayError(f"{method} {path}: no connection ({type(exc).__name__})") from exc
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as exc:
            raise MerchantUnclearError(f"{method} {path}: {type(exc).__name__}") from exc

    async def _exchange(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None) -> Answer:
        sent = {"Content-Type": "application/json", **headers} if body is not None else dict(headers)
        async with self._client.stream(method, path, headers=sent, content=body) as response:
            read = bytearray()
            async for part in response.aiter_bytes():
                read += part
                if len(read) > BODY_BYTES_MAX:
                    raise MerchantUnclearError(f"{method} {path}: the answer is over {BODY_BYTES_MAX} bytes")
            return Answer(response.status_code, bytes(read))
