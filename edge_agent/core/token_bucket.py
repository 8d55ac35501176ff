"""How often something may happen, whoever wants it to. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`burst` at once, and one more every `every_ms` (milliseconds, both at least 1)."""

    burst: int
    every_ms: int
    _used_until_ms: int = 0

    def take(self, *, at_ms: int) -> bool:
        """Take one token; False where there is none. A clock that goes back delays by `every_ms` and not for ever."""
        span_ms = self.burst * self.every_ms
        used_until_ms = min(max(self._used_until_ms, at_ms), at_ms + span_ms)
        there_is_one = used_until_ms + self.every_ms <= at_ms + span_ms
        self._used_until_ms = used_until_ms + (self.every_ms if there_is_one else 0)
        return there_is_one
