"""Who lives in a simulated home and what they keep: drawn from one seed, the same for every policy.

Weekdays, an absence of a week and a week of guests are part of it. What the household guesses of its own use is off by
a third or so, as people's guesses are; it is what every policy is set up with.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sim.faults_settings import (
    AnyFault,
    Contradictory,
    Delay,
    Drifting,
    Duplicate,
    Flapping,
    Flood,
    Gap,
    Noisy,
    Reboot,
    Reorder,
    RetainedLeftover,
    Stuck,
    Unset,
    WrongClock,
)
from firmware_sim.scenario_fleet import ApplianceSection
from firmware_sim.sensing import SENSES
from tests.campaign.homes.appliances import MACHINES, WARES, Ware, mean_use

START = datetime.fromisoformat("2026-03-02T08:00:00+00:00")  # a Monday

_WARES_A_HOME = (8, 11)
_BUSY_SPREAD = 0.35
_GUESS_SPREAD = 0.3
_WEEKEND, _WORKDAY, _GUESTS = 1.25, 0.9, 1.8
_FAULTS_OF_AN_APPLIANCE = (0, 0, 0, 0, 0, 1, 1, 1, 1, 2)
_SLOWEST_PACK_D = 240.0


@dataclass(frozen=True, slots=True)
class Absence:
    """Days that are not like the others, from the midnight of `begins` on; `factor` scales what is used."""

    begins: datetime
    ends: datetime
    factor: float

    def covers(self, at: datetime) -> bool:
        """Whether `at` is one of them."""
        return self.begins <= at < self.ends


@dataclass(frozen=True, slots=True)
class Kept:
    """A ware of this home: how much of it is used on ordinary days, and what the household believes that to be."""

    ware: Ware
    use_per_day: float
    guess_per_day: float
    at_start: float

    @property
    def days_a_pack(self) -> float:
        """How long a pack lasts on ordinary days."""
        return self.ware.pack / self.use_per_day


@dataclass(frozen=True, slots=True)
class Home:
    """One home: its wares, its appliances with their faults, and the weeks that are different."""

    seed: int
    kept: tuple[Kept, ...]
    appliances: tuple[ApplianceSection, ...]
    away: Absence
    guests: Absence

    def busy(self, midnight: datetime) -> float:
        """How much more or less is used on this day than on the mean day."""
        for span in (self.away, self.guests):
            if span.covers(midnight):
                return span.factor
        return _WEEKEND if midnight.weekday() >= 5 else _WORKDAY

    def appliance(self, device: str) -> ApplianceSection:
        """One appliance by its name."""
        return next(each for each in self.appliances if each.name == device)


def home(seed: int, *, days: int, faulty: bool = True) -> Home:
    """The home of a seed."""
    rng = random.Random(f"home:{seed}")
    busy = {device: rng.lognormvariate(0, _BUSY_SPREAD) for device in MACHINES}
    wares = _pick(rng)
    kept = tuple(_kept(ware, busy=busy[ware.device], rng=rng) for ware in wares)
    devices = sorted({each.device for each in wares})
    sections = tuple(
        _section(device, [each for each in wares if each.device == device], busy[device], rng, days=days, faulty=faulty)
        for device in devices
    )
    first, second = (0.3, 0.65) if rng.random() < 0.5 else (0.65, 0.3)
    return Home(seed, kept, sections, away=_span(first, 7, 0.0, days, rng), guests=_span(second, 7, _GUESTS, days, rng))


def _pick(rng: random.Random) -> list[Ware]:
    """Milk always; one washer at the most; the rest by chance."""
    rest = [ware for ware in WARES if ware.name not in {"milk", "powder", "detergent", "cellar_powder"}]
    washer = rng.choice(("powder", "detergent", "detergent"))
    chosen = {"milk", washer, *(ware.name for ware in rng.sample(rest, rng.randint(*_WARES_A_HOME) - 2))}
    return [ware for ware in WARES if ware.name in chosen]


def _kept(ware: Ware, *, busy: float, rng: random.Random) -> Kept:
    use = max(mean_use(MACHINES[ware.device], ware.part, busy=busy, start=START), ware.pack / _SLOWEST_PACK_D)
    guess = use * rng.lognormvariate(0, _GUESS_SPREAD)
    capacity = next(part.capacity for part in MACHINES[ware.device].kind.parts if part.name == ware.part)
    some_packs, some_days = ware.pack * rng.uniform(0.4, 1.4), use * rng.uniform(3.5, 7.0)
    at_start = min(capacity, max(some_packs, some_days))
    if ware.unit.startswith("{"):
        at_start = round(at_start)  # discs and pages come whole
    return Kept(ware, use, guess, at_start)


def _section(
    device: str, wares: Sequence[Ware], busy: float, rng: random.Random, *, days: int, faulty: bool
) -> ApplianceSection:
    machine = MACHINES[device]
    bare = ApplianceSection(
        name=device, kind=machine.kind.name, dialect=machine.dialect, busy=round(busy, 3), report_every_min=60
    )
    number = rng.choice(_FAULTS_OF_AN_APPLIANCE)
    faults = [_fault(bare, rng.choice(wares), rng, days=days) for _ in range(number)]
    return bare.model_copy(update={"faults": tuple(faults) if faulty else ()})


def _fault(appliance: ApplianceSection, ware: Ware, rng: random.Random, *, days: int) -> AnyFault:
    """One fault that would show at this appliance, for some days or for good, as its kind is."""
    dialect = appliance.dialect_class
    channel = ware.channel if ware.channel in SENSES[dialect.kind] else None
    from_h = rng.uniform(0.1, 0.7) * days * 24
    some_days_h = rng.uniform(2, 6) * 24
    faults: list[AnyFault] = [
        Duplicate(kind="duplicate", share=0.3),
        Reorder(kind="reorder", share=0.3),
        Delay(kind="delay", share=0.3, by_min=rng.choice((30.0, 120.0, 600.0))),
        Gap(kind="gap", share=rng.choice((0.2, 0.5)), from_h=1.0),
        Gap(kind="gap", share=1.0, from_h=from_h, for_h=some_days_h),  # nothing is heard at all
        Flapping(kind="flapping", up_min=200.0, down_min=60.0),
        Reboot(kind="reboot", every_h=30.0, down_min=20.0, new_boot=True),
        Flood(kind="flood", from_h=from_h, per_s=20.0, lasting_s=10.0),
        RetainedLeftover(kind="retained_leftover", age_d=60.0),
        Stuck(kind="stuck", channel=channel, from_h=from_h, for_h=some_days_h),
        Drifting(kind="drifting", channel=channel, from_h=from_h, for_h=10 * 24, per_day=rng.choice((-1, 1)) * 0.005),
        Noisy(kind="noisy", channel=channel, noise=rng.choice((0.01, 0.03)), from_h=from_h, for_h=10 * 24),
    ]
    if dialect.twin:
        faults.append(Contradictory(kind="contradictory", from_h=from_h, for_h=some_days_h))
    if dialect.clock:
        faults.append(
            WrongClock(kind="wrong_clock", by_h=rng.choice((-480_000.0, 30.0, -2.0)), from_h=from_h, for_h=some_days_h)
        )
    if dialect.unset:
        faults.append(Unset(kind="unset", from_h=from_h, for_h=some_days_h))
    return rng.choice(faults)


def _span(share: float, length_d: int, factor: float, days: int, rng: random.Random) -> Absence:
    begins = START.replace(hour=0) + timedelta(days=int(share * days + rng.uniform(-0.05, 0.05) * days))
    return Absence(begins, begins + timedelta(days=length_d), factor)
