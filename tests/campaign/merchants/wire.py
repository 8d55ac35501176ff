"""The way between one bridge and one merchant, and the faults that wait on it.

A fault waits for one request, by its number, or for the first ones after an attempt was recorded. Where it says that
the merchant acted, the real one has, and its answer is what gets hurt. Deaths wait at the bridge's own crash points.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

import httpx

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.ports import CrashPoint
from tests import loopback
from tests.cloud_bridge.rig import Killed

_DEADLINE_S = 30.0  # real, and longer than any nap
_RETRY_AFTER = {"Retry-After": "7"}
# Whether the step that runs in this task has recorded an attempt that is not answered yet.
_SENDING: ContextVar[bool] = ContextVar("sending", default=False)


class Fault(StrEnum):
    """What befalls a request: before it arrives, after the merchant has acted, or the merchant itself."""

    REFUSED = "connection_refused"
    UNREACHABLE = "no_connection_in_time"
    LOST_BEFORE = "lost_before_acting"
    SILENT_BEFORE = "no_answer_and_not_acted"
    LOST_AFTER = "lost_after_acting"
    SILENT_AFTER = "no_answer_after_acting"
    FAILED_BEFORE = "5xx_before_acting"
    FAILED_AFTER = "5xx_after_acting"
    BUSY = "429_retry_after"
    TRUNCATED = "truncated_body"
    RESTARTED = "merchant_restarted"
    SOLD_OUT = "sold_out"
    DEARER = "price_over_ceiling"
    A_LITTLE_DEARER = "price_within_ceiling"


GOODS = frozenset({Fault.SOLD_OUT, Fault.DEARER, Fault.A_LITTLE_DEARER})
ON_THE_WAY = frozenset(Fault) - GOODS - {Fault.RESTARTED}

# What a request to our model merchant, which has no wire, can be told to do.
MODES: Mapping[Fault, Mode] = MappingProxyType(
    {
        Fault.REFUSED: Mode.AWAY,
        Fault.LOST_AFTER: Mode.RESET,
        Fault.SILENT_AFTER: Mode.SILENCE,
        Fault.FAILED_AFTER: Mode.SERVER_ERROR,
        Fault.TRUNCATED: Mode.GARBAGE,
    }
)


class Hands(Protocol):
    """What a fault does at the merchant itself."""

    def set_price(self, price_minor: int) -> object:
        """Change the price of a pack."""

    def set_stock(self, packs: int) -> object:
        """Change how many packs there are."""

    def restart(self) -> object:
        """Kill it, and start it again."""


@dataclass
class Nap:
    """A bridge that falls asleep before a request of its own and wakes up when somebody says so."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Wire:
    """`waiting` has faults by the number of their request, `at_sending` those that follow a recorded attempt.

    `deaths` says at which passing of a crash point the bridge dies. `outage`: with the next attempt the merchant goes
    out of reach, and stays there. `nap_at` is the number of the request before which a bridge naps. `met` counts.
    `moved_while_sending`: a price rose while an order may have been between its last price and the request that buys.
    """

    hands: Hands
    merchant_class: MerchantClass
    dearer_minor: tuple[int, int]
    met: Counter[str]
    waiting: dict[int, Fault] = field(default_factory=dict)
    at_sending: list[Fault] = field(default_factory=list)
    deaths: dict[CrashPoint, int] = field(default_factory=dict)
    outage: bool = False
    nap_at: int | None = None
    nap: Nap = field(default_factory=Nap)
    requests: int = 0
    is_out: bool = False
    moved_while_sending: bool = False
    _steps: set[asyncio.Task[object] | None] = field(default_factory=set)

    def calm(self) -> None:
        """Nothing waits any more, and the merchant is within reach."""
        self.waiting.clear()
        self.at_sending.clear()
        self.deaths.clear()
        self.outage = self.is_out = False
        self.nap_at = None

    def crash(self, point: CrashPoint) -> None:
        """The bridge's hook: go on, or die here.

        Raises: Killed.
        """
        match point:
            case CrashPoint.CLAIMED:
                _SENDING.set(False)
                self._steps.add(asyncio.current_task())
            case CrashPoint.ANSWERED:
                _SENDING.set(False)
            case CrashPoint.ATTEMPT_SAVED:
                _SENDING.set(True)
                self._arm()
        if point in self.deaths:
            self.deaths[point] -= 1
            if self.deaths[point] <= 0:
                del self.deaths[point]
                self.met[f"died_at_{point}"] += 1
                raise Killed(point)

    def mode(self, _request: str) -> Mode | None:
        """How our model merchant treats its next request."""
        fault = self._next()
        if fault in GOODS:
            self._note(fault)
            self._act(fault)
            return None
        return None if fault is None else MODES[fault]

    async def carry(self, request: httpx.Request, send: Callable[[], object]) -> httpx.Response:
        """One request over a real wire; `send` gets it there and gives its whole answer."""
        await self._sleep()
        fault = self._next()
        match fault:
            case Fault.REFUSED:
                raise httpx.ConnectError("refused", request=request)
            case Fault.UNREACHABLE:
                raise httpx.ConnectTimeout("no connection", request=request)
            case Fault.LOST_BEFORE:
                raise httpx.WriteError("cut", request=request)
            case Fault.SILENT_BEFORE:
                raise httpx.ReadTimeout("silence", request=request)
            case Fault.FAILED_BEFORE:
                return httpx.Response(503, stream=httpx.ByteStream(b"{}"))
            case Fault.BUSY:
                return httpx.Response(429, headers=_RETRY_AFTER, stream=httpx.ByteStream(b"{}"))
            case Fault.SOLD_OUT | Fault.DEARER | Fault.A_LITTLE_DEARER:
                self._note(fault)
                await asyncio.to_thread(self._act, fault)
        answer = await send()  # type: ignore[misc]
        return await self._hurt(fault, answer, request)

    async def _hurt(self, fault: Fault | None, answer: httpx.Response, request: httpx.Request) -> httpx.Response:
        """What becomes of an answer on its way back: the merchant has acted."""
        match fault:
            case Fault.LOST_AFTER:
                raise httpx.ReadError("cut", request=request)
            case Fault.SILENT_AFTER:
                raise httpx.ReadTimeout("silence", request=request)
            case Fault.RESTARTED:
                await asyncio.to_thread(self.hands.restart)
                raise httpx.ReadError("the merchant is gone", request=request)
            case Fault.FAILED_AFTER:
                return httpx.Response(500, stream=httpx.ByteStream(b"{}"))
            case Fault.TRUNCATED:
                half = answer.content[: len(answer.content) // 2]
                kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
                return httpx.Response(answer.status_code, headers=kept, stream=httpx.ByteStream(half))
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    def _arm(self) -> None:
        if self.outage:
            self.outage, self.is_out = False, True
        for after, fault in enumerate(self.at_sending, start=1):
            self.waiting.setdefault(self.requests + after, fault)
        self.at_sending.clear()

    def _next(self) -> Fault | None:
        self.requests += 1
        fault = self.waiting.pop(self.requests, Fault.REFUSED if self.is_out else None)
        if fault is not None:
            self.met[fault] += 1
        return fault

    def _note(self, fault: Fault) -> None:
        others = [task for task in self._steps - {asyncio.current_task()} if task is not None and not task.done()]
        self.moved_while_sending |= fault is Fault.DEARER and (_SENDING.get() or bool(others))

    def _act(self, fault: Fault) -> None:
        match fault:
            case Fault.SOLD_OUT:
                self.hands.set_stock(0)
            case Fault.DEARER:
                self.hands.set_price(self.dearer_minor[1])
            case Fault.A_LITTLE_DEARER:
                self.hands.set_price(self.dearer_minor[0])

    async def _sleep(self) -> None:
        """Nap once. Class B knows no key, and nothing fences the gap after the last look at the lease: not there."""
        if self.nap_at is None or self.requests < self.nap_at:
            return
        if _SENDING.get() and self.merchant_class is not MerchantClass.A:
            return
        self.nap_at = None
        self.met["napped_past_the_lease"] += 1
        self.nap.begun.set()
        await self.nap.over.wait()


class _Carried(httpx.AsyncBaseTransport):
    """Real requests, over the wire."""

    def __init__(self, wire: Wire, real: httpx.AsyncBaseTransport) -> None:
        self._wire = wire
        self._real = real

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request and its whole answer."""
        await request.aread()

        async def send() -> httpx.Response:
            answer = await self._real.handle_async_request(request)
            try:
                await answer.aread()
            finally:
                await answer.aclose()
            return answer

        return await self._wire.carry(request, send)

    async def aclose(self) -> None:
        """Close the real connections."""
        await self._real.aclose()


def over(wire: Wire, url: str, *, real: httpx.AsyncBaseTransport | None = None) -> MerchantHttp:
    """The bridge's own client, over that wire."""
    return MerchantHttp(
        url, deadline_s=_DEADLINE_S, transport=_Carried(wire, real or httpx.AsyncHTTPTransport(verify=loopback.NOBODY))
    )
