"""The whole home on 512 MB and half a core: `python -m tests.bench.small_board [--broker mosquitto]`.

Broker, hub and bridge run in a control group (`board`), where they share what a small board has; the twenty sensors,
and who looks at the pages, are outside, as they would be. The sensors say something every ten seconds; then each says
a thousand things at once, five times. Told are the time from the start of the hub's process to the first reading that
it has acknowledged as stored, readings stored a second in each burst, what a page takes quietly and in a burst, what
the group used at most, and what was lost: every reading has to be in the store once, row by row, when the hub has
stopped. A figure is of half a core of this machine, which is faster than half a core of a small board. The sensors are
one Python process that says some 1,400 readings a second: where little is `throttled_s`, that was the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import psutil

from edge_agent.adapters.store.connection import Connection
from edge_agent.folder import STORE_FILE
from firmware_sim import broker as mqtt
from firmware_sim import services
from firmware_sim.appliances.native import Value
from firmware_sim.clock import MappedClock
from firmware_sim.demo import plain_errors
from firmware_sim.folders import make_stores, private_folder
from firmware_sim.link import BrokerAddress
from firmware_sim.processes import Command, Crew, listens, wait_ready
from firmware_sim.publish import Device, DeviceCounters, Identity
from firmware_sim.services import BRIDGE, HOME, HUB, OWNER
from firmware_sim.stack import STOP_ORDER, Plan, Stack, new_stack
from tests.bench.board import Board, Group, NoBoardError, Used
from tests.bench.figures import Bar, Figure, machine, tell
from tests.bench.memory import compile_modules, post_form, spread
from tests.kill.oracle import Key, keys, reading_faults

_BENCH = "small_board"
_SENSORS = 20
_INSIDE = (mqtt.NAME, HUB, BRIDGE)
_EVERY_S = 10.0
_LOOK_S = 0.01
_SETTLED_LOOK_S = 0.25  # adding up the books of all devices takes a while
_FIRST_EVERY_S = 0.5  # until the hub has subscribed for the first time the broker keeps nothing for it
_PAGE_PAUSE_S = 0.5
_WITHIN_S = 300.0
_STOP_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to be."""

    board: Board
    bursts: int
    burst: int
    quiet_s: float
    broker: str


@dataclass(slots=True)
class Seen:
    """What a run has shown; times in seconds, rates in readings a second.

    `cpu_s` is by process what each burst took of its processor.
    """

    first_stored_s: float = 0.0
    rates: list[float] = field(default_factory=list)
    cpu_s: dict[str, list[float]] = field(default_factory=dict)
    pages_quiet_s: list[float] = field(default_factory=list)
    pages_burst_s: list[float] = field(default_factory=list)
    taken: int = 0
    owed: list[Key] = field(default_factory=list)


class Sensors:
    """Devices on the home's broker that say what they are asked to."""

    def __init__(self, stack: Stack, *, burst: int) -> None:
        login = stack.broker.devices
        broker = BrokerAddress("127.0.0.1", stack.broker.port, user=login.user, password=login.password)
        self._devices = [_device(number, broker, room=2 * burst) for number in range(_SENSORS)]

    def say(self, times: int) -> None:
        """Each device hands on so many readings more."""
        now = datetime.now(UTC)
        for device in self._devices:
            for number in range(times):
                if not device.report({"milk": Value(1_000.0 - number % 900, "g")}, at=now):
                    raise SystemExit("a sensor has no room for another reading")

    @property
    def taken(self) -> int:
        """Readings that the devices were given."""
        return sum(each.counters().taken for each in self._devices)

    @property
    def stored(self) -> int:
        """Readings that the hub has acknowledged as stored."""
        return sum(each.counters().promised for each in self._devices)

    async def first_stored(self, *, within_s: float) -> None:
        """Wait until anything is stored, or so many seconds."""
        until_s = time.monotonic() + within_s
        while not self.stored and time.monotonic() < until_s:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(_LOOK_S)

    def owed(self) -> list[Key]:
        """What the broker has taken from the devices: from then on it has to be stored."""
        told = {each.device: {boot.boot: boot.pubacked for boot in each.boots} for each in self._counters()}
        return keys(told)

    async def settled(self) -> None:
        """Wait until everything that was said is stored."""
        async with asyncio.timeout(_WITHIN_S):
            while self.stored < self.taken:  # noqa: ASYNC110 - the devices' books tell nobody
                await asyncio.sleep(_SETTLED_LOOK_S)

    @asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        """They are on the broker inside the block."""
        tasks = [asyncio.create_task(device.run()) for device in self._devices]
        try:
            yield
        finally:
            await asyncio.gather(*(device.stop(within_s=_STOP_WITHIN_S) for device in self._devices))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _counters(self) -> list[DeviceCounters]:
        return [each.counters() for each in self._devices]


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--memory-mb", type=int, default=512, help="of 10^6 bytes")
    arguments.add_argument("--cores", type=float, default=0.5)
    arguments.add_argument("--bursts", type=int, default=5)
    arguments.add_argument("--burst", type=int, default=20_000, help="readings")
    arguments.add_argument("--quiet-s", type=float, default=60.0)
    arguments.add_argument("--broker", choices=("nats-server", "mosquitto"), default="nats-server")
    given = arguments.parse_args()
    board = Board(memory_bytes=given.memory_mb * 1_000_000, cores=given.cores)
    asked = Asked(board=board, bursts=given.bursts, burst=given.burst, quiet_s=given.quiet_s, broker=given.broker)
    try:
        group = Group(board)
    except NoBoardError as exc:
        sys.stderr.write(f"{exc}: run as root, or in a delegated group\n")
        return 2
    try:
        return asyncio.run(_measure(group, asked))
    finally:
        group.remove()


async def _measure(group: Group, asked: Asked) -> int:
    with plain_errors(), private_folder() as private:
        compile_modules(private / "compiled")
        stack = new_stack(Plan(speed=1.0, seed=7), private=private, stores=make_stores(None, inside=private))
        async with Crew(STOP_ORDER) as crew:
            seen = await _run(crew, stack, group, asked)
            used = group.used()
        faults = reading_faults(seen.owed, _stored(stack.places.config(HUB).parent / "data"))
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    tell(*_figures(seen, used, asked=asked, lost=len(faults)))
    return 1 if faults or used.oom_kills else 0


async def _run(crew: Crew, stack: Stack, group: Group, asked: Asked) -> Seen:
    now = datetime.now(UTC)
    clock = MappedClock(speed=1.0, real_epoch=now, virtual_epoch=now)
    sensors, seen = Sensors(stack, burst=asked.burst // _SENSORS), Seen()
    with group.joined():
        await _BROKERS[asked.broker](crew, stack)
        key = await services.set_up_hub(stack.places, stack.broker, password=stack.owner_password)
        await services.start_bridge(crew, stack.places, public_key=key, clock=clock)
    async with sensors.on():
        with group.joined():
            hub = services.start_hub(crew, stack.places, stack.broker, clock=clock)
        while not sensors.stored:
            sensors.say(1)
            await sensors.first_stored(within_s=_FIRST_EVERY_S)
        seen.first_stored_s = time.monotonic() - hub.started_s
        await services.wait_hub(hub, stack.places)
        await sensors.settled()
        async with httpx.AsyncClient(base_url=stack.places.page_url, timeout=_WITHIN_S) as signing_in:
            await post_form(signing_in, "/login", name=OWNER, password=stack.owner_password)
            cookies = signing_in.cookies
        with httpx.Client(base_url=stack.places.page_url, timeout=_WITHIN_S, cookies=cookies) as client:
            seen.pages_quiet_s = await _beside(_say_evenly(sensors, for_s=asked.quiet_s), client)
            for number in range(asked.bursts):
                await _burst(sensors, crew, client, seen, per_sensor=asked.burst // _SENSORS)
                sys.stderr.write(f"burst {number + 1}: {seen.rates[-1]:.0f} readings a second\n")
        seen.taken, seen.owed = sensors.taken, sensors.owed()
    return seen


async def _start_nats(crew: Crew, stack: Stack) -> None:
    await mqtt.start(crew, stack.broker, folder=stack.broker_folder, log=stack.places.log(mqtt.NAME))


async def _start_mosquitto(crew: Crew, stack: Stack) -> None:
    """Debian's, with what waits for the hub unbounded and kept on the disk."""
    stack.broker_folder.mkdir(mode=0o700, parents=True)
    config = stack.broker_folder / "mosquitto.conf"
    config.write_text(
        f"listener {stack.broker.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
        f"persistence true\npersistence_location {stack.broker_folder}/\nuser root\n",
        encoding="utf-8",
    )
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("mosquitto is not installed")
    child = crew.start(Command(name=mqtt.NAME, argv=[program, "-c", str(config)], log=stack.places.log(mqtt.NAME)))
    await wait_ready(child, partial(listens, stack.broker.port))


_BROKERS = {"nats-server": _start_nats, "mosquitto": _start_mosquitto}


async def _say_evenly(sensors: Sensors, *, for_s: float) -> None:
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        sensors.say(1)
        await asyncio.sleep(min(_EVERY_S, for_s))
    await sensors.settled()


async def _burst(sensors: Sensors, crew: Crew, client: httpx.Client, seen: Seen, *, per_sensor: int) -> None:
    before, began_s, cpu_s = sensors.stored, time.monotonic(), _processor(crew)
    sensors.say(per_sensor)
    seen.pages_burst_s += await _beside(sensors.settled(), client)
    seen.rates.append((sensors.stored - before) / (time.monotonic() - began_s))
    for name, until_s in _processor(crew).items():
        seen.cpu_s.setdefault(name, []).append(until_s - cpu_s[name])


def _processor(crew: Crew) -> dict[str, float]:
    """Seconds of processor that each process has taken."""
    times = {name: psutil.Process(crew.child(name).pid).cpu_times() for name in _INSIDE}
    return {name: each.user + each.system for name, each in times.items()}


async def _beside(work: Coroutine[None, None, None], client: httpx.Client) -> list[float]:
    """How long the first page took, asked now and then while `work` goes on; at least once."""
    task, times_s = asyncio.create_task(work), []
    while not task.done() or not times_s:
        times_s.append(await asyncio.to_thread(_page_s, client))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), _PAGE_PAUSE_S)
    await task
    return times_s


def _page_s(client: httpx.Client) -> float:
    """In a thread of its own: this process's loop is busy with the sensors, and must not be what is measured."""
    began_s = time.monotonic()
    client.get("/").raise_for_status()
    return time.monotonic() - began_s


def _stored(folder: Path) -> Sequence[Key]:
    """The messages in the store, row by row; the hub has stopped."""
    with Connection(folder / STORE_FILE) as connection:
        rows = connection.db.execute("SELECT device, boot, seq FROM message WHERE seq IS NOT NULL")
        return [(str(device), str(boot), int(seq)) for device, boot, seq in rows]


def _device(number: int, broker: BrokerAddress, *, room: int) -> Device:
    identity = Identity(home=HOME, name=f"sensor-{number:02}", profile="restock.fridge", firmware="1.0")
    rng = random.Random(number)
    return Device(identity, broker, now=lambda: datetime.now(UTC), rng=rng, pending_max=room)


def _figures(seen: Seen, used: Used, *, asked: Asked, lost: int) -> list[Figure]:
    more = {
        "memory_mb": asked.board.memory_bytes / 1e6,
        "board_cores": asked.board.cores,
        "sensors": _SENSORS,
        "broker": asked.broker,
    }
    kinds: list[tuple[str, str, Sequence[float], Bar | None]] = [
        ("lost or doubled", "readings", [lost], Bar("at_most", 0)),
        ("killed for memory", "processes", [used.oom_kills], Bar("at_most", 0)),
        ("first reading stored", "s", [seen.first_stored_s], None),
        (f"burst of {asked.burst}", "readings/s", seen.rates, None),
        *(
            (f"{name}, processor of a reading", "us", [1e6 * each / asked.burst for each in times], None)
            for name, times in seen.cpu_s.items()
        ),
        ("page, quiet", "ms", [1e3 * each for each in spread(seen.pages_quiet_s)], None),
        ("page, in a burst", "ms", [1e3 * each for each in spread(seen.pages_burst_s)], None),
        ("peak of the group", "MB", [used.peak_bytes / 1e6], None),
        ("processor of the run", "s", [used.cpu_s], None),
    ]
    beside = {"readings": seen.taken, "throttled_s": round(used.throttled_s, 1)} | more | machine()
    return [Figure(_BENCH, name, unit, rounds, bar, more=beside) for name, unit, rounds, bar in kinds if rounds]


if __name__ == "__main__":
    sys.exit(main())
