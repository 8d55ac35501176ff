"""Where the pages are served: the socket, and the server on it.

Apart from `household` for its size only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from hypercorn.asyncio import serve
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp

from edge_agent.adapters.doorway import Bounded, Door, DoorConfig, Guests, open_door
from edge_agent.config import WebConfig

_STOP_WITHIN_S = 3.0
_END_WITHIN_S = 2.0  # answers have so long; what is left a second later is cut off, and the server logs it


class PageListener:
    """The page's socket, bound from the beginning; one application after another may serve on it.

    Between two of them a browser waits for the next one and is not turned away.

    Raises: ConfigurationError when the address is not this machine's, or taken.
    """

    def __init__(self, web: WebConfig) -> None:
        self._guests = Guests()
        self._door = open_door(web, guests=self._guests)

    def __enter__(self) -> PageListener:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._door.getsockname()[:2]
        return str(host), int(port)

    def hold(self) -> None:
        """From now on a browser that comes before the pages waits for them."""
        self._door.listen()

    async def serve(self, pages: ASGIApp, *, stop: Callable[[], Awaitable[object]]) -> None:
        """Serve until `stop` returns."""
        bounded = Bounded(pages, guests=self._guests)

        async def stopping() -> None:
            await stop()
            bounded.close(within_s=_END_WITHIN_S)

        await serve(cast("ASGIFramework", bounded), _server_config(self._door.dup()), shutdown_trigger=stopping)


def _server_config(door: Door) -> DoorConfig:
    """A server that slow clients do not hold for ever; the door is the server's from now on, which closes it."""
    server = DoorConfig(door)
    server.graceful_timeout = _STOP_WITHIN_S
    server.shutdown_timeout = _STOP_WITHIN_S
    return server
