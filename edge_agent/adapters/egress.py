"""The one gate out of the home: what may leave is a closed list, and every message is written down before it is sent.

No other module of the hub opens a connection outwards, the household's own broker apart. A message has a purpose; the
purpose says how it is sent, where to, by which model its body is closed, and by which its answer is read. What does not
fit, byte for byte, is refused. Redirects are off, nothing is sent again by itself, answers are bounded, and a total
deadline holds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import httpx
from pydantic import ValidationError

from cloud_bridge.wire import (
    BODY_BYTES_MAX,
    CancelReceipt,
    EventPage,
    Head,
    Intent,
    PriceList,
    PriceQuery,
    Receipt,
    Settlement,
    SettleReceipt,
    WireModel,
)
from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.errors import BridgeUnreachableError, EgressRefusedError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

ANSWER_BYTES_MAX = 1_048_576


class Purpose(StrEnum):
    """Why something leaves the home; shown to the household."""

    ORDER = "order"
    CANCEL = "cancel"
    SETTLE = "settle"
    ORDER_STATUS = "order_status"
    PRICES = "prices"
    HEAD = "head"


class Recipient(StrEnum):
    """To whom."""

    BRIDGE = "bridge"


@dataclass(frozen=True, slots=True)
class Passage:
    """How messages of one purpose leave. `body` None: nothing but the target itself is told."""

    recipient: Recipient
    method: str
    target: re.Pattern[str]
    body: type[WireModel] | None
    answer: type[WireModel]


_ID = "[a-z0-9_-]{1,64}"
_NUMBER = "[0-9]{1,16}"
PASSAGES: Mapping[Purpose, Passage] = {
    Purpose.ORDER: Passage(Recipient.BRIDGE, "POST", re.compile(rf"/v1/intents\?head={_NUMBER}"), Intent, Receipt),
    Purpose.CANCEL: Passage(Recipient.BRIDGE, "POST", re.compile(f"/v1/intents/{_ID}/cancel"), None, CancelReceipt),
    Purpose.SETTLE: Passage(
        Recipient.BRIDGE, "POST", re.compile(f"/v1/intents/{_ID}/settle"), Settlement, SettleReceipt
    ),
    Purpose.ORDER_STATUS: Passage(
        Recipient.BRIDGE, "GET", re.compile(rf"/v1/events\?after={_NUMBER}&limit=[0-9]{{1,3}}"), None, EventPage
    ),
    Purpose.PRICES: Passage(Recipient.BRIDGE, "POST", re.compile("/v1/prices"), PriceQuery, PriceList),
    Purpose.HEAD: Passage(Recipient.BRIDGE, "GET", re.compile(rf"/v1/head\?after={_NUMBER}"), None, Head),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status_code: int
    body: bytes


class Egress:
    """Messages to the bridge, signed as the household and kept in the ledger.

    Raises: EgressRefusedError for what may not leave; BridgeUnreachableError for everything that is not a whole answer
    within the deadline.
    """

    def __init__(
        self,
        *,
        ledger: EgressLedger,
        key: HouseholdKey,
        household: str,
        url: str,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
        crash_hook: CrashHook = no_crash,
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._household = household
        self._url = url
        self._timeout_s = timeout_s
        self._transport = transport
        self._crash_hook = crash_hook
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

    async def send(self, purpose: Purpose, target: str, *, body: bytes = b"") -> Answer:
        """Check, write down, and send, once."""
        passage = _passage(purpose, target, body=body)
        if self._client is None:
            raise BridgeUnreachableError("the gate out is closed")
        headers = {"content-type": "application/json"} if body else {}
        request = self._client.build_request(passage.method, target, content=body or None, headers=headers)
        self._key.sign_request(request, household=self._household)
        self._ledger.write_down(
            purpose=purpose, recipient=request.url.netloc.decode(), method=passage.method, path=target, body=body
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(request)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise BridgeUnreachableError(f"{passage.method} {target}: {type(exc).__name__}") from exc

    async def _exchange(self, request: httpx.Request) -> Answer:
        assert self._client is not None  # noqa: S101 - send has checked it
        response = await self._client.send(request, stream=True)
        self._crash_hook(CrashPoint.SENT)
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


def _passage(purpose: Purpose, target: str, *, body: bytes) -> Passage:
    """The passage that this message fits, byte for byte."""
    passage = PASSAGES[purpose]
    if passage.target.fullmatch(target) is None:
        raise EgressRefusedError(f"nothing may be sent to {target!r} for {purpose}")
    if passage.body is None and not body:
        return passage
    if passage.body is None or len(body) > BODY_BYTES_MAX or not _is_exactly(passage.body, body):
        raise EgressRefusedError(f"a message for {purpose} holds more, less or other than it may")
    return passage


def _is_exactly(model: type[WireModel], body: bytes) -> bool:
    """Whether the body is this model and not a byte besides: no doubled key, no blank, no other spelling."""
    try:
        return model.model_validate_json(body).model_dump_json().encode() == body
    except ValidationError:
        return False
