"""HTTP to merchants: no retries, no redirects, one deadline for the whole exchange, bounded bodies, nothing unpacked.

The rule of the file: an error says whether the merchant can have acted. It cannot have when no connection came about.
"""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError

BODY_BYTES_MAX = 262_144
RETRY_AFTER_MIN_S = 1.0
RETRY_AFTER_MAX_S = 3_600.0
_LIMITS = httpx.Limits(max_connections=16)  # the transport's: a client that is given one has no say in it
_HEADERS = {"Accept-Encoding": "identity"}  # a digest is of the bytes on the wire, and a small body cannot grow
_DIGITS = re.compile(r"[0-9]{1,20}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status. Names of headers are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def retry_after_s(self) -> float | None:
        """How long the merchant wants to be left alone, clamped to bounds; None where it does not say so clearly."""
        return retry_after_s(self.headers.get("retry-after"), date=self.headers.get("date"))


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed, loaded once for all merchants: it takes 15 ms and some megabytes each time."""
    return httpx.create_ssl_context(trust_env=False)


class MerchantHttp:
    """A client for one merchant; an async context manager. `deadline_s` is real seconds."""

    def __init__(self, base_url: str, *, deadline_s: float, transport: httpx.AsyncBaseTransport | None = None) -> None:
        parts = urlsplit(base_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._deadline_s = deadline_s
        self._client = httpx.AsyncClient(
            timeout=deadline_s,
            follow_redirects=False,
            trust_env=False,
            headers=_HEADERS,
            transport=transport or httpx.AsyncHTTPTransport(verify=_authorities(), retries=0, limits=_LIMITS),
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
        async with self._client.stream(method, self.origin + path, headers=sent, content=body) as response:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise MerchantUnclearError(f"{method} {path}: the answer is packed, which was not asked for")
            read = bytearray()
            async for part in response.aiter_raw():
                read += part
                if len(read) > BODY_BYTES_MAX:
                    raise MerchantUnclearError(f"{method} {path}: the answer is over {BODY_BYTES_MAX} bytes")
            return Answer(response.status_code, bytes(read), dict(response.headers))


def retry_after_s(value: str | None, *, date: str | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, within bounds; None where it cannot be read.

    A day and time counts from the answer's own `date`, so that nobody's clock matters.
    Source: RFC 9110 section 10.2.3.
    """
    if value is None:
        return None
    text = value.strip()
    asked_s = float(text) if _DIGITS.match(text) else _seconds_between(date, text)
    return None if asked_s is None else min(max(asked_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)


def _seconds_between(start: str | None, end: str) -> float | None:
    first, last = _moment(start), _moment(end)
    return None if first is None or last is None else (last - first).total_seconds()


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None
