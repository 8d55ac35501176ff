"""The one gate out of the home: what may leave is a closed list, and every message is written down before it is sent.

No other module of the hub opens a connection outwards, the household's own broker apart. A message has a purpose; the
purpose says how it is sent, where to, by which model its body is closed, and by which its answer is read. What does not
fit, byte for byte, is refused. Redirects are off, nothing is sent again by itself, answers are bounded, and a total
deadline holds.

Messages to people are composed by libraries for each kind of channel. They leave here too: what is said is a closed
model, where it goes is an origin that the household allows, and the ledger has what left, without the channel's keys.
"""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

import httpx
from pydantic import StringConstraints, ValidationError

from cloud_bridge.wire import (
    BODY_BYTES_MAX,
    TRACE_HEADER,
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
    order_trace_id,
)
from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.core.product_hint import FIELDS
from edge_agent.core.tracing import is_at_home
from edge_agent.errors import (
    BridgeUnreachableError,
    ChannelUnreachableError,
    EgressRefusedError,
    ProductsUnreachableError,
    RetryLaterError,
    TracesUnreachableError,
)
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
    NOTIFY = "notify"
    MAIL = "mail"
    PRODUCT = "product"
    TRACES = "traces"


class Recipient(StrEnum):
    """To whom."""

    BRIDGE = "bridge"
    CHANNEL = "channel"
    PRODUCTS = "products"
    COLLECTOR = "collector"


class Notice(WireModel):
    """All that a message to a person says. The link names nothing but itself; `tag` is what a later one replaces."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    body: Annotated[str, StringConstraints(min_length=1, max_length=600)]
    link: Annotated[
        str, StringConstraints(pattern=r"^https?://[^\s/@]+/n/[a-f0-9]{32}\.[a-f0-9]{64}$|^$", max_length=361)
    ]
    tag: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """How messages of one purpose leave.

    `body` None: nothing but the target itself is told. `answer` None: nothing but its status is read.
    """

    recipient: Recipient
    method: str
    target: re.Pattern[str]
    body: type[WireModel] | None
    answer: type[WireModel] | None


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
    # The target of the others is a path at the bridge, this one's is a whole address.
    Purpose.NOTIFY: Passage(Recipient.CHANNEL, "POST", re.compile(r"https?://[^/\s@\\]+(/[^\s#]*)?"), Notice, None),
    Purpose.MAIL: Passage(Recipient.CHANNEL, "MAIL", re.compile(r"smtps?://[^/\s@\\:]+:[0-9]{1,5}"), Notice, None),
    # A bar code's number and the same names of fields each time: nothing of the home.
    Purpose.PRODUCT: Passage(
        Recipient.PRODUCTS,
        "GET",
        re.compile(rf"https://[^/\s@\\?#]+/api/v2/product/[0-9]{{8,14}}\?fields={re.escape(FIELDS)}"),
        None,
        None,
    ),
    # Protobuf, which no model closes: `TraceEgress` is given what reads it.
    Purpose.TRACES: Passage(Recipient.COLLECTOR, "POST", re.compile(r"https?://[^/\s@\\?#]+/v1/traces"), None, None),
}
_COMPOSED_BYTES_MAX = 16_384
_CHANNEL_ANSWER_BYTES_MAX = 65_536
_PRODUCT_ANSWER_BYTES_MAX = 262_144
_TRACES_ANSWER_BYTES_MAX = 65_536
_HEADERS_MAX = 32
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no certificate is believed: for a bridge that is asked without TLS
_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "cookie"})
MASK = "***"


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
            verify=_authorities()
            if httpx.URL(self._url).scheme == "https"
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            transport=self._transport,
            limits=httpx.Limits(max_connections=4),
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def send(self, purpose: Purpose, target: str, *, body: bytes = b"", trace: str | None = None) -> Answer:
        """Check, write down, and send, once. `trace` is the `traceparent` of an order, where the bridge is told it."""
        passage = _passage(purpose, target, body=body)
        if passage.recipient is not Recipient.BRIDGE:
            raise EgressRefusedError(f"a message for {purpose} does not go to the bridge")
        if self._client is None:
            raise BridgeUnreachableError("the gate out is closed")
        headers = {"content-type": "application/json"} if body else {}
        if trace is not None:
            headers[TRACE_HEADER] = _traceparent(trace, body=body, purpose=purpose)
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
        body = await _whole(response, bytes_max=ANSWER_BYTES_MAX)
        if body is None:
            raise BridgeUnreachableError(f"{request.url.path}: the answer is larger than {ANSWER_BYTES_MAX} bytes")
        return Answer(status_code=response.status_code, body=body)


@dataclass(frozen=True, slots=True)
class Composed:
    """A request as a channel's library composed it; nothing of it has left."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ChannelEgress:
    """Messages to people, each to an origin (`https://host:port`) that `is_allowed`, kept in the ledger.

    Raises: EgressRefusedError for what may not leave; ChannelUnreachableError for everything that is not a whole answer
    within the deadline.
    """

    def __init__(
        self,
        *,
        ledger: EgressLedger,
        is_allowed: Callable[[str], bool],
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ledger = ledger
        self._is_allowed = is_allowed
        self._once = _Once(timeout_s=timeout_s, transport=transport)

    async def send(self, composed: Composed, *, notice: bytes, keys: Sequence[str]) -> Answer:
        """Check, write down, and send, once. `keys` are parts of the address that the ledger must not show."""
        check_notice(Purpose.NOTIFY, composed.url, notice=notice)
        request = self._request(composed)
        netloc = request.url.netloc.decode()
        if not self._is_allowed(f"{request.url.scheme}://{netloc}"):
            raise EgressRefusedError(f"messages may not go to {netloc}: the household allows other addresses only")
        self._ledger.write_down(
            purpose=Purpose.NOTIFY,
            recipient=netloc,
            method=request.method,
            path=masked(request.url.raw_path, keys).decode(),
            body=masked(composed.body, keys),
        )
        return await self._once.send(request, bytes_max=_CHANNEL_ANSWER_BYTES_MAX, away=ChannelUnreachableError)

    def _request(self, composed: Composed) -> httpx.Request:
        if composed.method != PASSAGES[Purpose.NOTIFY].method:
            raise EgressRefusedError(f"a message is not sent by {composed.method[:16]}")
        if len(composed.body) > _COMPOSED_BYTES_MAX or len(composed.headers) > _HEADERS_MAX:
            raise EgressRefusedError("a channel made more of a message than may leave")
        headers = [(name, value) for name, value in composed.headers if name.lower() not in _OURS]
        try:
            return httpx.Request(composed.method, composed.url, headers=headers, content=composed.body)
        except (httpx.InvalidURL, ValueError) as exc:
            raise EgressRefusedError(f"a channel made an address that is none: {type(exc).__name__}") from exc


class ProductEgress:
    """Questions to Open Food Facts, one product each, kept in the ledger. `user_agent` says which program asks.

    Raises: EgressRefusedError for what may not leave; ProductsUnreachableError for everything that is not a whole
    answer within the deadline.
    """

    def __init__(
        self,
        *,
        ledger: EgressLedger,
        origin: str,
        user_agent: str,
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ledger = ledger
        self._origin = origin
        self._headers = {"user-agent": user_agent, "accept": "application/json"}
        self._once = _Once(timeout_s=timeout_s, transport=transport)

    async def ask(self, gtin: str) -> Answer:
        """Check, write down, and ask, once. `gtin` as it stands on the pack."""
        target = f"{self._origin}/api/v2/product/{gtin}?fields={FIELDS}"
        passage = _passage(Purpose.PRODUCT, target, body=b"")
        request = httpx.Request(passage.method, target, headers=self._headers)
        netloc = request.url.netloc.decode()
        self._ledger.write_down(
            purpose=Purpose.PRODUCT,
            recipient=netloc,
            method=passage.method,
            path=request.url.raw_path.decode(),
            body=b"",
        )
        return await self._once.send(request, bytes_max=_PRODUCT_ANSWER_BYTES_MAX, away=ProductsUnreachableError)


class TraceEgress:
    """Traces of the hub's own work to a collector, which `fits` has read and found to hold nothing else.

    A collector at home is not outside, so only batches that go `beyond` are written down.

    Raises: EgressRefusedError for what may not leave; TracesUnreachableError when they were not taken in time.
    """

    def __init__(
        self,
        *,
        ledger: EgressLedger,
        origin: str,
        beyond: bool,
        fits: Callable[[bytes], bool],
        timeout_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ledger = ledger
        self._target = f"{origin}/v1/traces"
        self._beyond = beyond
        self._fits = fits
        self._once = _Once(timeout_s=timeout_s, transport=transport)

    async def send(self, body: bytes) -> None:
        """Check, write down, and send, once."""
        passage = _passage(Purpose.TRACES, self._target, body=b"")
        request = httpx.Request(
            passage.method, self._target, content=body, headers={"content-type": "application/x-protobuf"}
        )
        netloc = request.url.netloc.decode()
        if not self._fits(body):
            raise EgressRefusedError("a trace holds more or other than it may")
        if not (self._beyond or is_at_home(request.url.host)):
            raise EgressRefusedError(f"traces may not go to {netloc}: it is not at home")
        if self._beyond:
            self._ledger.write_down(
                purpose=Purpose.TRACES, recipient=netloc, method=passage.method, path=request.url.path, body=body
            )
        answer = await self._once.send(request, bytes_max=_TRACES_ANSWER_BYTES_MAX, away=TracesUnreachableError)
        if answer.status_code != httpx.codes.OK:
            raise TracesUnreachableError(f"{netloc} answered {answer.status_code}")


class _Once:
    """Sends a request in a connection of its own: there are few, and nothing of one is told to the next."""

    def __init__(self, *, timeout_s: float, transport: httpx.AsyncBaseTransport | None) -> None:
        self._timeout_s = timeout_s
        self._transport = transport

    async def send(self, request: httpx.Request, *, bytes_max: int, away: type[RetryLaterError]) -> Answer:
        """The whole answer. Raises: `away` where there is none in time, or a larger one than `bytes_max`."""
        netloc = request.url.netloc.decode()
        client = httpx.AsyncClient(
            timeout=self._timeout_s,
            follow_redirects=False,
            trust_env=False,
            verify=_authorities(),
            transport=self._transport,
        )
        try:
            async with asyncio.timeout(self._timeout_s), client:
                response = await client.send(request, stream=True)
                body = await _whole(response, bytes_max=bytes_max)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise away(f"{netloc}: {type(exc).__name__}") from exc
        if body is None:
            raise away(f"{netloc}: the answer is larger than {bytes_max} bytes")
        return Answer(status_code=response.status_code, body=body)


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed, loaded once: it takes 15 ms and some megabytes each time."""
    return httpx.create_ssl_context(trust_env=False)


def origin_of(composed: Composed) -> str | None:
    """Where a request would go, such as `https://ntfy.sh`; None where its address is none."""
    try:
        url = httpx.URL(composed.url)
    except httpx.InvalidURL:
        return None
    return f"{url.scheme}://{url.netloc.decode()}" if url.host else None


def check_notice(purpose: Purpose, target: str, *, notice: bytes) -> None:
    """Refuse what a message to a person may not say, and a target that cannot be one."""
    if not notice:
        raise EgressRefusedError(f"a message for {purpose} says nothing")
    _passage(purpose, target, body=notice)


def masked(text: bytes, keys: Sequence[str]) -> bytes:
    """The text without the keys, the longest first, so that no end of one is left."""
    for key in sorted(filter(None, keys), key=len, reverse=True):
        text = text.replace(key.encode(), MASK.encode())
    return text


async def _whole(response: httpx.Response, *, bytes_max: int) -> bytes | None:
    """The answer's body; None when it is larger."""
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > bytes_max:
                return None
    finally:
        await response.aclose()
    return bytes(body)


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


def _traceparent(trace: str, *, body: bytes, purpose: Purpose) -> str:
    """The header, which names the trace of this very order, a random span, and nothing else."""
    if purpose is Purpose.ORDER:
        own = order_trace_id(Intent.model_validate_json(body).terms.intent_id)
        if re.fullmatch(f"00-{own}-[0-9a-f]{{16}}-01", trace) is not None:
            return trace
    raise EgressRefusedError(f"a message for {purpose} carries a trace that is not its own")


def _is_exactly(model: type[WireModel], body: bytes) -> bool:
    """Whether the body is this model and not a byte besides: no doubled key, no blank, no other spelling."""
    try:
        return model.model_validate_json(body).model_dump_json().encode() == body
    except ValidationError:
        return False
