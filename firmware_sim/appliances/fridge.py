"""A fridge with a load cell under the milk tray, a door switch and a thermometer; Restock-native.

The fridge tells the weight also while its door is open, together with the door's state: whether such a weight may be
believed is for the reader to decide. Source of the units: UCUM `g` and `Cel`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime

from firmware_sim.appliances.native import Value
from firmware_sim.routine import Act
from firmware_sim.sensor import LoadCell
from firmware_sim.world import MILK, Happening, World

_TEMPERATURE_CEL = 4.2


class Fridge:
    """Says `milk`, `door` and `temperature`."""

    profile = "restock.fridge"
    firmware = "sim-fridge-1.0"

    def __init__(self, world: World, cell: LoadCell, rng: random.Random, *, name: str = "fridge") -> None:
        self.name = name
        self._world = world
        self._cell = cell
        self._rng = rng

    def noticed(self, happening: Happening) -> bool:
        """A delivery that was put away calls for a reading."""
        return happening.act is Act.PUT_AWAY and happening.item == MILK

    def values(self, at: datetime) -> Mapping[str, Value]:
        """A reading of all sensors."""
        opened = self._world.door_open
        weight_g = self._cell.read_g(self._world.milk_on_tray_g, at=at, disturbed=opened)
        warmth_cel = self._rng.gauss(_TEMPERATURE_CEL + (1.5 if opened else 0.0), 0.2)
        return {
            "milk": Value(weight_g, "g"),
            "door": Value("open" if opened else "closed", ""),
            "temperature": Value(round(warmth_cel, 1), "Cel"),
        }
