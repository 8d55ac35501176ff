"""When and how often something goes wrong: storms come and go, and then there are no more of them.

All chance of a world comes from one generator, so that a seed and a step name one moment for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.campaign.simulation.virtual import VirtualLoop

STORMS_MAX = 4
HOUR_S = 3_600.0


@dataclass(slots=True)
class Weather:
    """Chances of faults, which are none outside a storm. `tally` counts what happened, by name; `steps` all choices.

    Units: `storms` in virtual seconds since the world began.
    """

    loop: VirtualLoop
    rng: Random
    storms: tuple[tuple[float, float], ...] = ()
    tally: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    _rough: bool = False
    _until_s: float = 0.0

    def strikes(self, chance: float, name: str) -> bool:
        """Whether the fault `name` happens now; counted if so."""
        self.steps += 1
        if not (self._rough if self.loop.at_s < self._until_s else self.is_rough()) or self.rng.random() >= chance:
            return False
        self.tally[name] += 1
        return True

    def is_rough(self) -> bool:
        """Whether there is a storm."""
        now_s = self.loop.at_s
        if now_s >= self._until_s:
            self._rough = any(start_s <= now_s < end_s for start_s, end_s in self.storms)
            turns = [at_s for storm in self.storms for at_s in storm if at_s > now_s]
            self._until_s = min(turns, default=float("inf"))
        return self._rough

    def between(self, least: float, most: float) -> float:
        """A number between two."""
        return least + (most - least) * self.rng.random()


def forecast(rng: Random, *, busy_s: float) -> tuple[tuple[float, float], ...]:
    """Up to `STORMS_MAX` storms within the first `busy_s` seconds, which cover about half of them."""
    starts = sorted(rng.uniform(0, busy_s) for _ in range(rng.randint(1, STORMS_MAX)))
    return tuple((start, min(busy_s, start + rng.uniform(0.05, 0.35) * busy_s)) for start in starts)
