"""A car that tells its washer fluid, odometer and location; Restock-native.

Names and meaning follow COVESA VSS: `Vehicle.Body.Windshield.Front.WasherFluid.Level` in percent,
`Vehicle.TraveledDistance` (given here in km) and `Vehicle.CurrentLocation`. The location is there because real cars
send it; a hub has no use for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from firmware_sim.appliances.native import Value
from firmware_sim.routine import Act
from firmware_sim.sensor import LevelSensor
from firmware_sim.world import WASHER_FLUID, Happening, World


class Vehicle:
    """Says `washer_fluid`, `odometer` and `location`."""

    profile = "restock.vehicle"
    firmware = "sim-vehicle-1.0"

    def __init__(self, world: World, level: LevelSensor, *, name: str = "vehicle") -> None:
        self.name = name
        self._world = world
        self._level = level
        self._moving = False

    def noticed(self, happening: Happening) -> bool:
        """The end of a trip and a filling call for a reading."""
        if happening.act is Act.DROVE:
            self._moving = True
        if happening.act is Act.TRIP_ENDED:
            self._moving = False
        filled = happening.act is Act.PUT_AWAY and happening.item == WASHER_FLUID
        return filled or happening.act is Act.TRIP_ENDED

    def values(self, at: datetime) -> Mapping[str, Value]:  # noqa: ARG002 - every appliance is asked the same way
        """A reading of all sensors."""
        latitude, longitude = self._world.location
        return {
            "washer_fluid": Value(self._level.read_pct(self._world.amount(WASHER_FLUID), moving=self._moving), "%"),
            "odometer": Value(round(self._world.odometer_km, 1), "km"),
            "location": Value(f"{latitude:.5f},{longitude:.5f}", ""),
        }
