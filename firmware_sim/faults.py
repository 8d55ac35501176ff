"""Faults that a run must survive: strange messages beside the true stream, and a device restart.

A strange message is extra: it takes no seq of a true reading, has a boot id of its own, and says something that would
do harm if it were believed (no milk at all). It is counted apart. The one exception is the duplicate, which repeats a
true reading word for word and so changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from firmware_sim.appliances import native
from firmware_sim.appliances.native import Value

_LONG_AGO = timedelta(days=60)
_EMPTY = {"milk": Value(0, "g"), "door": Value("closed", ""), "temperature": Value(4.0, "Cel")}


class FaultKind(StrEnum):
    """What goes wrong."""

    MALFORMED = "malformed"  # half a JSON document
    UNKNOWN_DEVICE = "unknown_device"  # a device without a birth certificate
    WRONG_UNIT = "wrong_unit"  # milk in degrees
    OUT_OF_RANGE = "out_of_range"  # nine tonnes of milk
    CLOCK_1970 = "clock_1970"  # a device whose clock was never set
    DEVICE_MISMATCH = "device_mismatch"  # the payload names another device than the topic
    RETAINED_READING = "retained_reading"  # an old reading that the broker keeps for later subscribers
    DUPLICATE = "duplicate"  # a true reading once more
    DEVICE_RESTART = "device_restart"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, `after` so much virtual time of the run."""

    after: timedelta
    kind: FaultKind


@dataclass(frozen=True, slots=True)
class Stray:
    """A message that does not belong to the true stream."""

    topic: str
    payload: bytes
    retain: bool = False


def plan_faults(counts: Mapping[FaultKind, int], *, window: timedelta, seed: int) -> tuple[Fault, ...]:
    """`counts` faults of each kind at random moments of the window, in order of time.

    A retained reading comes first of all: a broker marks it as retained only for those who subscribe after it.
    """
    rng = random.Random(f"{seed}:faults")
    planned = []
    for kind in FaultKind:
        for _ in range(counts.get(kind, 0)):
            share = 0.0 if kind is FaultKind.RETAINED_READING else rng.uniform(0.1, 1.0)
            planned.append(Fault(window * share, kind))
    return tuple(sorted(planned, key=lambda fault: fault.after))


def stray(kind: FaultKind, *, home: str, at: datetime, rng: random.Random) -> Stray:
    """The message of one fault, as if the fridge had sent it.

    Raises: ValueError for a duplicate or a restart, which need a living device.
    """
    boot = f"fault-{rng.getrandbits(40):010x}"
    sender = "toaster" if kind is FaultKind.UNKNOWN_DEVICE else "fridge"
    match kind:
        case FaultKind.MALFORMED:
            payload = _reading(boot, at)[:-25]
        case FaultKind.UNKNOWN_DEVICE:
            payload = _reading(boot, at, device=sender)
        case FaultKind.WRONG_UNIT:
            payload = _reading(boot, at, milk=Value(0, "Cel"))
        case FaultKind.OUT_OF_RANGE:
            payload = _reading(boot, at, milk=Value(9_000_000, "g"))
        case FaultKind.CLOCK_1970:
            payload = _reading(boot, datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC))
        case FaultKind.DEVICE_MISMATCH:
            payload = _reading(boot, at, device="washer")
        case FaultKind.RETAINED_READING:
            # Old too: a hub that is subscribed already gets it without the retained mark, as if it were fresh.
            payload = _reading(boot, at - _LONG_AGO)
        case FaultKind.DUPLICATE | FaultKind.DEVICE_RESTART:
            raise ValueError(f"{kind} is no message of its own")
    topic = f"{native.base_topic(home, sender)}/reading"
    return Stray(topic, payload, retain=kind is FaultKind.RETAINED_READING)


def _reading(boot: str, at: datetime, *, device: str = "fridge", milk: Value | None = None) -> bytes:
    values = _EMPTY if milk is None else _EMPTY | {"milk": milk}
    return native.reading(device=device, boot=boot, seq=1, at=at, values=values)
