"""A list that forgets what was removed, as tests have it: what stands there, a household's hands, and a bad wire.

Home Assistant's stands in `hass_list`, Grocy's in `grocy_list`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.marked_list import MarkedListMerchant


@dataclass(frozen=True)
class Kept:
    """An entry: the texts that a person sees, and whether it is ticked off."""

    text: str
    done: bool = False


class KeptList(Protocol):
    """One list at its server, and the household's hands."""

    url: str

    def transport(self) -> httpx.AsyncBaseTransport:
        """The way there."""

    def connector(self, http: MerchantHttp, **changes: Any) -> MarkedListMerchant:  # noqa: ANN401 - of each its own
        """A connector to it; `changes` are of its section."""

    def entries(self) -> dict[str, Kept]:
        """What stands on it, by the list's own ids."""

    def tick(self, entry_id: str) -> None:
        """Mark it as bought."""

    def remove(self, entry_id: str) -> None:
        """Take it off."""

    def write(self, text: str) -> None:
        """Put there what a person likes."""

    def is_adding(self, request: httpx.Request) -> bool:
        """Whether this request puts an entry there."""


def served_by(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncBaseTransport:
    """A server in this process; its answers can be read as they come, as the one client does."""

    def streamed(request: httpx.Request) -> httpx.Response:
        said = answer(request)
        return httpx.Response(said.status_code, headers=said.headers, stream=httpx.ByteStream(said.content))

    return httpx.MockTransport(streamed)


def order_entry(merchant_order_id: str | None) -> str | None:
    """The list's own id of the entry that an order names."""
    return None if merchant_order_id is None else merchant_order_id.split("/", 1)[1]


def clear(kept: KeptList) -> None:
    """Tick everything off and clear it away, as an app does with one button."""
    for entry_id in kept.entries():
        kept.tick(entry_id)
        kept.remove(entry_id)


class BadWire(httpx.AsyncBaseTransport):
    """The first additions are `lost` on the way back, after the server has acted, or `dropped` on the way there.

    `looks` answers to other requests are lost first. `meanwhile` is what happens on the list right after a loss.
    `added` counts the requests to add that were sent.
    """

    def __init__(
        self,
        kept: KeptList,
        *,
        lost: int = 0,
        dropped: int = 0,
        looks: int = 0,
        meanwhile: Callable[[KeptList], object] = lambda _kept: None,
    ) -> None:
        self._kept, self._inner, self._meanwhile = kept, kept.transport(), meanwhile
        self._lost, self._dropped, self._looks = lost, dropped, looks
        self.added = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, or not."""
        if not self._kept.is_adding(request):
            answer = await self._inner.handle_async_request(request)
            if not self._looks:
                return answer
            self._looks -= 1
            raise httpx.ReadError("lost: a look")
        self.added += 1
        if self._dropped:
            self._dropped -= 1
            raise httpx.ReadError("dropped")
        answer = await self._inner.handle_async_request(request)
        if not self._lost:
            return answer
        self._lost -= 1
        await answer.aread()
        self._meanwhile(self._kept)
        raise httpx.ReadError("lost")

    async def aclose(self) -> None:
        """Close the way there."""
        await self._inner.aclose()


@contextlib.asynccontextmanager
async def connect(
    kept: KeptList,
    *,
    wire: httpx.AsyncBaseTransport | None = None,
    **changes: Any,  # noqa: ANN401 - of its section
) -> AsyncIterator[MarkedListMerchant]:
    """A connector to the list."""
    async with MerchantHttp(kept.url, deadline_s=10, transport=wire or kept.transport()) as http:
        yield kept.connector(http, **changes)
