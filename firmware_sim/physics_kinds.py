"""All eleven kinds of appliance by name."""

from __future__ import annotations

from collections.abc import Mapping

from firmware_sim.physics_household import PET_FEEDER, PRINTER, WASHER
from firmware_sim.physics_kind import Kind
from firmware_sim.physics_kitchen import COFFEE_MACHINE, DISHWASHER, FRIDGE
from firmware_sim.physics_supply import AIR_CONDITIONER, SCALE, TANK, WATER_FILTER
from firmware_sim.physics_vehicle import VEHICLE

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        FRIDGE,
        WASHER,
        DISHWASHER,
        VEHICLE,
        COFFEE_MACHINE,
        PRINTER,
        PET_FEEDER,
        WATER_FILTER,
        AIR_CONDITIONER,
        TANK,
        SCALE,
    )
}
