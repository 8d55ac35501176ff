"""Faults between a device and the hub, as pure transformers over the stream of its messages.

Each takes a stream that is in order of time and gives one, with exactly one thing wrong, and a line `fault` of the
truth log for each message that it has struck. Notes of the truth log pass through untouched.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from firmware_sim.dialects import Dialect, Message, messages
from firmware_sim.faults_settings import Delay, Duplicate, Flapping, Flood, Gap, Reorder, WireFault
from firmware_sim.sensing import Note, Observation

Sent: TypeAlias = Message | Note


@dataclass(frozen=True, slots=True)
class Line:
    """The line that a fault strikes: who speaks on it, when the run began, and a generator of the fault's own."""

    dialect: Dialect
    start: datetime
    rng: random.Random


def disturb(stream: Iterable[Sent], fault: WireFault, line: Line) -> Iterator[Sent]:
    """The stream with the fault in it."""
    match fault:
        case Duplicate() | Gap():
            return _repeated(stream, fault, line)
        case Reorder():
            return _swapped(stream, fault, line)
        case Delay():
            return _delayed(stream, fault, line)
        case Flapping():
            return _flapping(stream, fault, line)
        case Flood():
            return _flooded(stream, fault, line)
        case _:
            assert_never(fault)


def _struck(message: Message, fault: Duplicate | Gap | Reorder | Delay, line: Line) -> bool:
    """Whether this message is one of the unlucky share."""
    return fault.lasts(message.at, line.start) and line.rng.random() < fault.share


def _repeated(stream: Iterable[Sent], fault: Duplicate | Gap, line: Line) -> Iterator[Sent]:
    """Some messages twice, or not at all."""
    for sent in stream:
        if isinstance(sent, Note) or not _struck(sent, fault, line):
            yield sent
            continue
        yield _note(fault.kind, sent)
        if isinstance(fault, Duplicate):
            yield sent
            yield sent


def _swapped(stream: Iterable[Sent], fault: Reorder, line: Line) -> Iterator[Sent]:
    """Some messages after the one that follows them."""
    held: Message | None = None
    for sent in stream:
        if isinstance(sent, Note):
            yield sent
        elif held is not None:
            yield sent
            yield replace(held, at=sent.at)
            held = None
        elif _struck(sent, fault, line):
            yield _note("reorder", sent)
            held = sent
        else:
            yield sent
    if held is not None:
        yield held


def _delayed(stream: Iterable[Sent], fault: Delay, line: Line) -> Iterator[Sent]:
    """Some messages later, while others go by."""
    late: list[tuple[datetime, int, Message]] = []
    order = itertools.count()
    for sent in stream:
        while late and late[0][0] <= sent.at:
            yield heapq.heappop(late)[2]
        if isinstance(sent, Note) or not _struck(sent, fault, line):
            yield sent
            continue
        at = sent.at + timedelta(minutes=fault.by_min)
        yield _note("delay", sent, until=at.isoformat())
        heapq.heappush(late, (at, next(order), replace(sent, at=at)))
    while late:
        yield heapq.heappop(late)[2]


def _flapping(stream: Iterable[Sent], fault: Flapping, line: Line) -> Iterator[Sent]:
    """Down and up again. The broker tells the last will, the device announces itself, and sends what it has kept."""
    kept: list[Message] = []
    last: Observation | None = None
    down_at = fault.begins(line.start) + timedelta(minutes=fault.up_min)
    up_at: datetime | None = None
    for sent in stream:
        while True:
            if up_at is None and fault.lasts(down_at, line.start) and down_at <= sent.at:
                up_at = down_at + timedelta(minutes=fault.down_min)
                yield Note(down_at, "fault", {"fault": "flapping", "until": up_at.isoformat()})
                if last is not None:
                    yield from messages(line.dialect, line.dialect.anew().gone(last), last, at=down_at)
            elif up_at is not None and up_at <= sent.at:
                yield from _back(line, last, kept, at=up_at)
                down_at, up_at = up_at + timedelta(minutes=fault.up_min), None
            else:
                break
        if isinstance(sent, Note):
            yield sent
            continue
        last = sent.seen
        if up_at is None:
            yield sent
        elif sent.qos:
            kept.append(sent)
    if up_at is not None:
        yield from _back(line, last, kept, at=up_at)


def _back(line: Line, last: Observation | None, kept: list[Message], *, at: datetime) -> Iterator[Message]:
    """What a device publishes on a new connection. Births of a device that never went off are no new start."""
    if last is not None and line.dialect.presence:
        yield from messages(line.dialect, line.dialect.anew().here(replace(last, at=at)), last, at=at)
    yield from (replace(message, at=at) for message in kept)
    kept.clear()


def _flooded(stream: Iterable[Sent], fault: Flood, line: Line) -> Iterator[Sent]:
    """The first message within the fault's time, again and again at its rate, among whatever else is said."""
    copies: Iterator[Message] = iter(())
    copy: Message | None = None
    waiting = True
    for sent in stream:
        while copy is not None and copy.at <= sent.at:
            yield copy
            copy = next(copies, None)
        yield sent
        if waiting and isinstance(sent, Message) and not sent.seen.left_over and fault.lasts(sent.at, line.start):
            waiting = False
            yield _note("flood", sent, count=fault.count, lasting_s=fault.lasting_s)
            copies = _copies(sent, fault)
            copy = next(copies, None)
    if copy is not None:
        yield copy
        yield from copies


def _copies(sent: Message, fault: Flood) -> Iterator[Message]:
    for number in range(1, fault.count + 1):
        yield replace(sent, at=sent.at + timedelta(seconds=number / fault.per_s))


def _note(kind: str, sent: Message, **facts: object) -> Note:
    about = {"topic": sent.topic, "measured_at": sent.seen.at.isoformat()}
    return Note(sent.at, "fault", {"fault": kind, **about, **facts})
