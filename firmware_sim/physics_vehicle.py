"""A plug-in car: fuel, AdBlue, washer fluid and charge, its trips, and what is true of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from firmware_sim.physics import Act, Part, Physics, State
from firmware_sim.physics_kind import Kind, some

RANGE_KM_PER_KWH = 6.0

_LITRES_PER_KM, _ADBLUE_PER_KM, _FLUID_ML_PER_KM, _KWH_PER_KM = 0.062, 0.0011, 3.0, 1 / RANGE_KM_PER_KWH


def _vehicle_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Two trips in legs; each leg burns fuel, AdBlue and charge, and sprays washer fluid. Charging is at night."""
    for hour in (7.8, 17.3):
        at = midnight + timedelta(hours=hour + rng.uniform(-0.4, 0.4))
        yield Act(at, "trip_started", sets={"moving": True}, tells=True)
        for _ in range(max(1, some(rng, 3 * busy))):
            at += timedelta(minutes=rng.uniform(7, 12))
            km = rng.uniform(5, 11)
            uses = {
                "fuel": km * _LITRES_PER_KM,
                "adblue": km * _ADBLUE_PER_KM,
                "washer_fluid": km * _FLUID_ML_PER_KM * rng.uniform(0.2, 1.6),
                "charge": km * _KWH_PER_KM,
            }
            yield Act(at, "drove", uses=uses, counts={"odometer_km": km})
        yield Act(at + timedelta(minutes=1), "trip_ended", sets={"moving": False}, tells=True)


def _vehicle_truth(now: Physics) -> dict[str, State]:
    return {
        "fuel_pct": now.share("fuel"),
        "fuel_l": now.left("fuel"),
        "adblue_pct": now.share("adblue"),
        "washer_fluid_pct": now.share("washer_fluid"),
        "washer_fluid_low": now.share("washer_fluid") < 15,
        "charge_pct": now.share("charge"),
        "usable_charge_pct": now.share("charge"),
        "range_km": now.left("charge") * RANGE_KM_PER_KWH,
        "odometer_km": now.counters["odometer_km"],
        "moving": now.states["moving"],
    }


VEHICLE = Kind(
    "vehicle",
    (
        Part("fuel", "L", capacity=50, initial=0.6, pack=5, refill_below=0.15, refill_after_h=2),
        Part("adblue", "L", capacity=14, initial=0.5, pack=5, refill_below=0.1, refill_after_h=20),
        Part("washer_fluid", "mL", capacity=5_000, initial=0.5, pack=2_500, refill_below=0.12, refill_after_h=20),
        Part("charge", "kWh", capacity=60, initial=0.7, pack=2, refill_below=0.4, refill_after_h=9),
    ),
    _vehicle_day,
    _vehicle_truth,
    {"moving": False},
    {"odometer_km": 48_210},
)
