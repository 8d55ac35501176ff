"""One part of what is there, as a sensor, a container or the cupboard tells it, and how far it is trusted with age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.messages import Reason

Z80 = 1.2816  # standard normal quantile at 0.9
BY_HAND_TRUST = 0.9

_FRESH_FOR_S = 12 * 3_600.0
_TRUST_HALF_LIFE_S = 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one sensor, container or shelf says is there, how far it is trusted, and the doubts."""

    value: float
    low: float
    high: float
    trust: float
    doubts: tuple[Reason, ...] = ()


def seconds_since(at: datetime | None, now: datetime) -> float:
    """The age of a word at `now`, never negative; 0 where there was none."""
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())


def freshness(age_s: float) -> float:
    """How far a word of this age is trusted, from 1 down to 0."""
    return float(0.5 ** (max(0.0, age_s - _FRESH_FOR_S) / _TRUST_HALF_LIFE_S))
