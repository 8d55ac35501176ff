"""What an appliance can see of the true stock: a load cell, a level sensor in percent, and a dosing counter.

Each has the faults of its kind and draws its noise from its own generator. An appliance reads true amounts through
these and in no other way.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class LoadCellSpec:
    """Noise is one standard deviation. The zero wanders by `drift_g` to either side over `drift_period_d`."""

    range_g: float = 8000.0
    noise_g: float = 3.0
    drift_g: float = 8.0
    drift_period_d: float = 9.0
    resolution_g: float = 1.0


class LoadCell:
    """Weight of what stands on a tray, net."""

    def __init__(self, spec: LoadCellSpec, rng: random.Random) -> None:
        self._spec = spec
        self._rng = rng
        self._phase = rng.uniform(0, math.tau)

    def read_g(self, true_g: float, *, at: datetime, disturbed: bool) -> float:
        """One reading. While the door is open somebody leans on the tray, and the reading means nothing."""
        spec = self._spec
        if disturbed:
            measured_g = self._rng.uniform(0, spec.range_g)
        else:
            turns = (at - _EPOCH).total_seconds() / _DAY_S / spec.drift_period_d
            drift_g = spec.drift_g * math.sin(math.tau * turns + self._phase)
            measured_g = true_g + drift_g + self._rng.gauss(0, spec.noise_g)
        clamped_g = min(max(measured_g, 0.0), spec.range_g)
        return round(clamped_g / spec.resolution_g) * spec.resolution_g


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """Noise is one standard deviation, in percent of a full tank, standing still and while it moves."""

    full_amount: float
    noise_pct: float = 0.3
    sloshing_pct: float = 2.0
    resolution_pct: float = 1.0


class LevelSensor:
    """Float or ultrasonic sensor of a tank, in percent of full."""

    def __init__(self, spec: LevelSpec, rng: random.Random) -> None:
        self._spec = spec
        self._rng = rng

    def read_pct(self, true_amount: float, *, moving: bool) -> float:
        """One reading, within 0 and 100."""
        noise = self._rng.gauss(0, self._spec.sloshing_pct if moving else self._spec.noise_pct)
        measured = 100.0 * true_amount / self._spec.full_amount + noise
        steps = round(min(max(measured, 0.0), 100.0) / self._spec.resolution_pct)
        return steps * self._spec.resolution_pct


class DosingCounter:
    """What a dosing pump believes is left in its tank: the filling, less every dose it gave.

    The pump is off by a constant factor. A dry run tells it that the tank is empty, a filling is told by the person.
    """

    def __init__(self, *, capacity_ml: float, initial_ml: float, error: float, rng: random.Random) -> None:
        self._capacity_ml = capacity_ml
        self._remaining_ml = initial_ml
        self._gain = 1.0 + rng.uniform(-error, error)
        self._last_dose_ml = 0.0

    @property
    def remaining_ml(self) -> float:
        """What the counter believes is left."""
        return self._remaining_ml

    @property
    def last_dose_ml(self) -> float:
        """The last dose that was asked for."""
        return self._last_dose_ml

    def dosed(self, wanted_ml: float, given_ml: float) -> None:
        """The pump ran for `wanted_ml`, and `given_ml` came before it drew air."""
        self._last_dose_ml = wanted_ml
        dry = given_ml < wanted_ml
        self._remaining_ml = 0.0 if dry else max(0.0, self._remaining_ml - given_ml * self._gain)

    def filled(self, amount_ml: float) -> None:
        """Somebody filled `amount_ml` in and said so."""
        self._remaining_ml = min(self._capacity_ml, self._remaining_ml + amount_ml)
