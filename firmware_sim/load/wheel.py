"""Timers for many thousand devices at the cost of one: what falls due in the same tick is called together."""

from __future__ import annotations

from collections.abc import Callable

TICK_S = 0.02

Call = Callable[[], None]


class Wheel:
    """Calls by time. It has no clock: whoever turns it says how late it is.

    Units: seconds since the start of the run.
    """

    __slots__ = ("_due", "_tick", "turned_s")

    def __init__(self) -> None:
        self._due: dict[int, list[Call]] = {}
        self._tick = 0
        self.turned_s = 0.0  # when it was turned last: the time of every call

    def at(self, due_s: float, call: Call) -> None:
        """Call this in the tick of `due_s`, or in the next one where that is over."""
        tick = max(self._tick + 1, int(due_s / TICK_S))
        waiting = self._due.get(tick)
        if waiting is None:
            self._due[tick] = [call]
        else:
            waiting.append(call)

    def turn(self, now_s: float) -> None:
        """Call what is due, tick by tick, also what a call has put into a tick that is due already."""
        until = int(now_s / TICK_S)
        self.turned_s = now_s
        while self._tick < until:
            self._tick += 1
            for call in self._due.pop(self._tick, ()):
                call()
