"""What a kind of appliance is, and how its days are planned.

Pure. A plan asks for amounts; `physics` knows whether they are there. Amounts a day are those of a household of three;
they are assumptions of the simulator, not measurements.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from firmware_sim.physics import Part, Physics, Plan, State


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `truth` gives every channel that a sensor of it could see, exactly, by the channel's name."""

    name: str
    parts: tuple[Part, ...]
    plan: Plan
    truth: Callable[[Physics], dict[str, State]]
    states: Mapping[str, State] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)


def some(rng: random.Random, mean: float) -> int:
    """A whole number around `mean`; the fraction decides by chance."""
    return int(mean + rng.random())


def near_hour(midnight: datetime, rng: random.Random, *around: float) -> datetime:
    """A moment near one of the hours; no two draws fall on the same microsecond but by chance."""
    return midnight + timedelta(hours=rng.choice(around) + rng.uniform(-0.6, 0.6))
