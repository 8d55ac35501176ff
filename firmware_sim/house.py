"""The house without its network: world and appliances, moved together through time.

Synchronous and seeded. `run_until` yields what each appliance says, at the exact virtual moment at which it says it;
who carries that to a broker is no business of this module.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from firmware_sim.appliances import smartthings
from firmware_sim.appliances.fridge import Fridge
from firmware_sim.appliances.native import Appliance, Value
from firmware_sim.appliances.vehicle import Vehicle
from firmware_sim.appliances.washer import Washer
from firmware_sim.scenario import Scenario
from firmware_sim.sensor import DosingCounter, LevelSensor, LevelSpec, LoadCell, LoadCellSpec
from firmware_sim.stock import StockTruth
from firmware_sim.usage import HouseholdUse
from firmware_sim.world import DETERGENT, WASHER_FLUID, Happening, World


@dataclass(frozen=True, slots=True)
class Said:
    """A native reading that an appliance wants to publish."""

    at: datetime
    device: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class VendorSaid:
    """A finished document in a vendor's own dialect."""

    at: datetime
    device: str
    payload: bytes


class House:
    """World, appliances and when each reports."""

    def __init__(
        self, scenario: Scenario, use: HouseholdUse, *, start: datetime, seed: int, document: dict[str, Any]
    ) -> None:
        self._scenario = scenario
        self._document = document
        self._world = World(scenario.world_settings(), use, start=start, seed=seed)
        fridge = _fridge(scenario, self._world, seed)
        self._washer = _washer(scenario, self._world, seed)
        vehicle = _vehicle(scenario, self._world, seed)
        self._appliances: tuple[Appliance, ...] = (fridge, self._washer, vehicle)
        self._every = {
            fridge.name: timedelta(minutes=scenario.fridge.report_every_min),
            self._washer.name: timedelta(minutes=scenario.washer.report_every_min),
            vehicle.name: timedelta(minutes=scenario.vehicle.report_every_min),
        }
        self._due = dict.fromkeys(self._every, self._world.now)

    @property
    def appliances(self) -> tuple[Appliance, ...]:
        """Everything in the house that speaks."""
        return self._appliances

    @property
    def now(self) -> datetime:
        """How far the house has moved."""
        return self._world.now

    @property
    def next_at(self) -> datetime:
        """When something happens or is said next."""
        return min(self._world.next_act_at, *self._due.values())

    def run_until(self, to: datetime) -> Iterator[Said | VendorSaid]:
        """Let time pass until `to`, and hear what is said on the way."""
        while True:
            at = min(self.next_at, to)
            happened = self._world.advance(at)
            for appliance in self._appliances:
                if self._wants_to_speak(appliance, happened, at=at):
                    yield from self._speak(appliance, at)
            if self.next_at > to:
                self._world.advance(to)
                return

    def restock(self, item: str, packs: int) -> float:
        """The courier brings packs of an item; returns what found no room, in the item's unit."""
        return self._world.restock(item, self._scenario.item(item).pack_amount * packs)

    def truth(self) -> dict[str, StockTruth]:
        """The books of every item at `now`."""
        return self._world.truth()

    def log(self) -> tuple[Happening, ...]:
        """Every act that moved stock."""
        return self._world.log()

    def _wants_to_speak(self, appliance: Appliance, happened: tuple[Happening, ...], *, at: datetime) -> bool:
        """Whether a report is due, or something happened that calls for one. Every happening is noticed."""
        called = [appliance.noticed(happening) for happening in happened]
        due = self._due[appliance.name] <= at
        while self._due[appliance.name] <= at:
            self._due[appliance.name] += self._every[appliance.name]
        return due or any(called)

    def _speak(self, appliance: Appliance, at: datetime) -> Iterator[Said | VendorSaid]:
        yield Said(at, appliance.name, appliance.values(at))
        if appliance is self._washer:
            counter = self._washer.counter
            tank = smartthings.Tank(
                remaining_ml=counter.remaining_ml,
                capacity_ml=self._scenario.item(DETERGENT).capacity,
                dose_ml=counter.last_dose_ml,
                threshold_ml=self._scenario.washer.threshold_ml,
                running=self._world.washing,
            )
            yield VendorSaid(at, appliance.name, smartthings.encode(self._document, tank, at=at))


def _fridge(scenario: Scenario, world: World, seed: int) -> Fridge:
    rng = random.Random(f"{seed}:fridge")
    spec = LoadCellSpec(noise_g=scenario.fridge.noise_g, drift_g=scenario.fridge.drift_g)
    return Fridge(world, LoadCell(spec, rng), rng)


def _washer(scenario: Scenario, world: World, seed: int) -> Washer:
    item = scenario.item(DETERGENT)
    counter = DosingCounter(
        capacity_ml=item.capacity,
        initial_ml=item.initial,
        error=scenario.washer.pump_error,
        rng=random.Random(f"{seed}:washer"),
    )
    return Washer(world, counter, cycles_before=scenario.washer.cycles_before)


def _vehicle(scenario: Scenario, world: World, seed: int) -> Vehicle:
    spec = LevelSpec(full_amount=scenario.item(WASHER_FLUID).capacity, noise_pct=scenario.vehicle.noise_pct)
    return Vehicle(world, LevelSensor(spec, random.Random(f"{seed}:vehicle")))
