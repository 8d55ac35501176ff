"""What a simulated home keeps in stock, in which appliance, and how the hub is told of it.

Each ware is one part of one simulated appliance. The physics, the sensors and the faults are the simulator's; here
stands what the simulator does not know: packs, shelves, dates, and how a household lives (weekends, guests, absence).
Amounts are in the ware's unit. The numbers are assumptions about a household of three, not measurements.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from firmware_sim.physics import Act, Part, Physics
from firmware_sim.physics_household import PET_FEEDER, PRINTER, WASHER
from firmware_sim.physics_kind import Kind, near_hour, some
from firmware_sim.physics_kitchen import COFFEE_MACHINE, DISHWASHER, FRIDGE
from firmware_sim.physics_supply import AIR_CONDITIONER, SCALE, WATER_FILTER
from firmware_sim.physics_vehicle import VEHICLE

Place = Literal["tray", "tank", "cartridge"]
Sensing = Literal["level", "counter", "run_time", "none"]
Busyness = Callable[[datetime], float]


@dataclass(frozen=True, slots=True)
class Ware:
    """One kind of thing that a home may keep.

    `place`: a tray holds whole packs and shows all of them, a tank is filled from packs in the cupboard, a cartridge is
    changed. `channel` is the sensor in the simulator, `signal` the one that the hub reads of it. `step` is what one
    count or hour uses, `full` what 100 % means. `keeps_d` is how long a pack keeps. `fill_below` is the share at which
    the household fills up. `every_week` it is on the list of what people buy in passing.
    """

    name: str
    title: str
    category: str
    unit: str
    pack: float
    device: str
    part: str
    channel: str
    signal: str
    place: Place
    price_minor: int
    sensing: Sensing = "level"
    step: float = 1.0
    full: float | None = None
    keeps_d: float | None = None
    fill_below: float = 0.15
    is_everyday: bool = False
    room_packs: int = 4


@dataclass(frozen=True, slots=True)
class Machine:
    """One appliance of the home: a kind, its dialect, and whether it goes on while nobody is there."""

    device: str
    kind: Kind
    dialect: str = "native"
    works_alone: bool = False


def _shelf(takes_a_day: float, low: float, high: float) -> Callable[[datetime, random.Random, float], Iterator[Act]]:
    """Days of a scale under food: something is lifted, a part of it is taken away for good."""

    def day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
        for _ in range(some(rng, takes_a_day * busy)):
            at = near_hour(midnight, rng, 7.5, 12.5, 18.5)
            yield Act(at, "lifted", sets={"lifted": True}, tells=True)
            yield Act(at + timedelta(seconds=20), "taken", uses={"contents": rng.uniform(low, high)})
            yield Act(at + timedelta(seconds=50), "put_back", sets={"lifted": False}, tells=True)

    return day


def _scale(name: str, *, capacity: float, pack: float, takes_a_day: float, low: float, high: float) -> Kind:
    """A scale under one kind of food."""
    part = Part("contents", "g", capacity=capacity, initial=0.5, pack=pack)
    return replace(SCALE, parts=(part,), plan=_shelf(takes_a_day, low, high))


YOGHURT_SHELF = _scale("yoghurt", capacity=4_000, pack=500, takes_a_day=1.6, low=120, high=180)
EGG_SHELF = _scale("eggs", capacity=2_400, pack=600, takes_a_day=1.2, low=58, high=125)
PAPER_ROLLS = _scale("paper", capacity=4_000, pack=1_000, takes_a_day=3.0, low=15, high=45)

MACHINES = {
    machine.device: machine
    for machine in (
        Machine("fridge", FRIDGE),
        Machine("yoghurt_shelf", YOGHURT_SHELF),
        Machine("egg_shelf", EGG_SHELF),
        Machine("flour_jar", SCALE),
        Machine("washer", WASHER, "smartthings"),
        Machine("old_washer", WASHER),
        Machine("cellar_washer", WASHER),
        Machine("dishwasher", DISHWASHER),
        Machine("coffee", COFFEE_MACHINE),
        Machine("feeder", PET_FEEDER, works_alone=True),
        Machine("tap", WATER_FILTER),
        Machine("car", VEHICLE),
        Machine("aircon", AIR_CONDITIONER),
        Machine("printer", PRINTER),
        Machine("paper_rolls", PAPER_ROLLS),
    )
}

WARES = (
    Ware("milk", "Milk", "milk", "g", 1_035, "fridge", "milk", "milk_g", "milk.amount", "tray", 129,
         keeps_d=9, is_everyday=True, room_packs=6),
    Ware("yoghurt", "Yoghurt", "yogurt", "g", 500, "yoghurt_shelf", "contents", "weight_g", "weight", "tray", 249,
         keeps_d=18, is_everyday=True, room_packs=6),
    Ware("eggs", "Eggs", "eggs", "g", 600, "egg_shelf", "contents", "weight_g", "weight", "tray", 319,
         keeps_d=25, is_everyday=True, room_packs=4),
    Ware("flour", "Flour", "unknown", "g", 1_000, "flour_jar", "contents", "weight_g", "weight", "tank", 99,
         fill_below=0.2, is_everyday=True, room_packs=5),
    Ware("detergent", "Detergent", "laundry_detergent", "mL", 500, "washer", "detergent", "detergent_ml",
         "detergent.remaining", "tank", 899, fill_below=0.2),
    Ware("powder", "Washing powder", "laundry_detergent", "mL", 1_000, "old_washer", "detergent", "cycles",
         "cycle.count", "tank", 899, sensing="counter", step=49.5, fill_below=0.2),
    Ware("cellar_powder", "Cellar powder", "laundry_detergent", "mL", 1_000, "cellar_washer", "detergent",
         "cycles", "cycle.count", "tank", 899, sensing="counter", step=49.5, fill_below=0.2),
    Ware("tabs", "Dishwasher tabs", "dish_detergent", "{disc}", 30, "dishwasher", "discs", "discs",
         "detergent_disc.count_left", "tank", 649, fill_below=0.15),
    Ware("salt", "Dishwasher salt", "unknown", "g", 1_000, "dishwasher", "salt", "salt_pct", "salt.remaining", "tank",
         149, full=1_000, fill_below=0.1),
    Ware("coffee", "Coffee beans", "coffee", "g", 250, "coffee", "beans", "beans_g", "beans.amount", "tank", 499,
         fill_below=0.16, is_everyday=True),
    Ware("pet_food", "Pet food", "cat_food", "g", 900, "feeder", "food", "food_g", "food.amount", "tank", 799,
         fill_below=0.3),
    Ware("cartridge", "Water filter", "unknown", "L", 1_500, "tap", "cartridge_1", "cartridge_1_pct",
         "water_filter.remaining", "cartridge", 3_900, full=1_500, fill_below=0.01, room_packs=2),
    Ware("washer_fluid", "Washer fluid", "unknown", "mL", 2_500, "car", "washer_fluid", "washer_fluid_pct",
         "washer_fluid.remaining", "tank", 599, full=5_000, fill_below=0.15),
    Ware("dust_filter", "Dust filter", "unknown", "h", 720, "aircon", "dust_filter", "filter_hours",
         "dust_filter.time_used", "cartridge", 2_900, sensing="run_time", full=720, fill_below=0.01, room_packs=2),
    Ware("toner", "Toner", "unknown", "{page}", 1_200, "printer", "toner", "toner_pct", "toner_black.remaining",
         "cartridge", 5_900, full=1_200, fill_below=0.01, room_packs=2),
    Ware("paper", "Kitchen paper", "paper_towels", "g", 1_000, "paper_rolls", "contents", "", "", "tray", 399,
         sensing="none", room_packs=4),
)  # fmt: skip


def living(machine: Machine, *, how_busy: Busyness) -> Kind:
    """The kind as this household lives with it: its days follow the weekday, guests and absence."""
    plan = machine.kind.plan

    def day(midnight: datetime, rng: random.Random, busy: float) -> Iterator[Act]:
        factor = 1.0 if machine.works_alone else how_busy(midnight)
        if factor > 0:
            yield from plan(midnight, rng, busy * factor)

    return replace(machine.kind, plan=day)


def mean_use(machine: Machine, part: str, *, busy: float, start: datetime) -> float:
    """What ordinary days use of a part, a day, in its unit: measured over 60 days in which nothing runs out."""
    parts = [replace(each, capacity=1e9, initial=1.0, evaporates=0.0) for each in machine.kind.parts]
    physics = Physics(
        parts, machine.kind.plan, start=start, rng=random.Random("pilot"), busy=busy,
        states=machine.kind.states, counters=machine.kind.counters,
    )  # fmt: skip
    physics.advance(start + timedelta(days=60))
    return physics.vessels[part].used / 60
