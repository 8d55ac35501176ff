"""What a consumer has of a fleet's readings: which, how often, and after how long. One book for every kind of consumer.

A reading is known by device, boot and seq. The boot begins with the run's own id, so that what other runs and other
devices said on the same topics is told apart and counted as `foreign`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

import orjson

from firmware_sim.crowd.delays import Delays
from firmware_sim.load.plan import KINDS, Plan
from firmware_sim.load.seqs import Seqs


class Heard:
    """The book. `held_before_s` says from when a device's connection is up: what it took before that was held."""

    def __init__(self, plan: Plan, *, run: str) -> None:
        self._plan = plan
        self._prefix = f"{run}-"
        self._seqs: list[Seqs | None] = [None] * plan.devices  # of the first boot
        self._later: dict[tuple[int, int], Seqs] = {}  # of the boots after it
        self._by_device: list[Delays | None] = [None] * plan.devices
        self.up_since_s = [0.0] * plan.devices
        self.held = Delays()
        self.times = 0
        self.distinct = 0
        self.foreign = 0
        self.breaks = 0  # of the consumer's own connection, where it is ours
        self.forgotten = 0  # how often the broker had kept nothing for it then: what is lost may be lost by that
        self.repeats: Counter[int] = Counter()  # by device
        self.unreadable: Counter[int] = Counter()
        self.kept_apart: Counter[str] = Counter()  # by the consumer's own reason

    def seqs(self, index: int, boot: int) -> Seqs | None:
        """What is there of one boot."""
        return self._later.get((index, boot)) if boot > 1 else self._seqs[index]

    def delays(self, index: int) -> Delays | None:
        """How long the readings of one device took that were sent as soon as they were taken."""
        return self._by_device[index]

    def all_delays(self) -> Delays:
        """The same of all devices."""
        together = Delays()
        for each in self._by_device:
            if each is not None:
                together.include(each)
        return together

    def index(self, device: str) -> int | None:
        """Which device of the fleet has this id."""
        kind, _, number = device.rpartition("-")
        if not number.isdecimal() or int(number) >= self._plan.devices or kind != KINDS[int(number) % len(KINDS)].name:
            return None
        return int(number)

    def _boot(self, boot: str) -> int | None:
        """Which start of a device this boot id names, from 1."""
        number = boot.removeprefix(self._prefix)
        return int(number) if number != boot and number.isdecimal() else None

    def hear(self, topic: str, payload: bytes, *, now_s: float, epoch_s: float) -> float | None:
        """Take in a reading as it came; returns how long it took, where that is known.

        Units: `now_s` since the start of the run, which was `epoch_s` seconds after 1970.
        """
        _, _, device = topic.rpartition("/")[0].rpartition("/")
        index = self.index(device)
        if index is None:
            self.foreign += 1
            return None
        try:
            words = told(orjson.loads(payload))
        except orjson.JSONDecodeError:
            words = None
        if words is None or words.device != device:
            self.unreadable[index] += 1
            return None
        return self.take(index, words, heard_s=now_s, epoch_s=epoch_s)

    def file(self, words: Told, *, heard_s: float | None, epoch_s: float) -> None:
        """Take in a reading that a consumer has kept."""
        index = self.index(words.device)
        if index is None:
            self.foreign += 1
        else:
            self.take(index, words, heard_s=heard_s, epoch_s=epoch_s)

    def take(self, index: int, words: Told, *, heard_s: float | None, epoch_s: float) -> float | None:
        """Take in one reading; returns how long it took, where that is known and no connection was waited for."""
        boot = self._boot(words.boot)
        if boot is None:
            self.foreign += 1
            return None
        self.times += 1
        if not self._book(index, boot).add(words.seq):
            self.repeats[index] += 1
            return None
        self.distinct += 1
        if heard_s is None:
            return None
        taken_s = words.at - epoch_s
        took_s = max(0.0, heard_s - taken_s)
        if taken_s < self.up_since_s[index]:
            self.held.add(took_s)
            return None
        delays = self._by_device[index]
        if delays is None:
            delays = self._by_device[index] = Delays()
        delays.add(took_s)
        return took_s

    def _book(self, index: int, boot: int) -> Seqs:
        if boot > 1:
            return self._later.setdefault((index, boot), Seqs())
        seqs = self._seqs[index]
        if seqs is None:
            seqs = self._seqs[index] = Seqs()
        return seqs


class Consumer(Protocol):
    """Whatever stands behind the broker and keeps what came."""

    name: str

    async def open(self) -> None:
        """Be ready before the first device speaks.

        Raises: listening.LinkError.
        """

    async def look(self) -> int | None:
        """How many different readings it has by now; None where that is not known."""

    async def close(self) -> None:
        """Bring the book up to date, and leave."""


class Told(NamedTuple):
    """What matters here of a reading. `at` is seconds since 1970."""

    device: str
    boot: str
    seq: int
    at: float


def told(words: object) -> Told | None:
    """What a JSON document says as a reading of the native protocol; None where it is none."""
    match words:
        case {"device": str(device), "boot": str(boot), "seq": int(seq), "at": str(at)} if seq > 0:
            try:
                return Told(device, boot, seq, epoch(at))
            except ValueError:
                return None
        case _:
            return None


def epoch(at: str) -> float:
    """Seconds since 1970 of a time as the protocol writes it, `2026-01-31T12:00:00.25Z`.

    Raises: ValueError.
    """
    return _whole(at[:19]) + (float("0" + at[19:-1]) if len(at) > len("2026-01-31T12:00:00Z") else 0.0)


@lru_cache(maxsize=256)
def _whole(second: str) -> float:
    return datetime.fromisoformat(second + "+00:00").timestamp()
