"""Troubles that last, in the log: said when they begin, once an hour while they last, and when they are over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

_AGAIN_S = 3_600.0


@dataclass(slots=True)
class _Trouble:
    """What was said last of a turn that fails, when (s), and how often it has failed since it began."""

    error: str
    said_s: float
    times: int


class Troubles:
    """One line for a trouble instead of one for every try. `elapsed_s` is a clock that nobody sets."""

    def __init__(self, log: logging.Logger, *, elapsed_s: Callable[[], float], again_s: float = _AGAIN_S) -> None:
        self._log = log
        self._elapsed_s = elapsed_s
        self._again_s = again_s
        self._met: dict[str, _Trouble] = {}

    def met(self, turn: str, error: Exception) -> None:
        """A turn failed for now; it is tried again."""
        before, now_s, words = self._met.get(turn), self._elapsed_s(), str(error)
        times = 1 if before is None else before.times + 1
        if before is not None and before.error == words and now_s - before.said_s < self._again_s:
            before.times = times
            return
        self._log.warning("try_again_later turn=%s times=%d error=%s", turn, times, words)
        self._met[turn] = _Trouble(words, now_s, times)

    def over(self, turn: str) -> None:
        """The turn went through."""
        before = self._met.pop(turn, None)
        if before is not None:
            self._log.info("goes_again turn=%s after_failed=%d", turn, before.times)
