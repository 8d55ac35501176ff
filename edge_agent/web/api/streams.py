"""Word of changes to whoever listens: one short event that something may have changed, and never what.

A listener reads again what it shows. So a stream holds no queue: what changed twice before the listener took the first
word is one word. Streams are counted and bounded; each ends with the token or session that opened it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from edge_agent.web.api.problems import Refusal

MEDIA = "text/event-stream"
STREAMS_MAX = 32
STREAMS_OF_ONE_MAX = 4
LOOK_EVERY_S = 0.1
QUIET_AFTER_EVENT_S = 0.3  # with the look before it and the page after it this stays well below a second
BEAT_EVERY_S = 15.0
SEND_WITHIN_S = 30.0
RETRY_MS = 5_000

_AGAIN = {"Retry-After": "30"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How a stream waits; tests give their own."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    look_every_s: float = LOOK_EVERY_S
    beat_every_s: float = BEAT_EVERY_S


class Streams:
    """The open streams."""

    def __init__(self, changes: Callable[[], int], pace: Pace | None = None) -> None:
        self._changes = changes
        self._pace = pace or Pace()
        self._of: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many there are now."""
        return self._of.total()

    def check_room(self, credential: str) -> None:
        """Refuse one stream too many.

        Raises: Refusal 429 where one client has enough, 503 where the hub has.
        """
        if self._of[credential] >= STREAMS_OF_ONE_MAX:
            what, status, code = f"This client listens {STREAMS_OF_ONE_MAX} times already.", 429, "too_many_streams"
        elif self.open >= STREAMS_MAX:
            what, status, code = f"{STREAMS_MAX} clients listen already.", 503, "busy"
        else:
            return
        raise Refusal(
            status,
            code,
            title="Too many listeners",
            what=what,
            what_to_do="Close one, or try again in half a minute.",
            headers=_AGAIN,
        )

    async def words(self, still_holds: Callable[[], bool]) -> AsyncIterator[bytes]:
        """A stream's bytes, until the token or session that opened it ends."""
        yield b"retry: %d\n\n" % RETRY_MS
        seen, quiet_s = self._changes(), 0.0
        while True:
            await self._pace.sleep(self._pace.look_every_s)
            quiet_s += self._pace.look_every_s
            stands = self._changes()
            has_changed = stands != seen and quiet_s >= QUIET_AFTER_EVENT_S
            if not has_changed and quiet_s < self._pace.beat_every_s:
                continue
            if not still_holds():
                yield b"event: end\ndata: {}\n\n"
                return
            yield b"event: changed\ndata: {}\n\n" if has_changed else b": beat\n\n"
            seen, quiet_s = stands, 0.0

    @contextmanager
    def counted(self, credential: str) -> Iterator[None]:
        """One stream more, as long as it is sent."""
        self._of[credential] += 1
        try:
            yield
        finally:
            self._of[credential] -= 1
            if not self._of[credential]:
                del self._of[credential]


class EventStream(StreamingResponse):
    """A stream of events that a listener which takes nothing does not hold for ever.

    It is counted from its first moment on, so nobody comes between the check for room and the count.
    """

    def __init__(self, streams: Streams, *, credential: str, still_holds: Callable[[], bool]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(streams.words(still_holds), media_type=MEDIA, headers=headers)
        self._streams = streams
        self._credential = credential

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_WITHIN_S):
                await send(message)

        with self._streams.counted(self._credential), suppress(TimeoutError):
            await super().__call__(scope, receive, send_in_time)
