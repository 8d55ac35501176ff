"""A washing machine that counts its cycles; Restock-native.

Its dosing tank is told by the vendor's own document, see `smartthings`. Source of the unit: UCUM annotation `{cycle}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from firmware_sim.appliances.native import Value
from firmware_sim.routine import Act
from firmware_sim.sensor import DosingCounter
from firmware_sim.world import DETERGENT, Happening, World


class Washer:
    """Says `cycles`. `counter` is what its dosing pump believes, for the vendor's document."""

    profile = "restock.washer"
    firmware = "sim-washer-1.0"

    def __init__(self, world: World, counter: DosingCounter, *, cycles_before: int, name: str = "washer") -> None:
        self.name = name
        self.counter = counter
        self._world = world
        self._cycles_before = cycles_before

    def noticed(self, happening: Happening) -> bool:
        """Count doses and fillings; the end of a cycle and a filling call for a reading."""
        if happening.act is Act.DOSED:
            self.counter.dosed(happening.wanted, happening.given)
        if happening.act is Act.RESTOCKED and happening.item == DETERGENT:
            self.counter.filled(happening.given)
        filled = happening.act is Act.PUT_AWAY and happening.item == DETERGENT
        return filled or happening.act is Act.CYCLE_ENDED

    def values(self, at: datetime) -> Mapping[str, Value]:  # noqa: ARG002 - every appliance is asked the same way
        """A reading of the cycle counter."""
        return {"cycles": Value(self._cycles_before + self._world.cycles, "{cycle}")}
