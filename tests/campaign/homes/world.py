"""What is true in one simulated home: appliances, cupboards, dates on packs, and the hours in which something lacked.

It moves an hour at a time. What the appliances say comes out of it as messages; the hour's end is the only moment at
which somebody in the home does anything, so every policy meets the same days. A world knows nothing of any policy.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from firmware_sim.dialects import Message, speak
from firmware_sim.faults_sensed import Device, Sensed, numbered, strike
from firmware_sim.faults_settings import Delay, Duplicate, Flapping, Flood, Gap, Reorder
from firmware_sim.faults_wire import Line, Sent, disturb
from firmware_sim.physics import Part, Physics
from firmware_sim.physics_kind import Kind
from firmware_sim.scenario_fleet import ApplianceSection
from firmware_sim.sensing import Note, Observation, Sensors
from tests.campaign.homes.appliances import MACHINES, living
from tests.campaign.homes.household import START, Home, Kept

HOUR = timedelta(hours=1)
_ON_THE_WIRE = (Duplicate, Reorder, Delay, Gap, Flapping, Flood)
_HOUR_IS_OVER = "hour"
_CRUMBS = 0.02  # of a pack: what is left of a batch below this is nothing


@dataclass(slots=True)
class Pile:
    """Part of a stock with one date; amounts in the ware's unit."""

    amount: float
    best_before: date


@dataclass(slots=True)
class Stock:
    """One ware as it is: what is in the appliance, what is in the cupboard, and what became of it."""

    kept: Kept
    physics: Physics
    cupboard: float = 0.0
    piles: list[Pile] = field(default_factory=list)
    out_days: set[date] = field(default_factory=set)
    spoiled_packs: float = 0.0
    bought_packs: float = 0.0
    used_on: dict[date, float] = field(default_factory=dict)
    received: list[tuple[datetime, float]] = field(default_factory=list)  # when, how many packs
    _used: float = 0.0
    _unmet: float = 0.0

    @property
    def inside(self) -> float:
        """What is in the appliance."""
        return self.physics.left(self.kept.ware.part)

    @property
    def amount(self) -> float:
        """All there is at home."""
        return self.inside + self.cupboard

    @property
    def packs(self) -> float:
        """All there is at home, in packs."""
        return self.amount / self.kept.ware.pack

    def receive(self, packs: float, *, now: datetime) -> None:
        """Packs come into the house. On a tray they stand at once, as far as there is room."""
        ware = self.kept.ware
        self.cupboard += packs * ware.pack
        self.bought_packs += packs
        self.received.append((now, packs))
        if ware.keeps_d is not None:
            self.piles.append(Pile(packs * ware.pack, (now + timedelta(days=ware.keeps_d)).date()))
        if ware.place == "tray":
            self.fill_up()

    def fill_up(self) -> None:
        """Put as much from the cupboard into the appliance as fits; a cartridge is changed for a new one."""
        ware = self.kept.ware
        vessel = self.physics.vessels[ware.part]
        if ware.place == "cartridge":
            if self.cupboard >= ware.pack:
                self.cupboard -= ware.pack
                vessel.amount = 0.0
                vessel.fill(ware.pack)
            return
        room = vessel.part.capacity - vessel.amount
        self.cupboard -= vessel.fill(min(self.cupboard, room))

    @property
    def wants_filling(self) -> bool:
        """Whether somebody would fill the appliance up now, if there is anything to fill it with."""
        if self.cupboard <= 0:
            return False
        return self.inside <= self.kept.ware.fill_below * self.physics.vessels[self.kept.ware.part].part.capacity

    def throw_away(self, amount: float) -> None:
        """Part of it leaves the house unused."""
        from_cupboard = min(self.cupboard, amount)
        self.cupboard -= from_cupboard
        vessel = self.physics.vessels[self.kept.ware.part]
        vessel.amount = max(0.0, vessel.amount - (amount - from_cupboard))

    def close_hour(self, now: datetime) -> float:
        """Book the hour that is over; returns what was thrown away because its date had passed."""
        vessel = self.physics.vessels[self.kept.ware.part]
        used, unmet = vessel.used - self._used, vessel.unmet - self._unmet
        self._used, self._unmet = vessel.used, vessel.unmet
        day = (now - timedelta(seconds=1)).date()
        self.used_on[day] = self.used_on.get(day, 0.0) + used
        if unmet > 0 and self.cupboard <= 0:
            self.out_days.add(day)
        return self._age(used, now=now) if self.kept.ware.keeps_d is not None else 0.0

    def _age(self, used: float, *, now: datetime) -> float:
        """The oldest is used first; what is past its date is thrown away."""
        while used > 0 and self.piles:
            taken = min(used, self.piles[0].amount)
            self.piles[0].amount -= taken
            used -= taken
            if self.piles[0].amount <= 1e-9:
                self.piles.pop(0)
        spoiled = 0.0
        while self.piles and now.date() > self.piles[0].best_before:
            spoiled += self.piles.pop(0).amount
        if spoiled > _CRUMBS * self.kept.ware.pack:
            self.spoiled_packs += spoiled / self.kept.ware.pack
        if spoiled > 0:
            self.throw_away(spoiled)
        return spoiled


class World:
    """The home. `pass_hour` moves it and gives what was said meanwhile, in order of time."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.now = START
        self.stocks: dict[str, Stock] = {}
        self._voices: list[Iterator[Sent]] = []
        for section in home.appliances:
            self._settle(section)

    def pass_hour(self) -> list[Message]:
        """One hour; the messages that reach the broker in it."""
        self.now += HOUR
        said: list[Message] = []
        for voice in self._voices:
            said += _until_the_hour(voice)
        said.sort(key=lambda message: message.at)
        return said

    def close_hour(self) -> dict[str, float]:
        """Books of the hour; what was thrown away, by ware."""
        thrown = {name: stock.close_hour(self.now) for name, stock in self.stocks.items()}
        return {name: amount for name, amount in thrown.items() if amount > 0}

    def fault_of(self, device: str, at: datetime) -> str:
        """The fault that an appliance has at `at`, for the statistics; of two the first."""
        faults = self.home.appliance(device).faults
        return next((fault.kind for fault in faults if fault.lasts(at, START)), "none")

    def _settle(self, section: ApplianceSection) -> None:
        home, machine = self.home, MACHINES[section.name]
        kept = [each for each in home.kept if each.ware.device == section.name]
        kind = living(machine, how_busy=home.busy)
        physics = Physics(
            [_part(part, kept) for part in kind.parts],
            kind.plan,
            start=START,
            rng=random.Random(f"{home.seed}:{section.name}:life"),
            busy=section.busy,
            states=kind.states,
            counters=kind.counters,
        )
        for each in kept:
            self.stocks[each.ware.name] = _stock(each, physics)
        is_heard = any(each.ware.sensing != "none" for each in kept)
        self._voices.append(_voice(section, kind, physics, seed=f"{home.seed}:{section.name}", is_heard=is_heard))


def _part(part: Part, kept: list[Kept]) -> Part:
    """A part that people fill, where it is one of the home's wares; the others look after themselves."""
    mine = next((each for each in kept if each.ware.part == part.name), None)
    if mine is None:
        return part
    return replace(part, initial=mine.at_start / part.capacity, refill_below=0.0)


def _stock(kept: Kept, physics: Physics) -> Stock:
    stock = Stock(kept, physics)
    if kept.ware.keeps_d is not None:
        stock.piles.append(Pile(stock.inside, (START + timedelta(days=kept.ware.keeps_d - 1)).date()))
    return stock


def _voice(section: ApplianceSection, kind: Kind, physics: Physics, *, seed: str, is_heard: bool) -> Iterator[Sent]:
    """One appliance from its physics to the wire, as `firmware_sim.fleet` does it, with a mark at the end of each hour.

    The marks are notes, which every stage passes on in their place; so nothing behind them happens before they are
    read, and the household can act between two hours.
    """
    sensed: Iterator[Sensed] = _observe(section, kind, physics, seed=seed)
    if not is_heard:
        return (each for each in sensed if isinstance(each, Note))
    dialect = section.dialect_class(section.name, seed=seed)
    rngs = [random.Random(f"{seed}:fault:{number}:{fault.kind}") for number, fault in enumerate(section.faults)]
    for fault, rng in zip(section.faults, rngs, strict=True):
        if not isinstance(fault, _ON_THE_WIRE):
            sensed = strike(sensed, fault, Device(section.dialect_class, START, rng))
    sent: Iterator[Sent] = speak(dialect, numbered(sensed))
    for fault, rng in zip(section.faults, rngs, strict=True):
        if isinstance(fault, _ON_THE_WIRE):
            sent = disturb(sent, fault, Line(dialect, START, rng))
    return sent


def _observe(section: ApplianceSection, kind: Kind, physics: Physics, *, seed: str) -> Iterator[Sensed]:
    """Everything that is seen, for ever: at every report, and whenever the appliance speaks by itself."""
    sensors, every = Sensors(kind.name, seed=seed), timedelta(minutes=section.report_every_min)
    due, hour = physics.now, physics.now + HOUR
    while True:
        at = min(due, physics.next_at)
        if at > hour:
            physics.advance(hour)
            yield Note(hour, _HOUR_IS_OVER)
            hour += HOUR
            continue
        deeds = physics.advance(at)
        if at >= due or any(deed.tells for deed in deeds):
            truth = kind.truth(physics)
            yield Observation(at, sensors.read(truth, at=at), truth)
        if at >= due:
            due += every


def _until_the_hour(voice: Iterator[Sent]) -> Iterator[Message]:
    for sent in voice:
        if isinstance(sent, Message):
            yield sent
        elif sent.what == _HOUR_IS_OVER:
            return
