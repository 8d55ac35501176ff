"""Virtual time: an event loop that never waits, a wall clock that may jump, and processes that can die at any await.

The rule of the file: nothing here reads the machine's clock or its randomness.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

WAIT_MIN_S = 1.0  # a fast virtual clock must not turn a wait for another process into very many steps
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class StuckError(Exception):
    """Nothing is ready and nothing is due: the world would wait for ever."""


class Died(BaseException):
    """The process ends here."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Jumps to the next due moment instead of waiting for it, so the order of all steps follows from the seed."""

    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 1e-6
        self._selector = self
        self._at_s = 0.0

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self._at_s

    def select(self, timeout: float | None) -> list[object]:
        """Stand in for the selector: time passes at once.

        Raises: StuckError.
        """
        if timeout is None:
            raise StuckError(f"nothing is due after {self._at_s} s")
        self._at_s += timeout
        return []

    def _process_events(self, event_list: list[object]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """No other thread calls."""


@contextmanager
def virtual_loop() -> Iterator[VirtualLoop]:
    """A loop that is this thread's own until the block ends; what still runs then is dropped."""
    loop = VirtualLoop()
    try:
        yield loop
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # the world ended around it
        loop.close()
        events.set_event_loop(None)


class JumpyClock:
    """A wall clock over virtual time, in whole milliseconds as the stores keep them. Fulfils both clock ports."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._zero = START

    def now(self) -> datetime:
        """What the wall clock shows."""
        return self._zero + timedelta(0, 0, int(self._loop.time() * 1_000) * 1_000)

    def jump(self, by: timedelta) -> None:
        """Somebody sets the clock, or a time server does."""
        self._zero += by

    def set_right(self) -> None:
        """The wall clock shows the true time again."""
        self._zero = START

    def after_real(self, duration_s: float) -> datetime:
        """Real seconds are this world's."""
        return self.now() + timedelta(seconds=duration_s)

    async def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(duration_s)

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Wait until the clock, as it goes now, shows `until`, or the bell rings."""
        try:
            async with asyncio.timeout(max((until - self.now()).total_seconds(), WAIT_MIN_S)):
                await bell.wait()
        except TimeoutError:
            return


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
