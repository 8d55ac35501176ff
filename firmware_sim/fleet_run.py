"""A fleet on a real broker: each appliance has a connection of its own, and every message goes out at its time.

Times in the stream are virtual, deadlines on the wire are real. A connection that is lost comes back, and what was not
taken by the broker is sent again; the faults of a scenario are in the stream, not in the connection. A native appliance
listens to the hub besides: it holds each reading until its `ack`, and answers a `rebirth`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Protocol, TextIO

import aiomqtt

from firmware_sim.dialects import Message
from firmware_sim.fleet import Event, truth_line
from firmware_sim.held import Held, native_base
from firmware_sim.link import keep_connected
from firmware_sim.sensing import Note

_ACKS_WITHIN_S = 10.0
_WAITING_MAX = 1_000  # messages of one appliance that the broker has not taken yet; then the run waits for it

Connect = Callable[[], aiomqtt.Client]


class Clock(Protocol):
    """Virtual time."""

    def now(self) -> datetime:
        """The virtual time."""

    async def sleep(self, duration_s: float, /) -> None:
        """Wait so many virtual seconds."""


async def run(
    events: Iterable[Event], names: Sequence[str], *, connect: Connect, clock: Clock, truth: TextIO | None = None
) -> Counter[str]:
    """Play the events of these appliances; returns how many messages of each the broker has taken.

    `connect` gives an unopened client for each connection. The truth log gets its lines as they become true.
    """
    sent: Counter[str] = Counter()
    async with _speakers(names, connect=connect, sent=sent) as queues:
        for name, event in events:
            wait_s = (event.at - clock.now()).total_seconds()
            if wait_s > 0:
                await clock.sleep(wait_s)
            match event:
                case Note():
                    if truth is not None:
                        truth.write(truth_line(name, event) + "\n")
                case Message():
                    await queues[name].put(event)
                    await asyncio.sleep(0)  # a flood must not keep the others from speaking
    return sent


@asynccontextmanager
async def _speakers(
    names: Sequence[str], *, connect: Connect, sent: Counter[str]
) -> AsyncIterator[dict[str, asyncio.Queue[Message | None]]]:
    """A queue to each appliance's connection; on leaving, what is queued is sent, and the connections are closed."""
    queues: dict[str, asyncio.Queue[Message | None]] = {name: asyncio.Queue(_WAITING_MAX) for name in names}
    async with asyncio.TaskGroup() as group:
        for name, queue in queues.items():
            group.create_task(_speak(name, queue, connect=connect, sent=sent), name=f"appliance-{name}")
        yield queues
        for queue in queues.values():
            await queue.put(None)


async def _speak(name: str, queue: asyncio.Queue[Message | None], *, connect: Connect, sent: Counter[str]) -> None:
    """One appliance: connect, send what is queued, connect again; until None is queued."""
    speaker = _Speaker(queue, sent=sent, name=name)
    await keep_connected(connect, speaker.session, rng=random.Random(name))


class _Speaker:
    """One appliance on its connection. A native one listens too, and sends again what the hub has not acknowledged."""

    def __init__(self, queue: asyncio.Queue[Message | None], *, sent: Counter[str], name: str) -> None:
        self._queue = queue
        self._sent = sent
        self._name = name
        self._in_hand: list[Message] = []
        self._held = Held()
        self._base: str | None = None  # of a native appliance, from its first message on
        self._is_over = False
        self._changed = asyncio.Event()
        self._speaks = asyncio.Lock()  # a birth and what is sent again stand together

    async def session(self, client: aiomqtt.Client) -> None:
        """One connection."""
        async with asyncio.TaskGroup() as group:
            listener = group.create_task(self._listen(client))
            if self._base is not None:
                await self._subscribe(client, self._base)
                await self._say_again(client)
            await self._send(client)
            await self._wait_for_acks()
            listener.cancel()

    async def _send(self, client: aiomqtt.Client) -> None:
        while not self._is_over:
            if not self._in_hand:
                message = await self._queue.get()
                self._is_over = message is None
                if message is None:
                    return
                await self._take(client, message)
            async with self._speaks:
                await _publish(client, self._in_hand[0])
                is_state = self._in_hand.pop().topic.endswith("/state")
                self._sent[self._name] += 1
                for message in self._held.due() if is_state else ():
                    await _publish(client, message)

    async def _take(self, client: aiomqtt.Client, message: Message) -> None:
        base = native_base(message.topic)
        self._in_hand.append(message if base is None else self._held.note(message))
        if base is not None and self._base is None:
            self._base = base
            await self._subscribe(client, base)

    async def _subscribe(self, client: aiomqtt.Client, base: str) -> None:
        await client.subscribe([(f"{base}ack", 1), (f"{base}cmd", 1)])

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if isinstance(message.payload, bytes) and self._held.hear(message.topic.value, message.payload):
                await self._say_again(client)
            self._changed.set()

    async def _say_again(self, client: aiomqtt.Client) -> None:
        async with self._speaks:
            for message in list(self._held.again()):
                await _publish(client, message)

    async def _wait_for_acks(self) -> None:
        """At the end of the stream, where there is a hub: until it has everything, for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ACKS_WITHIN_S):
                while self._held.is_heard and self._held.count:
                    self._changed.clear()
                    await self._changed.wait()


async def _publish(client: aiomqtt.Client, message: Message) -> None:
    await client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
