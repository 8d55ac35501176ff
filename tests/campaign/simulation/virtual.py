"""Virtual time: an event loop that never waits, a wall clock that may jump, and processes that can die at any await.

The rule of the file: nothing here reads the machine's clock or its randomness.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime, timedelta

WAIT_MIN_S = 1.0  # a fast virtual clock must not turn a wait for another process into very many steps
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class StuckError(Exception):
    """Nothing is ready and nothing is due: the world would wait for ever."""


class Died(BaseException):
    """The process ends here."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Jumps to the next due moment instead of waiting for it, so the order of all steps follows from the seed.

    `at_s` is virtual seconds since the world began. Timers of one moment go off in the order in which they were set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at_s = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._timers_set = 0
        self._ready: deque[asyncio.Handle]

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self.at_s

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Set a timer."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers_set += 1
        heapq.heappush(self._timers, (when, self._timers_set, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is dropped when its time comes."""

    def _run_once(self) -> None:
        """Run what is ready; where nothing is, time passes at once.

        Raises: StuckError.
        """
        ready, timers = self._ready, self._timers
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            while timers and timers[0][2].cancelled():
                heapq.heappop(timers)
            if not timers:
                raise StuckError(f"nothing is due after {self.at_s} s")
            self.at_s = max(self.at_s, timers[0][0])
            while timers and timers[0][0] <= self.at_s:
                ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _process_events(self, event_list: list[object]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """No other thread calls."""


@contextmanager
def virtual_loop() -> Iterator[VirtualLoop]:
    """A loop that is this thread's own until the block ends; what still runs then is cancelled."""
    loop = VirtualLoop()
    try:
        yield loop
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
        events.set_event_loop(None)


class JumpyClock:
    """A wall clock over virtual time, in whole milliseconds as the stores keep them. Fulfils both clock ports."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._zero = START
        self.times_set = 0
        self._shown = START
        self._shown_at_s = -1.0  # asked very often between two steps of time

    def now(self) -> datetime:
        """What the wall clock shows."""
        at_s = self._loop.at_s
        if at_s != self._shown_at_s:
            self._shown = self._zero + timedelta(0, 0, int(at_s * 1_000) * 1_000)
            self._shown_at_s = at_s
        return self._shown

    def jump(self, by: timedelta) -> None:
        """Somebody sets the clock, or a time server does."""
        self._zero += by
        self.times_set += 1
        self._shown_at_s = -1.0

    def set_right(self) -> None:
        """The wall clock shows the true time again."""
        self._zero = START
        self.times_set += 1
        self._shown_at_s = -1.0

    def after_real(self, duration_s: float) -> datetime:
        """Real seconds are this world's."""
        return self.now() + timedelta(0, duration_s)

    async def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(duration_s)

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Wait until the clock, as it goes now, shows `until`, or the bell rings."""
        await wait(bell, max((until - self.now()).total_seconds(), WAIT_MIN_S), loop=self._loop)


async def wait(bell: asyncio.Event, duration_s: float, *, loop: VirtualLoop) -> None:
    """Wait for the bell, so long at the most: what `asyncio.timeout` around it does, with one future and one timer."""
    if bell.is_set():
        return
    waiter: asyncio.Future[bool] = loop.create_future()
    timer = loop.call_at(loop.at_s + duration_s, _let_go, waiter)
    bell._waiters.append(waiter)  # type: ignore[attr-defined]  where `Event.set` looks
    try:
        await waiter
    finally:
        timer.cancel()
        bell._waiters.remove(waiter)  # type: ignore[attr-defined]


def _let_go(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)


class Life:
    """One run of a process: once it is over, nothing that still unwinds can reach a store or the wire."""

    def __init__(self) -> None:
        self.is_over = False

    def check(self) -> None:
        """Go on if the process lives.

        Raises: Died.
        """
        if self.is_over:
            raise Died

    def end(self) -> None:
        """Die.

        Raises: Died.
        """
        self.is_over = True
        raise Died
