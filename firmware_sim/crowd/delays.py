"""How long things took, as counts in buckets that are 5 % wide: bounded memory, percentiles within 5 %."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

_WIDTH = math.log(1.05)
_LEAST_S = 1e-5  # what took less counts as this
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


class Delays:
    """Counts of durations. Units: seconds."""

    __slots__ = ("_counts", "worst_s")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.worst_s = 0.0

    def __len__(self) -> int:
        return sum(self._counts.values())

    def add(self, took_s: float) -> None:
        """Count one."""
        bucket = int(math.log(took_s / _LEAST_S) / _WIDTH) if took_s > _LEAST_S else 0
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.worst_s = max(self.worst_s, took_s)

    def include(self, other: Delays) -> None:
        """Count all of another's."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.worst_s = max(self.worst_s, other.worst_s)

    def clear(self) -> None:
        """Begin anew."""
        self._counts.clear()
        self.worst_s = 0.0

    def at_most_s(self, share: float) -> float | None:
        """What this share of them did not exceed; None where nothing was counted."""
        wanted, seen = share * len(self), 0
        for bucket, count in sorted(self._counts.items()):
            seen += count
            if seen >= wanted:
                return min(_upper_s(bucket), self.worst_s)
        return None

    def bars(self) -> Iterator[tuple[float, int]]:
        """Upper end of each bucket that holds something, and how many, in order."""
        return ((_upper_s(bucket), count) for bucket, count in sorted(self._counts.items()))


def percentiles(delays: Delays) -> dict[str, Any]:
    """In milliseconds; None where there was nothing to count."""
    counted = len(delays)
    told: dict[str, Any] = {name: ms(delays.at_most_s(share)) for name, share in _SHARES.items()}
    return {"count": counted, **told, "max": ms(delays.worst_s) if counted else None}


def ms(duration_s: float | None) -> float | None:
    """Seconds in milliseconds; None stays."""
    return None if duration_s is None else round(duration_s * 1_000, 3)


def _upper_s(bucket: int) -> float:
    return _LEAST_S * math.exp((bucket + 1) * _WIDTH)
