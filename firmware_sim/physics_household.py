"""Washing machine, printer and pet feeder: what they hold, their days, and what is true of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from firmware_sim.physics import Act, Part, Physics, State
from firmware_sim.physics_kind import Kind, near_hour, some


def _washer_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Cycles with a dose each; a spin cycle doses nothing."""
    at = midnight + timedelta(hours=9 + rng.uniform(-1, 2))
    for _ in range(some(rng, 1.4 * busy)):
        ends = at + timedelta(minutes=rng.uniform(70, 125))
        yield Act(at, "cycle_started", sets={"running": True}, tells=True)
        if rng.random() > 0.1:
            dose = {"detergent": 55.0 * rng.choice((0.75, 1.0, 1.25)), "softener": rng.choice((0.0, 28.0))}
            yield Act(at + timedelta(minutes=4), "dosed", uses=dose)
        yield Act(ends, "cycle_ended", counts={"cycles": 1}, sets={"running": False}, tells=True)
        at = ends + timedelta(minutes=rng.uniform(15, 200))


def _washer_truth(now: Physics) -> dict[str, State]:
    share = now.share("detergent")
    return {
        "detergent_ml": now.left("detergent"),
        "detergent_pct": share,
        "detergent_status": "normal" if share >= 20 else "less" if share > 0 else "empty",
        "softener_ml": now.left("softener"),
        "softener_pct": now.share("softener"),
        "capacity_ml": now.vessels["detergent"].part.capacity,
        "cycles": now.counters["cycles"],
        "running": now.states["running"],
    }


WASHER = Kind(
    "washer",
    (
        Part("detergent", "mL", capacity=1_000, initial=0.6, pack=500, refill_below=0.12, refill_after_h=20),
        Part("softener", "mL", capacity=500, initial=0.7, pack=250, refill_below=0.12, refill_after_h=20),
    ),
    _washer_day,
    _washer_truth,
    {"running": False},
    {"cycles": 812},
)


def _printer_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Jobs of some pages; a page takes a share of toner, and of the drum."""
    for _ in range(some(rng, 3 * busy)):
        pages = rng.randint(1, 25)
        uses = {"toner": pages * rng.uniform(0.8, 1.3), "drum": float(pages), "filament": rng.uniform(2, 40)}
        yield Act(near_hour(midnight, rng, 9.0, 11.0, 15.0), "printed", uses=uses, counts={"pages": pages}, tells=True)


def _printer_truth(now: Physics) -> dict[str, State]:
    return {
        "toner_pct": now.share("toner"),
        "drum_pct": now.share("drum"),
        "drum_pages": now.left("drum"),
        "filament_pct": now.share("filament"),
        "pages": now.counters["pages"],
    }


PRINTER = Kind(
    "printer",
    (
        Part("toner", "{page}", capacity=1_200, initial=0.55, pack=1_200, refill_below=0.05, refill_after_h=30),
        Part("drum", "{page}", capacity=12_000, initial=0.8, pack=12_000, refill_below=0.02, refill_after_h=30),
        Part("filament", "g", capacity=1_000, initial=0.64, pack=1_000, refill_below=0.06, refill_after_h=30),
    ),
    _printer_day,
    _printer_truth,
    {},
    {"pages": 4_200},
)


def _feeder_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Meals from the hopper, the desiccant ages, now and then a curious hand opens the lid."""
    yield Act(midnight, "new_day", marks=("food",))
    yield Act(midnight + timedelta(hours=11), "desiccant_aged", uses={"desiccant": 1.0})
    for hour in (7.0, 12.0, 18.0):
        portion = 20.0 * max(1, round(busy))
        yield Act(midnight + timedelta(hours=hour), "meal_given", uses={"food": portion}, tells=True)
    if rng.random() < 0.3:
        at = near_hour(midnight, rng, 9.5, 15.5)
        yield Act(at, "lid_opened", sets={"lid": "open"}, tells=True)
        yield Act(at + timedelta(minutes=3), "lid_closed", sets={"lid": "closed"}, tells=True)


def _feeder_truth(now: Physics) -> dict[str, State]:
    share = now.share("food")
    return {
        "food_g": now.left("food"),
        "food_pct": share,
        "food_ok": share >= 10,
        "lid": now.states["lid"],
        "given_today_g": now.used_today("food"),
        "desiccant_d": now.left("desiccant"),
    }


PET_FEEDER = Kind(
    "pet_feeder",
    (
        Part("food", "g", capacity=1_800, initial=0.7, pack=900, refill_below=0.08, refill_after_h=10),
        Part("desiccant", "d", capacity=30, initial=0.6, pack=30, refill_below=0.05, refill_after_h=30),
    ),
    _feeder_day,
    _feeder_truth,
    {"lid": "closed"},
)
