"""A fleet of appliances as one stream of messages and of the truth behind them, in order of time.

Pure and lazy: the same scenario, seed and start give the same bytes. `fleet_run` plays it to a broker.

The path of one appliance: physics -> sensors -> faults of the device -> numbers -> dialect -> faults of the wire.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from firmware_sim.dialects import Message, speak
from firmware_sim.faults_sensed import Device, Sensed, numbered, strike
from firmware_sim.faults_settings import Delay, Duplicate, Flapping, Flood, Gap, Reorder
from firmware_sim.faults_wire import Line, Sent, disturb
from firmware_sim.physics import Part, Physics
from firmware_sim.physics_kinds import KINDS
from firmware_sim.scenario_fleet import ApplianceSection
from firmware_sim.sensing import Note, Sensors, observe

_ON_THE_WIRE = (Duplicate, Reorder, Delay, Gap, Flapping, Flood)

Event: TypeAlias = tuple[str, Sent]


def play(
    appliances: Sequence[ApplianceSection], *, start: datetime, lasts: timedelta, seed: int, home: str = "home"
) -> Iterator[Event]:
    """What every appliance says, and what is true, as (name of the appliance, message or note)."""
    streams = [_named(each, start=start, lasts=lasts, seed=seed, home=home) for each in appliances]
    return heapq.merge(*streams, key=lambda event: event[1].at)


def sound(appliance: ApplianceSection) -> ApplianceSection:
    """The same appliance without its faults: it lives through the very same days."""
    return appliance.model_copy(update={"faults": ()})


def truth_line(name: str, note: Note) -> str:
    """One line of the truth log: a JSON object with `at`, `device`, `what` and what that needs."""
    at = note.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps({"at": at, "device": name, "what": note.what, **note.facts}, separators=(",", ":"))


def _named(appliance: ApplianceSection, *, start: datetime, lasts: timedelta, seed: int, home: str) -> Iterator[Event]:
    stream = _stream(appliance, start=start, lasts=lasts, seed=f"{seed}:{appliance.name}", home=home)
    return ((appliance.name, sent) for sent in stream)


def _stream(appliance: ApplianceSection, *, start: datetime, lasts: timedelta, seed: str, home: str) -> Iterator[Sent]:
    """One appliance from its physics to the wire."""
    dialect = appliance.dialect_class(appliance.name, address=appliance.address, home=home, seed=seed)
    sensed: Iterable[Sensed] = _observed(appliance, start=start, lasts=lasts, seed=seed)
    rngs = [random.Random(f"{seed}:fault:{number}:{fault.kind}") for number, fault in enumerate(appliance.faults)]
    for fault, rng in zip(appliance.faults, rngs, strict=True):
        if not isinstance(fault, _ON_THE_WIRE):
            sensed = strike(sensed, fault, Device(appliance.dialect_class, start, rng))
    sent: Iterable[Sent] = speak(dialect, numbered(sensed))
    for fault, rng in zip(appliance.faults, rngs, strict=True):
        if isinstance(fault, _ON_THE_WIRE):
            sent = disturb(sent, fault, Line(dialect, start, rng))
    yield _first_note(appliance, start=start)
    yield from sent


def _observed(appliance: ApplianceSection, *, start: datetime, lasts: timedelta, seed: str) -> Iterator[Sensed]:
    kind = KINDS[appliance.kind]
    physics = Physics(
        [_part(part, appliance) for part in kind.parts],
        kind.plan,
        start=start,
        rng=random.Random(f"{seed}:life"),
        busy=appliance.busy,
        states=kind.states,
        counters=kind.counters,
    )
    sensors = Sensors(kind.name, seed=seed)
    every = timedelta(minutes=appliance.report_every_min)
    return observe(kind, physics, sensors, every=every, until=start + lasts)


def _part(part: Part, appliance: ApplianceSection) -> Part:
    """A part as the scenario wants it."""
    filled = replace(part, initial=appliance.initial.get(part.name, part.initial))
    return filled if appliance.refill else replace(filled, refill_below=0.0)


def _first_note(appliance: ApplianceSection, *, start: datetime) -> Note:
    parts = [_part(part, appliance) for part in KINDS[appliance.kind].parts]
    stock = {
        part.name: {"unit": part.unit, "capacity": part.capacity, "left": part.capacity * part.initial}
        for part in parts
    }
    return Note(start, "begin", {"kind": appliance.kind, "dialect": appliance.dialect_class.name, "stock": stock})


__all__ = ["Event", "Message", "play", "sound", "truth_line"]
