"""File to broker: a recording again, each message at its time divided by the speed, in order. Time is an argument."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import aiomqtt

from firmware_sim.listening import Broker, LinkError, connected, new_client
from firmware_sim.record_format import Entry, RecordingError, read, topic_problem

Publish = Callable[[Entry], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to play. `speed` None is as fast as the broker takes it; `prefix` are levels that go before each topic.

    `cut_off` plays a recording without its end line; without `retain` nothing is left on the broker.
    """

    speed: float | None = 1.0
    prefix: str = ""
    retain: bool = True
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """What was played, and how much later than it should have the latest message went out."""

    messages: int
    behind_s: float


def load(path: Path, plan: Plan) -> Iterable[Entry]:
    """The messages of a recording as the plan has them. The file is checked whole before the first one is given.

    Raises: RecordingError, with the line.
    """
    for entry in _entries(path, plan):
        problem = topic_problem(_prefixed(entry.topic, plan))
        if problem is not None:
            raise RecordingError(f"{path}: with the prefix {plan.prefix!r}: {problem}")
    return (
        replace(entry, topic=_prefixed(entry.topic, plan), retain=entry.retain and plan.retain)
        for entry in _entries(path, plan)
    )


async def play(
    entries: Iterable[Entry], publish: Publish, *, plan: Plan, monotonic: Callable[[], float], sleep: Sleep
) -> Played:
    """Each message when it is due; one that is late goes out at once, and the next keeps its own time."""
    started_s, messages, behind_s = monotonic(), 0, 0.0
    for entry in entries:
        if plan.speed is not None:
            wait_s = entry.at_s / plan.speed - (monotonic() - started_s)
            behind_s = max(behind_s, -wait_s)
            if wait_s > 0:
                await sleep(wait_s)
        await publish(entry)
        messages += 1
    return Played(messages, behind_s)


async def replay(path: Path, broker: Broker, *, plan: Plan, monotonic: Callable[[], float], sleep: Sleep) -> Played:
    """A recording, on a broker.

    Raises: RecordingError before anything is published; LinkError when the connection is lost.
    """
    entries = load(path, plan)
    async with connected(new_client(broker), broker) as client:

        async def publish(entry: Entry) -> None:
            await client.publish(entry.topic, entry.payload, qos=entry.qos, retain=entry.retain)

        try:
            return await play(entries, publish, plan=plan, monotonic=monotonic, sleep=sleep)
        except aiomqtt.MqttError as exc:
            raise LinkError(f"the connection to the broker is lost: {exc}") from exc


def _entries(path: Path, plan: Plan) -> Iterable[Entry]:
    try:
        with path.open("rb") as lines:
            _, entries = read(lines, name=str(path), cut_off=plan.cut_off)
            yield from entries
    except OSError as exc:
        raise RecordingError(f"{path}: cannot be read ({exc.strerror})") from exc


def _prefixed(topic: str, plan: Plan) -> str:
    return f"{plan.prefix.strip('/')}/{topic}" if plan.prefix else topic
