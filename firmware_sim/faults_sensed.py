"""Faults in a device, as pure transformers over the stream of what it observes.

Each takes a stream and gives a stream with exactly one thing wrong, and a line `fault` of the truth log before each
observation that it has changed. Everything else passes through untouched and in order. What a sensor says stays what a
sensor of its range can say.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from firmware_sim.dialects import Dialect
from firmware_sim.faults_settings import (
    Contradictory,
    Drifting,
    Noisy,
    Reboot,
    RetainedLeftover,
    SensorFault,
    Stuck,
    Unset,
    WrongClock,
)
from firmware_sim.physics import State
from firmware_sim.sensing import SENSES, Note, Observation, Off, on_scale

Sensed: TypeAlias = Observation | Off | Note
_CONTRARY = {
    "filter_status": {"normal": "replace", "preannouncement": "normal", "replace": "normal"},
    "detergent_status": {"normal": "empty", "less": "normal", "empty": "normal"},
}


@dataclass(frozen=True, slots=True)
class Device:
    """Whom a fault strikes: the dialect it speaks, when the run began, and a generator of the fault's own."""

    dialect: type[Dialect]
    start: datetime
    rng: random.Random


def strike(stream: Iterable[Sensed], fault: SensorFault, device: Device) -> Iterator[Sensed]:
    """The stream with the fault in it."""
    match fault:
        case Reboot():
            return _reboots(stream, fault, device)
        case RetainedLeftover():
            return _with_leftover(stream, fault, device)
        case Stuck() | Drifting() | Noisy() | Contradictory() | WrongClock() | Unset():
            return _changed(stream, fault, device)
        case _:
            assert_never(fault)


def numbered(stream: Iterable[Sensed]) -> Iterator[Sensed]:
    """Every observation with its `seq`, which counts from 1 after each start."""
    seq = 0
    for seen in stream:
        if not isinstance(seen, Observation) or seen.left_over:
            yield seen
            continue
        seq = 1 if seen.restarted else seq + 1
        yield replace(seen, seq=seq)


def contrary(channel: str, value: State, *, kind: str) -> State:
    """What denies the value of a channel: of a number, the end of its range that is farther away."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return _CONTRARY[channel][value]
    sense = SENSES[kind][channel]
    return sense.high if value < (sense.low + sense.high) / 2 else sense.low


_Lasting: TypeAlias = Stuck | Drifting | Noisy | Contradictory | WrongClock | Unset


def _changed(stream: Iterable[Sensed], fault: _Lasting, device: Device) -> Iterator[Sensed]:
    """Every observation within the fault's time, changed."""
    held: State | None = None
    facts: dict[str, object]
    for seen in stream:
        if not isinstance(seen, Observation) or seen.left_over or not fault.lasts(seen.at, device.start):
            yield seen
            continue
        match fault:
            case WrongClock(by_h=by_h):
                wrong, facts = replace(seen, clock_error_s=by_h * 3_600), {"by_h": by_h}
            case Unset():
                wrong, facts = replace(seen, unset=True), {}
            case _:
                channel = _channel(fault, device)
                if held is None:
                    held = seen.values[channel]
                says = _says(fault, seen, channel, held=held, device=device)
                wrong = replace(seen, values={**seen.values, channel: says})
                facts = {"channel": channel, "says": says, "instead_of": seen.values[channel]}
        yield _note(fault.kind, seen.at, **facts)
        yield wrong


def _channel(fault: Stuck | Drifting | Noisy | Contradictory, device: Device) -> str:
    if isinstance(fault, Contradictory):
        return device.dialect.twin or device.dialect.main
    return fault.channel or device.dialect.main


def _says(
    fault: Stuck | Drifting | Noisy | Contradictory, seen: Observation, channel: str, *, held: State, device: Device
) -> State:
    """What the struck sensor says."""
    told = seen.values[channel]
    match fault:
        case Stuck():
            return held
        case Contradictory():
            return contrary(channel, told, kind=device.dialect.kind)
        case Drifting(per_day=per_day):
            days = (seen.at - fault.begins(device.start)) / timedelta(days=1)
            away = per_day * days
        case Noisy(noise=noise):
            away = device.rng.gauss(0, noise)
        case _:
            assert_never(fault)
    sense = SENSES[device.dialect.kind][channel]
    return on_scale(float(told) + away * (sense.high - sense.low), sense)


def _reboots(stream: Iterable[Sensed], fault: Reboot, device: Device) -> Iterator[Sensed]:
    """Off now and then: what would be said meanwhile is not, and the next word is the first of a start."""
    off_at = fault.begins(device.start) + timedelta(hours=fault.every_h / 2)
    back_at: datetime | None = None
    boots = 0
    for seen in stream:
        while back_at is None and fault.lasts(off_at, device.start) and off_at <= seen.at:
            yield _note("reboot", off_at, down_min=fault.down_min)
            yield Off(off_at)
            back_at = off_at + timedelta(minutes=fault.down_min)
            off_at = max(off_at + timedelta(hours=fault.every_h), back_at)
        if not isinstance(seen, Observation) or seen.left_over:
            yield seen
        elif back_at is None:
            yield replace(seen, boot=seen.boot + boots)
        elif seen.at >= back_at:
            boots += fault.new_boot
            back_at = None
            yield replace(seen, boot=seen.boot + boots, restarted=True)


def _with_leftover(stream: Iterable[Sensed], fault: RetainedLeftover, device: Device) -> Iterator[Sensed]:
    """Before all else, the word of an earlier time that nothing was left."""
    pending = True
    for seen in stream:
        if pending and isinstance(seen, Observation):
            pending = False
            channel = device.dialect.main
            sense = SENSES[device.dialect.kind][channel]
            values = {**seen.values, channel: sense.used_up}
            age_s = fault.age_d * 86_400
            yield _note("retained_leftover", seen.at, channel=channel, says=sense.used_up, age_d=fault.age_d)
            yield replace(seen, values=values, boot=0, seq=1, left_over=True, clock_error_s=-age_s)
        yield seen


def _note(kind: str, at: datetime, **facts: object) -> Note:
    return Note(at, "fault", {"fault": kind, **facts})
