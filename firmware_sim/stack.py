"""The whole simulated home as processes: what is started when, and in which order it stops.

Broker, merchant, the hub's set-up and then the bridge come up side by side; home and hub follow when everything that
they talk to is there. They stop in the order devices, hub, bridge, merchant, broker, so that nobody talks to somebody
who is gone.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from firmware_sim import broker as mqtt
from firmware_sim import merchant, services
from firmware_sim.clock import MappedClock, utc_now
from firmware_sim.home import SimulatedHome
from firmware_sim.link import BrokerAddress
from firmware_sim.merchant import MerchantFiles
from firmware_sim.processes import Crew, free_ports
from firmware_sim.purchases import data_folder
from firmware_sim.scenario import load_scenario
from firmware_sim.services import BRIDGE, HUB, Places
from firmware_sim.usage import HouseholdUse, household_use

STOP_ORDER = (HUB, BRIDGE, merchant.NAME, mqtt.NAME)

_VIRTUAL_START = datetime(2026, 3, 2, 6, tzinfo=UTC)
_USE_DAYS = 366  # after that they repeat
_HEAD_START_S = 5.0  # real, from setting the clock: virtual time begins about when the hub comes up
_HUB_AHEAD_S = 0.7  # real: in a run that is counted the hub starts so long before virtual time begins


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be simulated. `speed` is virtual seconds a second; without `days` it goes on until it is stopped."""

    speed: float
    seed: int
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """What a run needs to know before anything has started: places and secrets."""

    plan: Plan
    places: Places
    broker: mqtt.Broker
    broker_folder: Path
    owner_password: str = field(repr=False)
    merchant_secret: str = field(repr=False)

    @property
    def merchant_files(self) -> MerchantFiles:
        """The merchant's databases."""
        return MerchantFiles(self.places.stores / merchant.NAME)


@dataclass(frozen=True, slots=True)
class Running:
    """The home while it runs. `home_started_s` and `hub_started_s` are of the monotonic clock."""

    stack: Stack
    clock: MappedClock
    home: SimulatedHome
    home_started_s: float
    hub_started_s: float

    @property
    def first_reading_stored_s(self) -> float | None:
        """Real seconds from the start of the hub's process to the first acknowledgement that a device saw."""
        first_ack_s = self.home.counters().first_ack_s
        return None if first_ack_s is None else round(self.home_started_s + first_ack_s - self.hub_started_s, 3)


def new_stack(plan: Plan, *, private: Path, stores: Path) -> Stack:
    """Ports and passwords of a run.

    Raises: DemoError when there are no free ports.
    """
    hub_port, bridge_port, merchant_port, broker_port = free_ports(4)
    places = Places(stores=stores, hub_port=hub_port, bridge_port=bridge_port, merchant_port=merchant_port)
    return Stack(
        plan=plan,
        places=places,
        broker=mqtt.new_broker(broker_port),
        broker_folder=private / mqtt.NAME,
        owner_password=secrets.token_urlsafe(12),
        merchant_secret=merchant.new_secret(),
    )


@asynccontextmanager
async def running(crew: Crew, stack: Stack) -> AsyncIterator[Running]:
    """Everything up and answering; leaving the block stops the devices, the crew stops the rest.

    Raises: DemoError when a part does not come up.
    """
    places, broker = stack.places, stack.broker
    async with asyncio.TaskGroup() as starting:
        shop = starting.create_task(_start_merchant(crew, stack), name="start-merchant")
        start_broker = mqtt.start(crew, broker, folder=stack.broker_folder, log=places.log(mqtt.NAME))
        starting.create_task(start_broker, name="start-broker")
        key = starting.create_task(services.set_up_hub(places, broker, password=stack.owner_password), name="set-up")
        use = await asyncio.to_thread(_use, stack.plan)
        await asyncio.wait([key] if stack.plan.days is None else [key, shop])
        clock = _start_clock(stack.plan)
        await services.start_bridge(crew, places, public_key=key.result(), clock=clock)
    async with _home(stack, use, clock=clock) as home:
        home_started_s = time.monotonic()
        if stack.plan.days is not None:
            await asyncio.sleep(max(0.0, _until_begin_s(clock) - _HUB_AHEAD_S))
        hub = services.start_hub(crew, places, broker, clock=clock)
        await services.wait_hub(hub, places)
        yield Running(stack=stack, clock=clock, home=home, home_started_s=home_started_s, hub_started_s=hub.started_s)


def _until_begin_s(clock: MappedClock) -> float:
    """Real seconds until virtual time begins; negative afterwards."""
    return (clock.real_epoch - clock.real_now()).total_seconds()


def _use(plan: Plan) -> HouseholdUse:
    """What this household uses on each day; reading the public data takes about a second."""
    days = plan.days if plan.days is not None else _USE_DAYS
    return household_use(seed=plan.seed, days=days, first_day=_VIRTUAL_START.date(), data=data_folder())


def _start_clock(plan: Plan) -> MappedClock:
    """Virtual time from now on, from the same virtual moment in every run.

    A run that is counted sets it late, because in a fast one each second of starting costs a third of a day.
    """
    real_epoch = utc_now() + timedelta(seconds=_HEAD_START_S)
    return MappedClock(speed=plan.speed, real_epoch=real_epoch, virtual_epoch=_VIRTUAL_START)


def _home(stack: Stack, use: HouseholdUse, *, clock: MappedClock) -> SimulatedHome:
    devices = stack.broker.devices
    broker = BrokerAddress("127.0.0.1", stack.broker.port, user=devices.user, password=devices.password)
    plan = stack.plan
    return SimulatedHome(
        broker, clock, scenario=load_scenario(), use=use, seed=plan.seed, days=plan.days, home_id=services.HOME
    )


async def _start_merchant(crew: Crew, stack: Stack) -> None:
    await merchant.start(
        crew,
        port=stack.places.merchant_port,
        secret=stack.merchant_secret,
        files=stack.merchant_files,
        log=stack.places.log(merchant.NAME),
    )
