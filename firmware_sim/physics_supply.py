"""Water filter, air conditioner, tank and scale: what they hold, their days, and what is true of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from firmware_sim.physics import Act, Part, Physics, State
from firmware_sim.physics_kind import Kind, near_hour, some

TANK_HEIGHT_CM = 150.0
TANK_DEAD_CM = 5.0  # from the sensor to the surface of a full tank


def _water_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Draws at the tap; every litre wears the three cartridges."""
    yield Act(midnight, "new_day", marks=("cartridge_1",))
    for _ in range(some(rng, 9 * busy)):
        wears = dict.fromkeys(("cartridge_1", "cartridge_2", "cartridge_3"), rng.uniform(0.3, 3.0))
        yield Act(near_hour(midnight, rng, 7.0, 12.0, 18.0, 21.0), "water_drawn", uses=wears, tells=True)


def _water_truth(now: Physics) -> dict[str, State]:
    return {
        "cartridge_1_pct": now.share("cartridge_1"),
        "cartridge_2_pct": now.share("cartridge_2"),
        "cartridge_3_pct": now.share("cartridge_3"),
        "litres_left": now.left("cartridge_1"),
        "used_today_l": now.used_today("cartridge_1"),
        "tds_in": 210.0,
        "tds_out": 14.0 + 0.4 * (100.0 - now.share("cartridge_1")),
    }


WATER_FILTER = Kind(
    "water_filter",
    (
        Part("cartridge_1", "L", capacity=1_500, initial=0.35, pack=1_500, refill_below=0.02, refill_after_h=40),
        Part("cartridge_2", "L", capacity=3_000, initial=0.5, pack=3_000, refill_below=0.02, refill_after_h=40),
        Part("cartridge_3", "L", capacity=4_500, initial=0.88, pack=4_500, refill_below=0.02, refill_after_h=40),
    ),
    _water_day,
    _water_truth,
)


def _air_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """On for some hours; each hour wears the filters."""
    at = midnight + timedelta(hours=11 + rng.uniform(-2, 2))
    yield Act(at, "switched_on", sets={"on": True}, tells=True)
    hours = max(1, min(12, some(rng, 7 * busy)))
    for hour in range(hours):
        wears = {"dust_filter": 1.0, "hepa_filter": rng.uniform(0.8, 1.2), "carbon_filter": rng.uniform(0.8, 1.2)}
        yield Act(at + timedelta(hours=hour + 1, seconds=-1), "hour_passed", uses=wears)
    yield Act(at + timedelta(hours=hours), "switched_off", sets={"on": False}, tells=True)


def _air_truth(now: Physics) -> dict[str, State]:
    dust = now.vessels["dust_filter"].part.capacity
    return {
        "filter_hours": dust - now.left("dust_filter"),
        "filter_life_h": dust,
        "filter_clogged": now.share("dust_filter") < 10,
        "hepa_pct": now.share("hepa_filter"),
        "carbon_pct": now.share("carbon_filter"),
        "on": now.states["on"],
    }


AIR_CONDITIONER = Kind(
    "air_conditioner",
    (
        Part("dust_filter", "h", capacity=720, initial=0.7, pack=720, refill_below=0.05, refill_after_h=48),
        Part("hepa_filter", "h", capacity=4_300, initial=0.6, pack=4_300, refill_below=0.03, refill_after_h=48),
        Part("carbon_filter", "h", capacity=4_300, initial=0.45, pack=4_300, refill_below=0.03, refill_after_h=48),
    ),
    _air_day,
    _air_truth,
    {"on": False},
)


def _tank_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """A burner that draws all day, more in the cold of the morning."""
    for hour in range(24):
        litres = busy * rng.uniform(0.2, 0.6) * (2.0 if hour < 9 else 1.0)
        yield Act(midnight + timedelta(hours=hour, minutes=rng.uniform(1, 59)), "burnt", uses={"liquid": litres})


def _tank_truth(now: Physics) -> dict[str, State]:
    share = now.share("liquid")
    return {
        "amount_l": now.left("liquid"),
        "level_pct": share,
        "distance_cm": TANK_DEAD_CM + TANK_HEIGHT_CM * (1 - share / 100.0),
        "tilted": False,
    }


TANK = Kind(
    "tank",
    (Part("liquid", "L", capacity=1_000, initial=0.55, pack=100, refill_below=0.2, refill_after_h=60, evaporates=0.5),),
    _tank_day,
    _tank_truth,
)


def _scale_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """The jar is lifted, something is taken from it, and it is put back."""
    for _ in range(some(rng, 4 * busy)):
        at = near_hour(midnight, rng, 7.0, 9.0, 12.0, 18.0, 20.0)
        away = timedelta(minutes=rng.uniform(1, 12))
        yield Act(at, "lifted", sets={"lifted": True}, tells=True)
        yield Act(at + away / 2, "taken", uses={"contents": rng.uniform(20, 90)})
        yield Act(at + away, "put_back", sets={"lifted": False}, tells=True)


def _scale_truth(now: Physics) -> dict[str, State]:
    lifted = bool(now.states["lifted"])
    return {
        "weight_g": 0.0 if lifted else now.left("contents"),
        "stock_weight_g": now.left("contents"),
        "stable": not lifted,
    }


SCALE = Kind(
    "scale",
    (Part("contents", "g", capacity=4_000, initial=0.6, pack=1_000, refill_below=0.15, evaporates=3.0),),
    _scale_day,
    _scale_truth,
    {"lifted": False},
)
