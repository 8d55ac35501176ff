"""What is done to one gateway in one round: a life without harm, and kills. Each in its own folder, on its own broker.

Lost is a reading that the broker had acknowledged to its publisher and that is not in the gateway's output once nothing
more comes out. A gateway connects with a session that outlives it, so the broker owes it what came while it was dead.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.load.link import Outgoing
from firmware_sim.processes import free_ports
from tests.bench.peers.gateway import Gateway, Place, Running, Used
from tests.bench.peers.stream import Publisher, Stream, keys
from tests.conftest import SESSIONS_IN_MEMORY, mosquitto

BURST = 20_000
STEADY, STEADY_PER_S = 4_200, 300.0
KILL_BURST_SHARE = 0.15  # of the time that the gateway takes for a burst

Make = Callable[[Place], Gateway]

_KILL_STEADY_AFTER_S = 5.0
_DOWN_S = 1.5
_READY_WITHIN_S = 20.0
_PROBE_EVERY_S = 0.05
_AWAY_READY_S = 5.0  # a gateway that will never say a thing has subscribed by then
_IDLE_SETTLE_S, _IDLE_S = 2.0, 4.0
_LOOK_S = 0.02
_STILL_S, _HARDLY = 3.0, 0.1  # so long without anything new and with so little of a core, and nothing more will come
_PATIENCE_S = 90.0


class NotReadyError(Exception):
    """A gateway put nothing out in time."""


@dataclass(frozen=True, slots=True)
class Life:
    """A life without harm. Units as in the names; MB are 10^6 bytes, shares of one core in percent."""

    start_s: float
    idle_cpu_percent: float
    idle_mb: float
    peak_mb: float
    drain_per_s: float
    drain_s: float
    cpu_s: float
    lost: int


@dataclass
class Trial:
    """One gateway at one broker: what the parts of a round are made of."""

    gateway: Gateway
    publisher: Publisher
    stream: Stream
    running: Running | None = None
    probed: int = 0

    def start(self) -> Running:
        """Start it, again or for the first time."""
        self.running = Running(self.gateway.command())
        return self.running

    async def ready(self, *, within_s: float = _READY_WITHIN_S) -> bool:
        """Publish the next probe until something comes out; whether it did in time."""
        self.probed += 1
        before, until_s, next_s = self.gateway.out(), time.perf_counter() + within_s, 0.0
        while self.gateway.out() == before:
            if self.running is not None:
                self.running.check()
            now_s = time.perf_counter()
            if now_s > until_s:
                return False
            if now_s >= next_s:
                await self.publisher.burst([self.stream.probe(self.probed)])
                next_s = now_s + _PROBE_EVERY_S
            await asyncio.sleep(_LOOK_S)
        return True

    async def still(self, *, enough: int | None = None) -> float:
        """Wait until so many have come out, or nothing more will; when the last came (`time.perf_counter`).

        Nothing more will where nothing came for a while in which the gateway hardly worked: one that is busy may tell
        of its work at the end.
        """
        count, at_s = self.gateway.out(), time.perf_counter()
        quiet_s, cpu_s, until_s = at_s, self._cpu_s(), at_s + _PATIENCE_S
        while (enough is None or count < enough) and (now_s := time.perf_counter()) < until_s:
            if (now := self.gateway.out()) != count:
                count, at_s = now, now_s
                quiet_s, cpu_s = now_s, self._cpu_s()
            elif now_s - quiet_s > _STILL_S:
                if (used_s := self._cpu_s()) - cpu_s < _HARDLY * _STILL_S:
                    break
                quiet_s, cpu_s = now_s, used_s
            await asyncio.sleep(_LOOK_S)
        return at_s

    def _cpu_s(self) -> float:
        if self.running is None:
            return 0.0
        self.running.check()
        return self.running.used().cpu_s

    async def lost(self, sent: Sequence[Outgoing]) -> int:
        """Stop it, and count what is not there."""
        if self.running is not None:
            await self.running.stop()
        return len(keys(sent) - await self.gateway.kept())


async def live(make: Make, stream: Stream) -> Life:
    """Start, idle, take a burst. It had been started once before: what it makes at its very first start is there.

    Raises: NotReadyError.
    """
    async with _trial(make, stream) as trial:
        first = trial.start()
        await _must_be_ready(trial)
        await first.stop()
        began_s = time.perf_counter()
        running = trial.start()
        await _must_be_ready(trial)
        start_s = time.perf_counter() - began_s
        await trial.still()
        idle, idle_percent = await _idle(running)
        burst, before = stream.readings(BURST), trial.gateway.out()
        began_s = time.perf_counter()
        await trial.publisher.burst(burst)
        drain_s = await trial.still(enough=before + BURST) - began_s
        used = running.used()
        return Life(
            start_s=start_s,
            idle_cpu_percent=idle_percent,
            idle_mb=idle.resident_mb,
            peak_mb=used.peak_mb,
            drain_per_s=BURST / drain_s,
            drain_s=drain_s,
            cpu_s=used.cpu_s - idle.cpu_s,
            lost=await trial.lost(burst),
        )


async def killed_at_a_steady_rate(make: Make, stream: Stream) -> int:
    """`kill -9` amid 300 readings a second, 1.5 s down, started again; how many of 4,200 are lost.

    Raises: NotReadyError.
    """
    async with _trial(make, stream) as trial:
        running = trial.start()
        await _must_be_ready(trial)
        readings = stream.readings(STEADY)
        publishing = asyncio.create_task(trial.publisher.steadily(readings, per_s=STEADY_PER_S))
        await asyncio.sleep(_KILL_STEADY_AFTER_S)
        await _die_and_come_back(trial, running)
        await publishing
        await trial.still()
        return await trial.lost(readings)


async def killed_in_a_burst(make: Make, stream: Stream, *, after_s: float, has_cloud: bool) -> int:
    """`kill -9` so long after a burst began, 1.5 s down, started again; how many of 20,000 are lost.

    Without its cloud, which is then away from the start, a gateway that puts nothing out gets the burst all the same.
    Raises: NotReadyError.
    """
    async with _trial(make, stream, has_cloud=has_cloud) as trial:
        running = trial.start()
        if has_cloud:
            await _must_be_ready(trial)
        else:
            await trial.ready(within_s=_AWAY_READY_S)
        burst = stream.readings(BURST)
        publishing = asyncio.create_task(trial.publisher.burst(burst))
        await asyncio.sleep(after_s)
        await _die_and_come_back(trial, running)
        await publishing
        await trial.still()
        return await trial.lost(burst)


async def _must_be_ready(trial: Trial) -> None:
    if not await trial.ready():
        raise NotReadyError(f"nothing came out within {_READY_WITHIN_S:.0f} s")


async def _die_and_come_back(trial: Trial, running: Running) -> None:
    await running.kill()
    await asyncio.sleep(_DOWN_S)
    trial.start()
    await asyncio.sleep(_DOWN_S)


async def _idle(running: Running) -> tuple[Used, float]:
    """What it has taken before the burst, and what it takes doing nothing, in percent of a core."""
    await asyncio.sleep(_IDLE_SETTLE_S)
    before, began_s = running.used(), time.perf_counter()
    await asyncio.sleep(_IDLE_S)
    after = running.used()
    return after, 100 * (after.cpu_s - before.cpu_s) / (time.perf_counter() - began_s)


@asynccontextmanager
async def _trial(make: Make, stream: Stream, *, has_cloud: bool = True) -> AsyncIterator[Trial]:
    """A gateway that does not run yet, and a publisher at its broker. `has_cloud`: a broker is where its cloud is."""
    async with AsyncExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="restock-peers-")))

        def broker(name: str) -> int:
            (folder / name).mkdir()
            return parts.enter_context(mosquitto(folder / name, SESSIONS_IN_MEMORY)).port

        broker_port = broker("broker")
        cloud_port = broker("cloud") if has_cloud else free_ports(1)[0]
        place = Place(folder / "gateway", broker_port, cloud_port)
        place.folder.mkdir()
        publisher = await parts.enter_async_context(Publisher(broker_port))
        await publisher.burst(stream.births())
        gateway = make(place)
        await gateway.open()
        parts.push_async_callback(gateway.close)
        trial = Trial(gateway, publisher, stream)
        try:
            yield trial
        finally:
            if trial.running is not None:
                await trial.running.stop()
