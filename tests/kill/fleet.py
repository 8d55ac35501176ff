"""Three real simulated devices that publish in bursts and keep books of what the broker and the hub acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import aiomqtt

from firmware_sim.appliances.native import Value
from firmware_sim.link import BrokerAddress, keep_connected, open_client
from firmware_sim.publish import Device, DeviceCounters, Identity
from tests.kill.oracle import Key, keys
from tests.kill.waiting import comes_true

HOME = "home"
SIGNALS = {"fridge": 1, "washer": 1, "vehicle": 2}  # how many readings the hub makes of one message
_VALUES: Mapping[str, Callable[[int], Mapping[str, Value]]] = {
    "fridge": lambda n: {"milk": Value(float(n), "g"), "door": Value("closed", "")},
    "washer": lambda n: {"cycles": Value(float(n), "{cycle}")},
    "vehicle": lambda n: {"washer_fluid": Value(50.0, "%"), "odometer": Value(float(n), "km")},
}
_LEAVE_WITHIN_S = 5.0


class Fleet:
    """A fridge, a washer and a vehicle, each on a connection of its own. Reading number n carries the value n."""

    def __init__(self, port: int, *, seed: int) -> None:
        self.devices = {name: _device(name, port, random.Random(f"{seed}/{name}")) for name in SIGNALS}
        self.acks_heard = 0  # messages of the hub on the devices' `ack` topics; each stands for a commit
        self._port = port
        self._tasks: list[asyncio.Task[None]] = []
        self._ear: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(device.run(), name=name) for name, device in self.devices.items()]
        self._ear = asyncio.create_task(self._listen(), name="ear")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(device.stop(within_s=0.1) for device in self.devices.values()))
        _, late = await asyncio.wait(self._tasks, timeout=_LEAVE_WITHIN_S)
        for task in (self._ear, *late):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def burst(self, count: int) -> None:
        """So many readings more of each device, at once."""
        now = datetime.now(UTC)
        for name, device in self.devices.items():
            taken = device.counters().taken
            for number in range(taken + 1, taken + count + 1):
                if not device.report(_VALUES[name](number), at=now):
                    raise AssertionError(f"{name} has no room for reading {number}")

    def counters(self) -> list[DeviceCounters]:
        """The books of each device."""
        return [device.counters() for device in self.devices.values()]

    @property
    def taken(self) -> int:
        """How many readings the devices were given."""
        return sum(each.taken for each in self.counters())

    @property
    def promised(self) -> int:
        """How many of them the hub has acknowledged on its own topic."""
        return sum(each.promised for each in self.counters())

    def promised_keys(self) -> list[Key]:
        """What the hub has acknowledged on its own topic."""
        return [
            (each.device, boot.boot, seq)
            for each in self.counters()
            for boot in each.boots
            for seq in range(1, boot.promised_up_to + 1)
        ]

    def pubacked_keys(self) -> list[Key]:
        """What the broker has acknowledged."""
        return keys({each.device: {boot.boot: boot.pubacked for boot in each.boots} for each in self.counters()})

    async def settled(self, *, within_s: float) -> bool:
        """Whether the hub has acknowledged everything within so many real seconds."""
        return await comes_true(lambda: self.promised == self.taken, within_s=within_s)

    async def _listen(self) -> None:
        broker = BrokerAddress("127.0.0.1", self._port)
        await keep_connected(lambda: open_client(broker, client_id="ear"), self._count_acks, rng=random.Random("ear"))

    async def _count_acks(self, client: aiomqtt.Client) -> None:
        await client.subscribe(f"restock/v1/{HOME}/+/ack", qos=1)
        async for _ in client.messages:
            self.acks_heard += 1


def _device(name: str, port: int, rng: random.Random) -> Device:
    identity = Identity(home=HOME, name=name, profile=f"restock.{name}", firmware="1.0")
    return Device(identity, BrokerAddress("127.0.0.1", port), now=lambda: datetime.now(UTC), rng=rng)


async def first_subscription(port: int) -> None:
    """Wait until the hub has subscribed for the first time: from then on the broker keeps messages for it.

    A device of its own reports until it is answered, so that nothing which is judged can have come too early.
    """
    scout = _device("fridge", port, random.Random("scout"))
    running = asyncio.create_task(scout.run(), name="scout")
    try:
        async with asyncio.timeout(30):
            while not scout.counters().promised:
                scout.report(_VALUES["fridge"](0), at=datetime.now(UTC))
                await comes_true(lambda: scout.counters().promised, within_s=0.2)
    finally:
        await scout.stop(within_s=_LEAVE_WITHIN_S)
        await running
