"""One simulated home on a real broker: world, appliances, devices and faults, tied to a clock."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from firmware_sim.appliances import smartthings
from firmware_sim.clock import MappedClock
from firmware_sim.faults import Fault, FaultKind, plan_faults, stray
from firmware_sim.house import House, Said, VendorSaid
from firmware_sim.link import BrokerAddress
from firmware_sim.publish import Device, DeviceCounters, Feed, FeedCounters, Identity
from firmware_sim.scenario import Scenario
from firmware_sim.stock import StockTruth
from firmware_sim.usage import HouseholdUse

_LEAVE_WITHIN_S = 2.0
_RESTARTED_BY_FAULT = "vehicle"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HomeCounters:
    """What the home did so far. `faults` counts by kind and stands apart from the true stream of `devices`.

    `vendor` counts the SmartThings documents. `first_ack_s` is in real seconds from the home's start.
    """

    usage_source: str
    virtual_start: datetime
    virtual_now: datetime
    devices: Mapping[str, DeviceCounters]
    vendor: FeedCounters
    strays: FeedCounters
    faults: Mapping[str, int]

    @property
    def published(self) -> int:
        """Distinct true readings handed to the broker."""
        return sum(device.published for device in self.devices.values())

    @property
    def promised(self) -> int:
        """True readings that the hub acknowledged: they must be in its store."""
        return sum(device.promised for device in self.devices.values())

    @property
    def first_ack_s(self) -> float | None:
        """Real seconds until the hub acknowledged the first reading of any device."""
        return min((d.first_ack_s for d in self.devices.values() if d.first_ack_s is not None), default=None)


class SimulatedHome:
    """A home for as long as the `async with` block lasts.

    A run of thirty virtual days against a broker on this machine::

        begins = datetime(2025, 3, 1, tzinfo=UTC)
        use = household_use(seed=7, days=30, first_day=begins.date(), data=data_folder())  # about a second
        clock = MappedClock(speed=25_000, real_epoch=utc_now(), virtual_epoch=begins)
        broker = BrokerAddress("127.0.0.1", 1883)
        async with SimulatedHome(broker, clock, scenario=load_scenario(), use=use, seed=7, days=30) as home:
            left_over_g = home.restock("milk", 2)    # the courier brings two packs; 0.0 when all found room
            await home.restart_device("washer")      # power off and on, a new boot id
            await home.finished()                    # the thirty days are over
            all_acknowledged = await home.stop(within_s=10)
            home.truth()["milk"].stock_out_days      # what really happened
            home.counters().promised                 # readings that the hub must have stored

    Virtual time starts at the clock's `virtual_epoch`. A real epoch in the past is caught up: what happened meanwhile
    is published with its own timestamps. A real epoch a little in the future gives other processes time to come up.
    Without `days` the home lives until it is stopped, and the days of `use` repeat. Leaving the block stops the home
    too; on an error it does so without waiting for acknowledgements. The broker keeps the retained birth and state of
    each device and (as a fault) one old reading.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        clock: MappedClock,
        *,
        scenario: Scenario,
        use: HouseholdUse,
        seed: int,
        days: int | None = None,
        home_id: str | None = None,
        payloads: Path | None = None,
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._scenario = scenario
        self._seed = seed
        self._start = clock.virtual_epoch
        self._end = None if days is None else self._start + timedelta(days=days)
        self._home_id = home_id or scenario.home.id
        self._payloads = payloads
        self._use = use
        self._rng = random.Random(f"{seed}:home")
        self._devices: dict[str, Device] = {}
        self._faults: deque[Fault] = deque()
        self._faults_done: Counter[str] = Counter()
        self._owed_duplicates = 0
        self._ended = asyncio.Event()
        self._stopped: bool | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> SimulatedHome:
        """Start devices and the world."""
        document = smartthings.load_document(self._payloads)
        self._house = House(self._scenario, self._use, start=self._start, seed=self._seed, document=document)
        self._vendor = Feed("smartthings", self._broker, rng=self._fork("smartthings"))
        self._strays = Feed("strays", self._broker, rng=self._fork("strays"))
        for appliance in self._house.appliances:
            identity = Identity(self._home_id, appliance.name, appliance.profile, appliance.firmware)
            rng = self._fork(appliance.name)
            self._devices[appliance.name] = Device(identity, self._broker, now=self._clock.now, rng=rng)
        window = timedelta(days=self._scenario.faults.window_d)
        self._faults.extend(plan_faults(self._scenario.faults.counts(), window=window, seed=self._seed))
        await self._group.__aenter__()
        for speaker in self._speakers():
            self._tasks.add(self._group.create_task(speaker.run(), name="speaker"))
        self._life = self._group.create_task(self._live(), name="home-life")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop; on an error without waiting for acknowledgements."""
        try:
            await self.stop(within_s=10.0 if error is None else 0.0)
        finally:
            self._cancel_all()
            await self._group.__aexit__(None, None, None)  # raises only what failed in a task of the home

    def restock(self, item: str, packs: int) -> float:
        """The courier puts packs of an item away, now; returns what found no room, in the item's unit.

        Raises: ValueError for an item that the home does not have, or fewer than one pack.
        """
        if packs < 1:
            raise ValueError(f"packs = {packs}: must be 1 or more")
        self._scenario.item(item)
        if self._stopped is None:
            self._play(self._now())
        left_over = self._house.restock(item, packs)
        log.info("restocked item=%s packs=%d left_over=%.0f", item, packs, left_over)
        return left_over

    async def restart_device(self, name: str) -> bool:
        """Power one device off and on; False when it is not back on the broker in time.

        Raises: ValueError for a device that the home does not have.
        """
        if name not in self._devices:
            raise ValueError(f"device = {name!r}: must be one of {', '.join(self._devices)}")
        self._faults_done[FaultKind.DEVICE_RESTART.value] += 1
        return await self._devices[name].restart()

    def truth(self) -> dict[str, StockTruth]:
        """What really is in stock and what happened to it, by item, as of the home's last step."""
        return self._house.truth()

    def counters(self) -> HomeCounters:
        """The books so far; they stay readable after the home has stopped."""
        return HomeCounters(
            usage_source=self._use.source,
            virtual_start=self._start,
            virtual_now=self._house.now,
            devices={name: device.counters() for name, device in self._devices.items()},
            vendor=self._vendor.counters(),
            strays=self._strays.counters(),
            faults=dict(self._faults_done),
        )

    async def finished(self) -> None:
        """Wait until the last of the `days` is over; for ever where none was given."""
        await self._ended.wait()

    async def stop(self, *, within_s: float = 10.0) -> bool:
        """Let nothing more happen, wait until everything is acknowledged, and leave the broker.

        The devices get `within_s` (real) for that, and then the feeds.

        Returns whether the hub acknowledged every reading and the broker every other message. Once is enough.
        """
        if self._stopped is None:
            self._stopped = False
            self._life.cancel()
            results = await asyncio.gather(*(each.stop(within_s=within_s) for each in self._devices.values()))
            self._duplicate_what_was_sent()
            results += await asyncio.gather(*(each.stop(within_s=within_s) for each in (self._vendor, self._strays)))
            if self._owed_duplicates:
                log.warning("faults_skipped kind=duplicate count=%d reason=nothing_sent", self._owed_duplicates)
            await asyncio.wait(self._tasks, timeout=_LEAVE_WITHIN_S)
            self._cancel_all()
            self._stopped = all(results)
        return self._stopped

    def _speakers(self) -> tuple[Device | Feed, ...]:
        """Everything with a connection of its own."""
        return (*self._devices.values(), self._vendor, self._strays)

    def _cancel_all(self) -> None:
        for task in (self._life, *self._tasks):
            task.cancel()

    async def _live(self) -> None:
        """Wait for the beginning, then play what is due and wait for what comes next."""
        await self._clock.sleep((self._start - self._clock.now()).total_seconds())
        while True:
            now = self._now()
            self._play(now)
            if self._end is not None and now >= self._end:
                self._ended.set()
                return
            coming = min([self._house.next_at, *(self._start + fault.after for fault in [*self._faults][:1])])
            await self._clock.sleep((coming - self._clock.now()).total_seconds())

    def _now(self) -> datetime:
        """Virtual time within the run; the house's own time where the run has not begun."""
        now = max(self._clock.now(), self._house.now)
        return now if self._end is None else min(now, self._end)

    def _play(self, to: datetime) -> None:
        """Let the house live until `to`, with the faults that fall into that time at their moments."""
        self._duplicate_what_was_sent()
        while self._faults and self._start + self._faults[0].after <= to:
            fault = self._faults.popleft()
            at = max(self._start + fault.after, self._house.now)
            self._hear(at)
            self._strike(fault.kind, at)
        self._hear(to)

    def _hear(self, to: datetime) -> None:
        for said in self._house.run_until(to):
            match said:
                case Said(at=at, device=device, values=values):
                    self._devices[device].report(values, at=at)
                case VendorSaid(device=device, payload=payload):
                    self._vendor.offer(f"bridge/smartthings/{device}/status", payload)

    def _strike(self, kind: FaultKind, at: datetime) -> None:
        """Let one fault happen."""
        match kind:
            case FaultKind.DEVICE_RESTART:
                self._tasks.add(self._group.create_task(self.restart_device(_RESTARTED_BY_FAULT), name="restart"))
                return
            case FaultKind.DUPLICATE:
                self._owed_duplicates += 1
                self._duplicate_what_was_sent()
                return
            case _:
                message = stray(kind, home=self._home_id, at=at, rng=self._rng)
                self._strays.offer(message.topic, message.payload, retain=message.retain)
        self._faults_done[kind.value] += 1

    def _duplicate_what_was_sent(self) -> None:
        """The duplicates that are due; on a slow machine they wait until the device has sent something."""
        last = self._devices["fridge"].last_reading
        while self._owed_duplicates and last is not None:
            self._strays.offer(*last)
            self._owed_duplicates -= 1
            self._faults_done[FaultKind.DUPLICATE.value] += 1

    def _fork(self, name: str) -> random.Random:
        """A generator of its own for one part, so that parts do not disturb each other's draws."""
        return random.Random(f"{self._seed}:{name}:link")
