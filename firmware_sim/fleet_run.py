"""A fleet on a real broker: each appliance has a connection of its own, and every message goes out at its time.

Times in the stream are virtual, deadlines on the wire are real. A connection that is lost comes back, and what was not
taken by the broker is sent again; the faults of a scenario are in the stream, not in the connection.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TextIO

import aiomqtt

from firmware_sim.clock import MappedClock
from firmware_sim.dialects import Message
from firmware_sim.fleet import Event, truth_line
from firmware_sim.link import keep_connected
from firmware_sim.sensing import Note

_WAITING_MAX = 1_000  # messages of one appliance that the broker has not taken yet; then the run waits for it

Connect = Callable[[], aiomqtt.Client]


async def run(
    events: Iterable[Event], names: Sequence[str], *, connect: Connect, clock: MappedClock, truth: TextIO | None = None
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
    in_hand: list[Message] = []

    async def session(client: aiomqtt.Client) -> None:
        while True:
            if not in_hand:
                message = await queue.get()
                if message is None:
                    return
                in_hand.append(message)
            sending = in_hand[0]
            await client.publish(sending.topic, sending.payload, qos=sending.qos, retain=sending.retain)
            in_hand.clear()
            sent[name] += 1

    await keep_connected(connect, session, rng=random.Random(name))
