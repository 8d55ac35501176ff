"""What an appliance's sensors make of the truth, and when it speaks: a stream of observations.

Pure and seeded. Every channel draws its noise from a generator of its own, so that a fault on one channel changes no
other. A channel without a `Sense` (a state, a switch) is told as it is.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from firmware_sim.physics import Deed, Physics, State
from firmware_sim.physics_kind import Kind

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_S = 86_400.0
HIDDEN = "stock_"  # channels of the truth that no sensor sees


@dataclass(frozen=True, slots=True)
class Sense:
    """One sensor, all in `unit`: what it can say, one standard deviation of noise, and the steps it counts in.

    The zero wanders by `drift` to either side over `drift_days`. `disturbed_by` names a state and the value of it
    during which the sensor says anything at all; `moving_noise` is the noise while the appliance moves. `rises`: it
    counts up as stock is used.
    """

    unit: str
    low: float
    high: float
    step: float = 1.0
    noise: float = 0.0
    drift: float = 0.0
    drift_days: float = 9.0
    disturbed_by: tuple[str, State] | None = None
    moving_noise: float = 0.0
    rises: bool = False

    @property
    def used_up(self) -> float:
        """What it says when nothing is left."""
        return self.high if self.rises else self.low


_PCT = Sense("%", 0, 100)
_PCT_FINE = Sense("%", 0, 100, step=0.01)
_COUNT = Sense("1", 0, 1e6)

SENSES: Mapping[str, Mapping[str, Sense]] = {
    "fridge": {
        "milk_g": Sense("g", 0, 8_000, noise=2.5, drift=8.0, disturbed_by=("door", "open")),
        "filter_used_pct": Sense("%", 0, 100, rises=True),
    },
    "washer": {
        "detergent_ml": Sense("mL", 0, 1_000),
        "detergent_pct": _PCT,
        "softener_ml": Sense("mL", 0, 500),
        "softener_pct": _PCT,
        "cycles": _COUNT,
    },
    "dishwasher": {"salt_pct": _PCT, "rinse_aid_pct": _PCT, "discs_pct": _PCT, "discs": _COUNT, "cycles": _COUNT},
    "vehicle": {
        "fuel_pct": Sense("%", 0, 100, noise=0.2, moving_noise=1.5),
        "fuel_l": Sense("L", 0, 50, step=0.1, noise=0.1, moving_noise=0.7),
        "adblue_pct": _PCT,
        "washer_fluid_pct": Sense("%", 0, 100, noise=0.3, moving_noise=2.0),
        "charge_pct": _PCT,
        "usable_charge_pct": _PCT,
        "range_km": Sense("km", 0, 1_000, step=0.01),
        "odometer_km": Sense("km", 0, 2e6, step=0.01),
    },
    "coffee_machine": {
        "beans_g": Sense("g", 0, 300, noise=1.0),
        "water_ml": Sense("mL", 0, 2_300, step=10, noise=8.0),
        "cups": _COUNT,
        "filter_cups": _COUNT,
        "descale_cups": _COUNT,
        "grounds_pct": Sense("%", 0, 100, rises=True),
    },
    "printer": {
        "toner_pct": _PCT_FINE,
        "drum_pct": _PCT_FINE,
        "drum_pages": Sense("{page}", 0, 12_000),
        "filament_pct": _PCT,
        "pages": _COUNT,
    },
    "pet_feeder": {
        "food_g": Sense("g", 0, 2_000, noise=2.0, drift=4.0, disturbed_by=("lid", "open")),
        "food_pct": _PCT,
        "given_today_g": Sense("g", 0, 5_000),
        "desiccant_d": Sense("d", 0, 365),
    },
    "water_filter": {
        "cartridge_1_pct": _PCT,
        "cartridge_2_pct": _PCT,
        "cartridge_3_pct": _PCT,
        "litres_left": Sense("L", 0, 1_500, step=0.1),
        "used_today_l": Sense("L", 0, 5_000, step=0.01),
        "tds_in": Sense("[ppm]", 0, 2_000, noise=4.0),
        "tds_out": Sense("[ppm]", 0, 2_000, noise=1.0),
    },
    "air_conditioner": {
        "filter_hours": Sense("h", 0, 720, rises=True),
        "hepa_pct": _PCT,
        "carbon_pct": _PCT,
    },
    "tank": {
        "amount_l": Sense("L", 0, 1_000, step=0.1, noise=1.5),
        "level_pct": Sense("%", 0, 100, step=0.1, noise=0.2),
        "distance_cm": Sense("cm", 2, 155, step=0.1, noise=0.3, rises=True),
    },
    "scale": {"weight_g": Sense("g", 0, 20_000, noise=1.5, drift=6.0)},
}


@dataclass(frozen=True, slots=True)
class Observation:
    """What the sensors say at `at`, and what was true then, both by channel.

    `boot` and `seq` count from 1. `clock_error_s` is how far the device's own clock is ahead. `unset`: nobody ever told
    the device of what it holds. `left_over`: an old word that the broker kept. `restarted`: the first word after a
    start, from which `seq` counts anew.
    """

    at: datetime
    values: Mapping[str, State]
    truth: Mapping[str, State]
    boot: int = 1
    seq: int = 1
    clock_error_s: float = 0.0
    unset: bool = False
    left_over: bool = False
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Off:
    """The appliance loses its power at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the truth log: what happened at `at`, in plain JSON values."""

    at: datetime
    what: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Sensors:
    """The sensors of one appliance."""

    def __init__(self, kind: str, *, seed: str) -> None:
        self._senses = SENSES[kind]
        self._rngs = {channel: random.Random(f"{seed}:{channel}") for channel in self._senses}
        self._phases = {channel: rng.uniform(0, math.tau) for channel, rng in self._rngs.items()}

    def read(self, truth: Mapping[str, State], *, at: datetime) -> dict[str, State]:
        """Every channel as its sensor says it."""
        told = {channel: value for channel, value in truth.items() if not channel.startswith(HIDDEN)}
        for channel, sense in self._senses.items():
            told[channel] = self._measure(channel, sense, truth, at=at)
        return told

    def _measure(self, channel: str, sense: Sense, truth: Mapping[str, State], *, at: datetime) -> float:
        rng = self._rngs[channel]
        if sense.disturbed_by is not None and truth[sense.disturbed_by[0]] == sense.disturbed_by[1]:
            return on_scale(rng.uniform(sense.low, sense.high), sense)
        turns = (at - _EPOCH).total_seconds() / _DAY_S / sense.drift_days
        wander = sense.drift * math.sin(math.tau * turns + self._phases[channel])
        noise = sense.moving_noise if sense.moving_noise and truth.get("moving") else sense.noise
        return on_scale(float(truth[channel]) + wander + rng.gauss(0, noise), sense)


def on_scale(value: float, sense: Sense) -> float:
    """The value as the sensor can say it: within its range, in whole steps."""
    steps = round(min(max(value, sense.low), sense.high) / sense.step)
    return float(round(steps * sense.step, 6))


def observe(
    kind: Kind, physics: Physics, sensors: Sensors, *, every: timedelta, until: datetime
) -> Iterator[Observation | Off | Note]:
    """Everything that happens and is said until `until`, in order of time, beginning now; it is off at the end."""
    due = physics.now
    while True:
        at = min(due, physics.next_at)
        if at > until:
            yield Off(until)
            return
        deeds = physics.advance(at)
        for deed in deeds:
            yield _note(deed)
        if at >= due or any(deed.tells for deed in deeds):
            truth = kind.truth(physics)
            yield Observation(at, sensors.read(truth, at=at), truth)
        if at >= due:
            due += every


def _note(deed: Deed) -> Note:
    facts = {"used": deed.used, "filled": deed.filled, "left": deed.left}
    return Note(deed.at, "act", {"act": deed.name} | {key: dict(value) for key, value in facts.items() if value})
