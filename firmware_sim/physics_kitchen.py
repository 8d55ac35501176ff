"""Fridge, dishwasher and coffee machine: what they hold, their days, and what is true of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from firmware_sim.physics import Act, Part, Physics, State
from firmware_sim.physics_kind import Kind, near_hour, some


def _fridge_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """The door opens, a bottle is lifted, milk is poured, the bottle is put back; water runs through the filter."""
    for _ in range(some(rng, 5 * busy)):
        at = near_hour(midnight, rng, 7.5, 10.5, 13.0, 17.0, 20.5)
        out = at + timedelta(seconds=6)
        back = out + (timedelta(minutes=rng.uniform(5, 15)) if rng.random() < 0.2 else timedelta(seconds=30))
        yield Act(at, "door_opened", sets={"door": "open"}, tells=True)
        yield Act(out, "bottle_lifted", sets={"lifted": True})
        yield Act(out + timedelta(seconds=8), "poured", uses={"milk": rng.uniform(90, 260)})
        if back - out > timedelta(minutes=1):  # it stands on the table while the door is shut
            yield Act(out + timedelta(seconds=20), "door_closed", sets={"door": "closed"}, tells=True)
            yield Act(back - timedelta(seconds=5), "door_opened", sets={"door": "open"})
        yield Act(back, "bottle_put_back", sets={"lifted": False})
        yield Act(back + timedelta(seconds=10), "door_closed", sets={"door": "closed"}, tells=True)
    for _ in range(some(rng, 4 * busy)):
        at = near_hour(midnight, rng, 8.0, 12.5, 19.0)
        yield Act(at, "water_dispensed", uses={"water_filter": rng.uniform(0.2, 0.6)})


def _fridge_truth(now: Physics) -> dict[str, State]:
    milk = now.left("milk")
    bottle = now.vessels["milk"].part.pack
    lifted = (milk % bottle or min(bottle, milk)) if now.states["lifted"] else 0.0
    used = 100.0 - now.share("water_filter")
    status = "normal" if used < 80 else "preannouncement" if used < 95 else "replace"
    return {
        "milk_g": milk - lifted,
        "stock_milk_g": milk,
        "door": now.states["door"],
        "filter_used_pct": used,
        "filter_status": status,
    }


FRIDGE = Kind(
    "fridge",
    (
        Part("milk", "g", capacity=6_210, initial=0.6, pack=1_035, refill_below=0.15),
        Part("water_filter", "L", capacity=1_100, initial=0.35, pack=1_100, refill_below=0.04, refill_after_h=48),
    ),
    _fridge_day,
    _fridge_truth,
    {"door": "closed", "lifted": False},
)


def _dishwasher_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Each cycle takes a disc, and its doses of salt and rinse aid."""
    for _ in range(some(rng, 1.1 * busy)):
        at = near_hour(midnight, rng, 13.5, 21.0)
        dose = {"salt": rng.uniform(18, 26), "rinse_aid": rng.uniform(2.5, 4.0), "discs": 1.0}
        yield Act(at, "cycle_started", sets={"running": True}, tells=True)
        yield Act(at + timedelta(minutes=12), "dosed", uses=dose)
        yield Act(at + timedelta(minutes=110), "cycle_ended", counts={"cycles": 1}, sets={"running": False}, tells=True)


def _dishwasher_truth(now: Physics) -> dict[str, State]:
    salt, rinse_aid = now.share("salt"), now.share("rinse_aid")
    return {
        "salt_pct": salt,
        "rinse_aid_pct": rinse_aid,
        "discs_pct": now.share("discs"),
        "discs": now.left("discs"),
        "salt_low": salt < 15,
        "salt_lack": salt <= 0,
        "rinse_aid_low": rinse_aid < 15,
        "rinse_aid_lack": rinse_aid <= 0,
        "cycles": now.counters["cycles"],
        "running": now.states["running"],
    }


DISHWASHER = Kind(
    "dishwasher",
    (
        Part("salt", "g", capacity=1_000, initial=0.4, pack=1_000, refill_below=0.1, refill_after_h=24),
        Part("rinse_aid", "mL", capacity=110, initial=0.5, pack=110, refill_below=0.1, refill_after_h=24),
        Part("discs", "{disc}", capacity=60, initial=0.5, pack=30, refill_below=0.1, refill_after_h=24),
    ),
    _dishwasher_day,
    _dishwasher_truth,
    {"running": False},
    {"cycles": 211},
)


def _coffee_day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
    """Cups of coffee; the tank is refilled by its own rule, a little water evaporates."""
    for _ in range(some(rng, 6 * busy)):
        cup = {"beans": rng.uniform(7, 12), "water": rng.uniform(45, 180), "filter_life": 1.0, "descaling": 1.0}
        at = near_hour(midnight, rng, 7.0, 8.0, 10.0, 14.0, 16.5)
        yield Act(at, "cup_brewed", uses=cup | {"grounds_room": 1.0}, counts={"cups": 1}, tells=True)


def _coffee_truth(now: Physics) -> dict[str, State]:
    water, beans = now.share("water"), now.share("beans")
    return {
        "beans_g": now.left("beans"),
        "beans_empty": beans < 3,
        "water_ml": now.left("water"),
        "water_low": water < 20,
        "water_empty": water < 3,
        "cups": now.counters["cups"],
        "filter_cups": now.left("filter_life"),
        "filter_due": now.left("filter_life") <= 0,
        "descale_cups": now.left("descaling"),
        "descale_due": now.left("descaling") <= 0,
        "grounds_pct": 100.0 - now.share("grounds_room"),
    }


COFFEE_MACHINE = Kind(
    "coffee_machine",
    (
        Part("beans", "g", capacity=300, initial=0.8, pack=150, refill_below=0.25, refill_after_h=3),
        Part("water", "mL", capacity=2_300, initial=0.9, pack=500, refill_below=0.25, refill_after_h=2, evaporates=12),
        Part("filter_life", "{cup}", capacity=500, initial=0.3, pack=500, refill_below=0.03, refill_after_h=24),
        Part("descaling", "{cup}", capacity=300, initial=0.5, pack=300, refill_below=0.03, refill_after_h=24),
        Part("grounds_room", "{cup}", capacity=14, initial=0.9, pack=14, refill_below=0.15, refill_after_h=1),
    ),
    _coffee_day,
    _coffee_truth,
    {},
    {"cups": 903},
)
