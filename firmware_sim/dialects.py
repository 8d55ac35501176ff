"""From observations to MQTT messages: what every dialect of a vendor has in common.

A dialect turns an observation into topics and payload bytes, as its vendor or its bridge documents them. It may
remember what it said, because some devices send only what has changed. It draws no random numbers and reads no clock.
The dialects themselves are in `appliances`, and `appliances.catalogue` lists them.
"""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from firmware_sim.physics import State
from firmware_sim.sensing import Note, Observation, Off


@dataclass(frozen=True, slots=True)
class Wire:
    """One PUBLISH of a dialect."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH on its way: handed to the broker at `at`, about what the appliance had `seen`."""

    at: datetime
    device: str
    topic: str
    payload: bytes
    qos: int
    retain: bool
    seen: Observation


class Dialect(ABC):
    """How one appliance of some vendor says what it observes.

    `main` is the channel that a fault acts on where none is named, `twin` the one that tells the same thing a second
    time and can contradict it. `unset` says in words what the device tells of a part that nobody ever set up; without
    it the vendor documents no such state. `clock`: messages carry the device's own time.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    source: ClassVar[str]
    topics: ClassVar[str]
    main: ClassVar[str]
    twin: ClassVar[str | None] = None
    unset: ClassVar[str] = ""
    clock: ClassVar[bool] = False
    presence: ClassVar[bool] = False
    qos: ClassVar[int] = 0

    def __init__(self, device: str, *, address: str | None = None, home: str = "home", seed: str = "") -> None:
        self.device = device
        self.address = address or self.default_address(device)
        self.home = home
        self.seed = seed

    @classmethod
    def default_address(cls, device: str) -> str:
        """What stands for the device in the vendor's topics where the scenario does not say."""
        return device

    def anew(self) -> Dialect:
        """The same device, that has said nothing yet."""
        return type(self)(self.device, address=self.address, home=self.home, seed=self.seed)

    @abstractmethod
    def say(self, seen: Observation) -> Iterable[Wire]:
        """The messages of one observation."""

    def here(self, seen: Observation) -> Iterable[Wire]:
        """What is published on each connect, before anything else."""
        del seen
        return ()

    def gone(self, seen: Observation) -> Iterable[Wire]:
        """The last will."""
        del seen
        return ()


def speak(dialect: Dialect, stream: Iterable[Observation | Off | Note]) -> Iterator[Message | Note]:
    """The messages of one appliance: it announces itself first and after each start; every note passes through.

    Each observation leaves a line `said` in the truth log, with what was true by channel.
    """
    last: Observation | None = None
    online = False
    for seen in stream:
        match seen:
            case Note():
                yield seen
            case Off():
                if online and last is not None:
                    yield from messages(dialect, dialect.gone(last), last, at=seen.at)
                online = False
            case Observation(left_over=True):
                old = (Wire(wire.topic, wire.payload, retain=True) for wire in dialect.anew().say(seen))
                yield from messages(dialect, old, seen, at=seen.at)
            case Observation():
                if not online:
                    yield from messages(dialect, dialect.here(seen), seen, at=seen.at)
                yield from messages(dialect, dialect.say(seen), seen, at=seen.at)
                yield Note(seen.at, "said", {"truth": dict(seen.truth)})
                last, online = seen, True


def messages(dialect: Dialect, wires: Iterable[Wire], seen: Observation, *, at: datetime) -> Iterator[Message]:
    """What a dialect says, on its way at `at`."""
    for wire in wires:
        yield Message(at, dialect.device, wire.topic, wire.payload, dialect.qos, wire.retain, seen)


def compact(document: object) -> bytes:
    """A document as JSON without spaces."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def whole(value: State) -> int:
    """A number without its fraction, as devices that count in whole steps send it."""
    return round(float(value))


def number(value: State, digits: int = 2) -> float | int:
    """A number with so many decimals at the most; whole where it is."""
    rounded = round(float(value), digits)
    return int(rounded) if rounded == int(rounded) else rounded


def device_time(seen: Observation) -> datetime:
    """What the device's own clock shows."""
    return seen.at + timedelta(seconds=seen.clock_error_s)


def checksum(text: str) -> int:
    """32 bits that are always the same for a text: made-up serial numbers come from it."""
    return zlib.crc32(text.encode())


def changed(before: Mapping[str, bytes] | None, now: Mapping[str, bytes]) -> dict[str, bytes]:
    """The values that were not said with these very bytes before."""
    return {key: value for key, value in now.items() if before is None or before.get(key) != value}
