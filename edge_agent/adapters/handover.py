"""A bounded queue from the MQTT library's thread to the event loop.

Full, it blocks the thread, so that the socket fills and TCP holds the broker back; closed, it lets go of the thread.
Who takes says how many it waits for, and is woken once, when they are there: not for each message.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf

from edge_agent.core.messages import RawMessage

_MANY = 16  # Mosquitto hands out 20 by default (max_inflight_messages)
_MOMENT_S = 0.005


class HandOver:
    """One thread puts, one task takes. Bounded in messages and in bytes of payload."""

    def __init__(self, *, messages_max: int, bytes_max: int, ticks_s: Callable[[], float] = time.monotonic) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._waiting: deque[RawMessage] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._wanted = 1  # whoever takes is woken when so many wait
        self._fault: Exception | None = None
        self._ticks_s = ticks_s
        self._taken_s = -inf

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to hand over to this loop."""
        with self._changed:
            self._loop = loop

    def close(self) -> None:
        """Let a blocked thread go; what it holds was not acknowledged and comes again."""
        with self._changed:
            self._loop = None
            self._changed.notify_all()

    def put(self, message: RawMessage) -> bool:
        """From the thread: hand one message over, waiting for room; False when the hand-over is closed."""
        with self._changed:
            if not self._has_room():
                self._changed.wait_for(lambda: self._loop is None or self._has_room())
            if self._loop is None:
                return False
            self._waiting.append(message)
            self._bytes += len(message.payload)
            if len(self._waiting) == self._wanted:
                self._loop.call_soon_threadsafe(self._news.set)
            return True

    def fail(self, fault: Exception) -> None:
        """From the thread: whoever waits or takes next gets this raised."""
        with self._changed:
            self._fault = fault
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._news.set)

    async def take(self, messages_max: int, *, wait_s: float, rest_s: float = 0.0) -> list[RawMessage]:
        """From the loop: wait for one message, then for more, up to `messages_max` or `wait_s` of real time.

        It is no sooner than `rest_s` after the last time, so that a slow flow comes in fewer, larger groups. Many that
        come at once, and then none, are taken all the same: they may be all that the broker hands out before it hears
        of them, and who waited for more would take a backlog in at that number a wait.
        """
        await asyncio.sleep(0)  # pages and words to devices have their turn, however much waits here
        await self._until(1)
        rested_s = self._taken_s + rest_s - self._ticks_s()
        with suppress(TimeoutError):  # the group is as large as it has become
            async with asyncio.timeout(max(wait_s, rested_s)):
                await self._grow(min(messages_max, self._messages_max))
        self._taken_s = self._ticks_s()
        return self._pop(messages_max)

    async def _grow(self, messages_max: int) -> None:
        """Wait until so many are there, or many and for a moment no more."""
        before = 0
        await self._until(min(_MANY, messages_max))
        while before < len(self._waiting) < messages_max:
            before = len(self._waiting)
            with suppress(TimeoutError):
                async with asyncio.timeout(_MOMENT_S):
                    await self._until(messages_max)

    async def _until(self, count: int) -> None:
        """Wait until so many are there. `put` is told how many under the lock: it overlooks nobody who waits."""
        while True:
            with self._changed:
                if len(self._waiting) >= count:
                    return
                if self._fault is not None:
                    raise self._fault
                self._wanted = count
                self._news.clear()
            await self._news.wait()

    def _pop(self, messages_max: int) -> list[RawMessage]:
        with self._changed:
            taken = [self._waiting.popleft() for _ in range(min(messages_max, len(self._waiting)))]
            self._bytes -= sum(len(message.payload) for message in taken)
            self._changed.notify_all()
            return taken

    def _has_room(self) -> bool:
        return len(self._waiting) < self._messages_max and self._bytes < self._bytes_max
