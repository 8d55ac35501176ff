"""What a fleet does and when, all of it from one seed: no clock, no socket, the same plan gives the same fleet.

Times are seconds since the start of the run. A device is on from its place in the ramp; it takes a reading at its own
phase of every period, whether it has a connection or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from firmware_sim.crowd.chance import Outage, chance, drawn

_GOLDEN = 0.6180339887498949  # multiples of it fill an interval evenly, however many there are


class FaultKind(StrEnum):
    """What goes wrong with a reading."""

    DUPLICATE = "duplicate"  # it is published twice
    REORDER = "reorder"  # it comes after the next one
    GAP = "gap"  # it is numbered and never sent
    MALFORMED = "malformed"  # half of one is published besides
    REBOOT = "reboot"  # the device starts anew instead: new boot, from 1, what it held is gone


@dataclass(frozen=True, slots=True)
class Herd:
    """A share of the devices lose their connection and all come back in the same moment."""

    at_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What strikes a share of the readings from `from_s`, for so long."""

    kind: FaultKind
    share: float
    from_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device."""

    name: str
    profile: str
    firmware: str

    def values(self, n: int) -> str:
        """The `values` of its n-th reading, in the units of its profile."""
        return _values(self.name, n)


@lru_cache(maxsize=256)
def _values(kind: str, n: int) -> str:
    """Written once for all devices of a kind: they are at about the same n."""
    match kind:
        case "fridge":
            return (
                f'"milk":{{"value":{1500 - n % 1000},"unit":"g"}},"door":{{"value":"closed","unit":""}},'
                f'"temperature":{{"value":{3.5 + n % 10 / 10:.1f},"unit":"Cel"}}'
            )
        case "washer":
            return f'"cycles":{{"value":{n % 1_000_000},"unit":"{{cycle}}"}}'
        case _:
            return (
                f'"washer_fluid":{{"value":{100 - n % 90},"unit":"%"}},'
                f'"odometer":{{"value":{n % 1_000_000}.5,"unit":"km"}}'
            )


KINDS = (
    Kind("fridge", "restock.fridge", "sim-fridge-1.0"),
    Kind("washer", "restock.washer", "sim-washer-1.0"),
    Kind("vehicle", "restock.vehicle", "sim-vehicle-1.0"),
)
BACK_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `home` is the id of its only home, or what the ids of its homes begin with."""

    homes: int
    devices: int
    rate_per_s: float
    duration_s: float
    seed: int
    home: str = "home"
    ramp_s: float = 0.0
    outages: tuple[Outage, ...] = ()
    herds: tuple[Herd, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def period_s(self) -> float:
        """How long a device waits between two readings."""
        return self.devices / self.rate_per_s

    @property
    def ends_s(self) -> float:
        """When the last reading may be taken: so long after the ramp."""
        return self.ramp_s + self.duration_s

    def kind(self, index: int) -> Kind:
        """What a device is."""
        return KINDS[index % len(KINDS)]

    def device(self, index: int) -> str:
        """Its id, which no other device of the fleet has."""
        return f"{self.kind(index).name}-{index:05d}"

    def home_of(self, index: int) -> str:
        """The id of its home."""
        return self.home if self.homes == 1 else f"{self.home}-{index % self.homes:04d}"

    def on_at_s(self, index: int) -> float:
        """When it is switched on."""
        return self.ramp_s * index / self.devices

    def first_at_s(self, index: int) -> float:
        """When it takes its first reading: devices that are on together spread evenly over a period."""
        phase = (index * _GOLDEN + chance(self.seed, "phase")) % 1.0
        return self.on_at_s(index) + phase * self.period_s

    def struck(self, kind: FaultKind, *, index: int, n: int, at_s: float) -> bool:
        """Whether this fault strikes the n-th reading of a device."""
        return any(
            fault.kind is kind
            and fault.from_s <= at_s < fault.from_s + fault.for_s
            and chance(self.seed, f"{kind}:{number}:{index}:{n}") < fault.share
            for number, fault in enumerate(self.faults)
        )

    def off(self, number: int) -> Iterator[tuple[int, float]]:
        """Who is in an outage, with the time at which each comes back."""
        outage = self.outages[number]
        for index in drawn(self.seed, f"outage:{number}", outage.share, of=self.devices):
            late_s = BACK_WITHIN_S * chance(self.seed, f"back:{number}:{index}")
            yield index, outage.at_s + outage.for_s + late_s

    def stampeding(self, number: int) -> Iterator[int]:
        """Who is in a herd."""
        return drawn(self.seed, f"herd:{number}", self.herds[number].share, of=self.devices)
