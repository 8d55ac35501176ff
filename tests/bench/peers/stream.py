"""What every gateway gets: the same readings, byte for byte, and a publisher that keeps to what the broker can take.

A reading is one of Restock's own protocol, of a fridge that tells three values: about 200 bytes of plain JSON, which
any gateway can read. Each device has a topic of its own and counts its readings from 1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firmware_sim.appliances import native
from firmware_sim.appliances.native import Value
from firmware_sim.listening import Broker
from firmware_sim.load.link import READING, WORD, Link, Outgoing, Place
from firmware_sim.load.wire5 import Wire5

DEVICES = 200
PROBE = "fridge-probe"  # says something until a gateway has begun; it is not counted
HOME = "home"
READINGS = "restock/v1/+/+/reading"
BOOT = "bench-1"
Key = tuple[str, int]  # device, number of its reading

_PROFILE, _FIRMWARE = "restock.fridge", "bench-1.0"
_IN_FLIGHT = 1_000
_TICK_S = 0.005
_UP_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Stream:
    """The readings of one run of the bench; `began` is when the first of them was taken."""

    began: datetime

    def births(self) -> list[Outgoing]:
        """Who the devices are, retained: our hub asks for it, nobody else looks."""
        return [
            Outgoing(WORD, f"{native.base_topic(HOME, name)}/birth", self._birth(name), retain=True)
            for name in [PROBE, *map(_name, range(DEVICES))]
        ]

    def readings(self, count: int) -> list[Outgoing]:
        """The first `count` readings; one device after the other, again and again."""
        return [self._reading(_name(place % DEVICES), place // DEVICES + 1) for place in range(count)]

    def probe(self, seq: int) -> Outgoing:
        """A reading of the device that is not counted; said again, it is the same one."""
        return self._reading(PROBE, seq)

    def _birth(self, name: str) -> bytes:
        return native.birth(device=name, profile=_PROFILE, firmware=_FIRMWARE, boot=BOOT, at=self.began)

    def _reading(self, name: str, seq: int) -> Outgoing:
        values = {
            "milk": Value(1_500.0 - seq % 1_000, "g"),
            "door": Value("closed", ""),
            "temperature": Value(3.5 + seq % 10 / 10, "Cel"),
        }
        at = self.began + timedelta(seconds=seq)
        payload = native.reading(device=name, boot=BOOT, seq=seq, at=at, values=values)
        return Outgoing(READING, f"{native.base_topic(HOME, name)}/reading", payload, seq=seq)


def keys(messages: Sequence[Outgoing]) -> set[Key]:
    """What is looked for in a gateway's output once these were sent."""
    return {(message.topic.split("/")[3], message.seq) for message in messages}


def _name(number: int) -> str:
    return f"fridge-{number:03d}"


def wire_to(port: int, *, window: int = 1) -> Wire5:
    """To a broker on loopback; `window` is how many messages may wait for their PUBACK."""
    return Wire5([Place(Broker("127.0.0.1", port), "127.0.0.1")], keepalive_s=0, window=window)


class PublisherError(Exception):
    """The broker does not take the stream."""


class Publisher:
    """One connection that publishes with QoS 1. Fulfils firmware_sim.load.link.Speaker; use as a context manager."""

    client_id = "bench-publisher"
    state_topic = "bench/publisher"
    filters = ()

    def __init__(self, port: int) -> None:
        self._port = port
        self._up: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._waiting: list[Outgoing] = []
        self._done = asyncio.Event()
        self._failure = ""

    async def __aenter__(self) -> Publisher:
        await wire_to(self._port, window=_IN_FLIGHT).open(self, turn=0, source=None)
        async with asyncio.timeout(_UP_WITHIN_S):
            self._link = await self._up
        return self

    async def __aexit__(self, *_: object) -> None:
        self._link.leave(will=False)

    async def burst(self, messages: Sequence[Outgoing]) -> None:
        """Send all of them as fast as the broker takes them, and wait until it has acknowledged each.

        Raises: PublisherError: what did not get to the broker cannot be counted as lost behind it.
        """
        self._waiting = list(reversed(messages))
        self._done.clear()
        self._pump()
        await self._done.wait()
        if self._failure:
            raise PublisherError(self._failure)

    async def steadily(self, messages: Sequence[Outgoing], *, per_s: float) -> None:
        """Send them so many a second, and wait until the broker has acknowledged each."""
        began_s, sent = time.perf_counter(), 0
        while sent < len(messages):
            due = min(len(messages), int((time.perf_counter() - began_s) * per_s) + 1)
            await self.burst(messages[sent:due])
            sent = due
            await asyncio.sleep(_TICK_S)

    def _pump(self) -> None:
        while self._waiting and self._link.room() > 0:
            self._link.send(self._waiting.pop())
        if not self._waiting and self._link.is_idle:
            self._done.set()

    # --- what its connection brings (link.Speaker) ---

    def will(self) -> bytes:
        """See link.Speaker."""
        return b"gone"

    def came_up(self, link: Link) -> None:
        """See link.Speaker."""
        self._up.set_result(link)

    def hear(self, topic: str, payload: bytes) -> None:
        """See link.Speaker: it has no filters."""

    def acked(self, message: Outgoing) -> None:
        """See link.Speaker."""
        self._pump()

    def refused(self, message: Outgoing, reason: str) -> None:
        """See link.Speaker."""
        self._fail(f"the broker refuses {message.topic}: {reason}")

    def went_down(self, unacked: Sequence[Outgoing], reason: str, *, for_good: bool) -> None:
        """See link.Speaker."""
        self._fail(f"the broker takes no publisher: {reason}")

    def _fail(self, reason: str) -> None:
        self._failure = reason
        self._done.set()
        if not self._up.done():
            self._up.set_exception(PublisherError(reason))
