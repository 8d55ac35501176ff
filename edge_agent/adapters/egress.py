"""The one gate out of the home: every outgoing message has a purpose and a recipient, and is written down first.

No other module of the hub opens a connection outwards, the household's own broker apart. Redirects are off, nothing is
sent again by itself, bodies and answers are bounded, and a total deadline holds.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import httpx

from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.errors import BridgeUnreachableError
from edge_agent.ports import Clock

ANSWER_BYTES_MAX = 1_048_576
_LEDGER_ROWS_MAX = 100_000


class Purpose(StrEnum):
    """Why something leaves the home; shown to the household."""

    ORDER = "order"
    ORDER_STATUS = "order_status"
    PRICES = "prices"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status_code: int
    body: bytes


class Egress:
    """Requests to the bridge, signed as the household and kept in the ledger.

    Raises: BridgeUnreachableError for everything that is not a whole answer within the deadline.
    """

    def __init__(
        self,
        *,
        connection: Connection,
        clock: Clock,
        key: HouseholdKey,
        household: str,
        url: str,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._key = key
        self._household = household
        self._url = url
        self._timeout_s = timeout_s
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            base_url=self._url,
            timeout=self._timeout_s,
            follow_redirects=False,
            trust_env=False,
            transport=self._transport,
            limits=httpx.Limits(max_connections=4),
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def send(self, purpose: Purpose, method: str, path: str, *, body: bytes = b"") -> Answer:
        """Write the ledger row, then send, once."""
        if self._client is None:
            raise BridgeUnreachableError("the gate out is closed")
        headers = {"content-type": "application/json"} if body else {}
        request = self._client.build_request(method, path, content=body or None, headers=headers)
        self._key.sign_request(request, household=self._household)
        self._write_down(purpose, request, body=body)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(request)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise BridgeUnreachableError(f"{method} {path}: {type(exc).__name__}") from exc

    async def _exchange(self, request: httpx.Request) -> Answer:
        assert self._client is not None  # noqa: S101 - send has checked it
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise BridgeUnreachableError(
                        f"{request.url.path}: the answer is larger than {ANSWER_BYTES_MAX} bytes"
                    )
        finally:
            await response.aclose()
        return Answer(status_code=response.status_code, body=bytes(body))

    def _write_down(self, purpose: Purpose, request: httpx.Request, *, body: bytes) -> None:
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO egress (at_ms, purpose, recipient, method, path, size_bytes, sha256) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    to_ms(self._clock.now()),
                    purpose,
                    request.url.netloc.decode(),
                    request.method,
                    request.url.path,
                    len(body),
                    hashlib.sha256(body).hexdigest(),
                ),
            )
            db.execute("DELETE FROM egress WHERE id <= (SELECT max(id) FROM egress) - ?", (_LEDGER_ROWS_MAX,))
