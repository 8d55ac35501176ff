"""A simulated device on the broker, and a plain feed for publishers that know no sequence numbers.

A device has a connection of its own with a last will, announces itself (retained birth and state), sends its readings
at QoS 1 in order, keeps each until the hub's `ack`, sends the rest again after a reconnect or when the hub asks for a
rebirth, and counts all of it. A feed sends finished messages and keeps each until the broker has it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import aiomqtt

from firmware_sim.appliances import native
from firmware_sim.appliances.native import Value
from firmware_sim.ledger import BootCounters, Ledger
from firmware_sim.link import BrokerAddress, cut, keep_connected, open_client, send

PENDING_MAX = 2_000
_DRAIN_TRIES = 4
_BACK_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class DeviceCounters:
    """What one device did. `first_ack_s` is in real seconds from the device's start to the hub's first `ack`."""

    device: str
    taken: int
    published: int
    pubacked: int
    promised: int
    resent: int
    dropped: int
    refused: int
    wrong_acks: int
    connections: int
    rebirths: int
    first_ack_s: float | None
    boots: tuple[BootCounters, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is on the broker."""

    home: str
    name: str
    profile: str
    firmware: str

    def topic(self, leaf: str) -> str:
        """One of the device's topics."""
        return f"{native.base_topic(self.home, self.name)}/{leaf}"


class Device:
    """One Restock-native device. `run` keeps it on the broker until `stop`; `report` hands it a reading."""

    def __init__(
        self,
        identity: Identity,
        broker: BrokerAddress,
        *,
        now: Callable[[], datetime],
        rng: random.Random,
        pending_max: int = PENDING_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._broker = broker
        self._now = now
        self._rng = rng
        self._monotonic = monotonic
        self._client_id = f"restock-sim-{identity.home}-{identity.name}-{rng.getrandbits(32):08x}"[:64]
        self._ledger = Ledger(self._new_boot_id(1), pending_max=pending_max)
        self._boots = 1
        self._client: aiomqtt.Client | None = None
        self._work = asyncio.Event()
        self._settled = asyncio.Event()
        self._online = asyncio.Event()
        self._stopping = asyncio.Event()
        self._powered = asyncio.Event()
        self._settled.set()
        self._powered.set()
        self._started_s = monotonic()
        self._first_ack_s: float | None = None
        self._connections = 0
        self._rebirths = 0

    @property
    def boot(self) -> str:
        """The current boot id."""
        return self._ledger.boot

    @property
    def last_reading(self) -> tuple[str, bytes] | None:
        """Topic and payload of the reading that was sent last."""
        last = self._ledger.last
        return None if last is None else (self._identity.topic("reading"), last.payload)

    def report(self, values: Mapping[str, Value], *, at: datetime) -> bool:
        """Take a reading to send; False when too many are unacknowledged."""
        device = self._identity.name
        taken = self._ledger.take(
            lambda boot, seq: native.reading(device=device, boot=boot, seq=seq, at=at, values=values)
        )
        self._wake()
        return taken

    async def run(self) -> None:
        """Stay on the broker until `stop`."""
        self._started_s = self._monotonic()
        await keep_connected(self._connect, self._session, rng=self._rng)

    async def restart(self, *, within_s: float = _BACK_WITHIN_S) -> bool:
        """Power off and on; False if not back `within_s` (real)."""
        self.power_off()
        return await self.power_on(within_s=within_s)

    def power_off(self) -> None:
        """Leave without a goodbye: unacknowledged readings are forgotten, and what comes back has a new boot."""
        self._powered.clear()
        self._online.clear()
        self._boots += 1
        self._ledger.restart(self._new_boot_id(self._boots))
        self._wake()
        if self._client is not None:
            cut(self._client)

    async def power_on(self, *, within_s: float = _BACK_WITHIN_S) -> bool:
        """Come back; False if that takes longer than `within_s` (real)."""
        self._powered.set()
        return await _within(self._online, within_s)

    async def stop(self, *, within_s: float) -> bool:
        """Wait until the hub has acknowledged everything, `within_s` (real) at the most, then leave the broker.

        Where nothing more is acknowledged for a while, what is left is sent again: an `ack` may have been lost.
        A hub that is slow is not given more to do.
        """
        done = False
        for _ in range(_DRAIN_TRIES):
            left = self._ledger.pending
            done = await _within(self._settled, within_s / _DRAIN_TRIES)
            if done:
                break
            if self._ledger.pending >= left:
                self._ledger.send_again()
                self._work.set()
        self._stopping.set()
        return done

    def counters(self) -> DeviceCounters:
        """The books so far."""
        boots = self._ledger.counters()
        return DeviceCounters(
            device=self._identity.name,
            taken=sum(boot.taken for boot in boots),
            published=sum(boot.published for boot in boots),
            pubacked=sum(last - first + 1 for boot in boots for first, last in boot.pubacked),
            promised=sum(boot.promised_up_to for boot in boots),
            resent=self._ledger.resent,
            dropped=sum(boot.dropped for boot in boots),
            refused=self._ledger.refused,
            wrong_acks=self._ledger.wrong_acks,
            connections=self._connections,
            rebirths=self._rebirths,
            first_ack_s=self._first_ack_s,
            boots=boots,
        )

    def _new_boot_id(self, number: int) -> str:
        return f"boot{number}-{self._rng.getrandbits(40):010x}"

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[aiomqtt.Client]:
        await self._powered.wait()
        gone = native.state(device=self._identity.name, boot=self.boot, state="offline")
        will = aiomqtt.Will(self._identity.topic("state"), gone, qos=1, retain=True)
        async with open_client(self._broker, client_id=self._client_id, will=will) as client:
            yield client

    async def _session(self, client: aiomqtt.Client) -> None:
        """One connection: announce, then send and listen until told to stop."""
        self._client = client
        self._connections += 1
        await client.subscribe([(self._identity.topic("ack"), 1), (self._identity.topic("cmd"), 1)])
        await self._announce(client)
        self._ledger.send_again()
        self._online.set()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._send(client)), group.create_task(self._listen(client))]
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._client = None
        await self._say(client, "offline")

    async def _announce(self, client: aiomqtt.Client) -> None:
        """Retained birth first, so that whoever sees the device online knows what it is."""
        who = self._identity
        certificate = native.birth(
            device=who.name,
            profile=who.profile,
            firmware=who.firmware,
            boot=self.boot,
            at=self._now(),
            first_seq=self._ledger.first_held,
        )
        await send(client, who.topic("birth"), certificate, retain=True)
        await self._say(client, "online")

    async def _say(self, client: aiomqtt.Client, state: native.StateWord) -> None:
        payload = native.state(device=self._identity.name, boot=self.boot, state=state)
        await send(client, self._identity.topic("state"), payload, retain=True)

    async def _send(self, client: aiomqtt.Client) -> None:
        """Send readings one after the other, so that they arrive in order."""
        topic = self._identity.topic("reading")
        while True:
            outgoing = self._ledger.next_to_send()
            if outgoing is None:
                self._work.clear()
                await self._work.wait()
                continue
            await send(client, topic, outgoing.payload)
            self._ledger.pubacked(outgoing)

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Hear the hub's acknowledgements and commands; anything else is no business of ours."""
        async for message in client.messages:
            words = _parse(message.payload)
            match message.topic.value.rpartition("/")[2], words:
                case "ack", {"boot": str(boot), "seq": int(seq)}:
                    self._acknowledged(boot, seq)
                case "cmd", {"cmd": "rebirth"}:
                    self._rebirths += 1
                    await self._announce(client)
                    self._ledger.send_again()
                    self._work.set()
                case _:
                    pass

    def _acknowledged(self, boot: str, seq: int) -> None:
        self._ledger.acknowledged(boot, seq)
        if self._first_ack_s is None:
            self._first_ack_s = self._monotonic() - self._started_s
        self._wake()

    def _wake(self) -> None:
        """Tell the sender that there is work, and `stop` whether anything is left."""
        self._work.set()
        if self._ledger.pending:
            self._settled.clear()
        else:
            self._settled.set()


@dataclass(frozen=True, slots=True)
class FeedCounters:
    """What a feed did. `dropped` messages found the queue full; `pubacked` ones are at the broker."""

    name: str
    taken: int
    pubacked: int
    dropped: int


class Feed:
    """A publisher without sequence numbers: finished messages, each kept until the broker acknowledged it."""

    def __init__(self, name: str, broker: BrokerAddress, *, rng: random.Random, pending_max: int = PENDING_MAX) -> None:
        self._name = name
        self._broker = broker
        self._rng = rng
        self._pending_max = pending_max
        self._client_id = f"restock-sim-{name}-{rng.getrandbits(32):08x}"[:64]
        self._pending: deque[tuple[str, bytes, bool]] = deque()
        self._work = asyncio.Event()
        self._settled = asyncio.Event()
        self._stopping = asyncio.Event()
        self._settled.set()
        self._taken = 0
        self._pubacked = 0
        self._dropped = 0

    def offer(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Take a message to send; False when the queue is full."""
        if len(self._pending) >= self._pending_max:
            self._dropped += 1
            return False
        self._pending.append((topic, payload, retain))
        self._taken += 1
        self._settled.clear()
        self._work.set()
        return True

    async def run(self) -> None:
        """Stay on the broker until `stop`."""
        await keep_connected(lambda: open_client(self._broker, client_id=self._client_id), self._session, rng=self._rng)

    async def stop(self, *, within_s: float) -> bool:
        """Wait until the broker has everything, `within_s` (real) at the most, then leave."""
        done = await _within(self._settled, within_s)
        self._stopping.set()
        return done

    def counters(self) -> FeedCounters:
        """The books so far."""
        return FeedCounters(self._name, self._taken, self._pubacked, self._dropped)

    async def _session(self, client: aiomqtt.Client) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._send(client))
            await self._stopping.wait()
            task.cancel()

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            if not self._pending:
                self._settled.set()
                self._work.clear()
                await self._work.wait()
                continue
            topic, payload, retain = self._pending[0]
            await send(client, topic, payload, retain=retain)
            self._pending.popleft()
            self._pubacked += 1


async def _within(event: asyncio.Event, within_s: float) -> bool:
    """Whether the event is set before so many real seconds have passed."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _parse(payload: object) -> object:
    """The JSON document in a payload, None where there is none."""
    try:
        return json.loads(payload) if isinstance(payload, bytes) else None
    except ValueError:
        return None
