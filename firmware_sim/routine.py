"""What a household does on one day, planned from how much it uses: meals, wash cycles, car trips.

Pure: a day's use and a random generator in, planned acts out. The plan asks for amounts; `world` knows whether they
are there.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from firmware_sim.usage import DayUse

MILK_G_PER_ML = 1.03

_POUR_G = 190.0
_MEAL_HOURS = (7.2, 7.8, 10.5, 13.0, 16.5, 19.3, 21.5)
_BOTTLE_STAYS_OUT = 0.12  # share of pours after which the bottle stands on the table while the door is shut
_LOAD_FACTORS = (0.75, 1.0, 1.0, 1.25)
_CYCLES_MAX = 5
_CYCLE_MIN = 95.0
_WASHING_FROM_H = 8.0
_LEG_KM = 8.0
_LEG_MIN = 10.0  # 48 km/h
_TRIP_HOURS = (7.8, 17.4)


class Act(StrEnum):
    """The kinds of things that happen in a home."""

    DOOR_OPENED = "door_opened"
    DOOR_CLOSED = "door_closed"
    BOTTLE_OUT = "bottle_out"
    BOTTLE_BACK = "bottle_back"
    POURED = "poured"
    CYCLE_STARTED = "cycle_started"
    DOSED = "dosed"
    CYCLE_ENDED = "cycle_ended"
    DROVE = "drove"
    TRIP_ENDED = "trip_ended"
    RESTOCKED = "restocked"
    PUT_AWAY = "put_away"


@dataclass(frozen=True, slots=True)
class Planned:
    """One act to come. `amount` is what it asks for: g of milk, mL of detergent or fluid; `km` is driven.

    `item` is named by deliveries only.
    """

    at: datetime
    act: Act
    amount: float = 0.0
    km: float = 0.0
    item: str = ""


def plan_meals(use: DayUse, midnight: datetime, rng: random.Random) -> Iterator[Planned]:
    """Pours through the day. The door is open for a moment; now and then the bottle stays on the table."""
    milk_g = use.milk_ml * MILK_G_PER_ML
    pours = max(1, round(milk_g / _POUR_G))
    weights = [rng.uniform(0.5, 1.5) for _ in range(pours)]
    for weight in weights:
        opened = midnight + timedelta(hours=rng.choice(_MEAL_HOURS) + rng.gauss(0, 0.5))
        yield from _pour(opened, milk_g * weight / sum(weights), rng)


def _pour(opened: datetime, amount_g: float, rng: random.Random) -> Iterator[Planned]:
    closed = opened + timedelta(seconds=rng.uniform(20, 90))
    yield Planned(opened, Act.DOOR_OPENED)
    yield Planned(opened + timedelta(seconds=5), Act.BOTTLE_OUT)
    yield Planned(opened + timedelta(seconds=10), Act.POURED, amount_g)
    if rng.random() < _BOTTLE_STAYS_OUT:
        yield Planned(closed, Act.DOOR_CLOSED)
        opened = closed + timedelta(minutes=rng.uniform(8, 20))
        closed = opened + timedelta(seconds=15)
        yield Planned(opened, Act.DOOR_OPENED)
    yield Planned(closed - timedelta(seconds=5), Act.BOTTLE_BACK)
    yield Planned(closed, Act.DOOR_CLOSED)


def plan_washing(wanted_ml: float, midnight: datetime, *, dose_ml: float, rng: random.Random) -> tuple[Planned, ...]:
    """Wash cycles, one after the other, that need `wanted_ml` of detergent at the most; the rest waits for tomorrow."""
    acts: list[Planned] = []
    starts = midnight + timedelta(hours=_WASHING_FROM_H + rng.uniform(0, 3))
    for _ in range(_CYCLES_MAX):
        dose = dose_ml * rng.choice(_LOAD_FACTORS)
        if dose > wanted_ml:
            break
        wanted_ml -= dose
        ends = starts + timedelta(minutes=_CYCLE_MIN + rng.uniform(-20, 30))
        acts += [
            Planned(starts, Act.CYCLE_STARTED),
            Planned(starts + timedelta(minutes=4), Act.DOSED, dose),
            Planned(ends, Act.CYCLE_ENDED),
        ]
        starts = ends + timedelta(minutes=rng.uniform(10, 60))
    return tuple(acts)


def plan_driving(use: DayUse, midnight: datetime, rng: random.Random) -> Iterator[Planned]:
    """Two trips, each in legs of some kilometres; a leg sprays its share of the washer fluid."""
    trip_km = use.drive_km / len(_TRIP_HOURS)
    legs = max(1, round(trip_km / _LEG_KM))
    for hour in _TRIP_HOURS:
        at = midnight + timedelta(hours=hour + rng.gauss(0, 0.4))
        for _ in range(legs):
            at += timedelta(minutes=_LEG_MIN)
            share = use.washer_fluid_ml / len(_TRIP_HOURS) / legs
            yield Planned(at, Act.DROVE, share, km=trip_km / legs)
        yield Planned(at + timedelta(minutes=1), Act.TRIP_ENDED)
