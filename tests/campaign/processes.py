"""Whole processes killed: hub and bridge on the way of an order, the hub and the broker while devices publish.

Real processes, a real broker, the UCP sample server as the merchant, which is never killed and judges. One unit is one
process that was killed. What the deaths are is drawn from a seed; when exactly they strike is the machine's.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.cloud_bridge.sample_merchant import SampleMerchant, free_port
from tests.conftest import Broker, nats
from tests.kill.deaths import APPROVE, COMPLETE, CREATE, EVENTS, FOLLOW, INTENT, LOOK_UP, PROFILE, UPDATE, Death
from tests.kill.fleet import Fleet, first_subscription
from tests.kill.forked import zygote
from tests.kill.home import BRIDGE, HUB, Home
from tests.kill.hub import Hub
from tests.kill.oracle import keys, order_faults, reading_faults
from tests.kill.waiting import comes_true
from tests.kill.wiretap import Moment, Trap

WANTED = ("home", "fleet", HUB, BRIDGE, "broker", *Moment)
_SPRUNG_WITHIN_S = 15.0
_SETTLED_WITHIN_S = 60.0
_AT_WORK_WITHIN_S = 20.0
_BURST = 20
_FLEET_KILLS = 12
_DEATHS_MAX = 5
_DONE = 303

# The requests in the order in which they come; one that was killed at comes again after the restart.
_STAGES = ((INTENT,), (PROFILE,), (CREATE, UPDATE), (COMPLETE,), (FOLLOW, EVENTS))
_VICTIMS = {
    INTENT: ((HUB,), (BRIDGE,), (HUB, BRIDGE)),
    EVENTS: ((HUB,), (BRIDGE,), (HUB, BRIDGE)),
}
_OF_THE_BRIDGE = ((BRIDGE,), (BRIDGE,), (HUB, BRIDGE))


@dataclass
class Tally:
    """What was done so far, and what went wrong."""

    kills: int = 0
    orders: int = 0
    met: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Kill `size` processes, two thirds of them on the way of an order."""
    if bug is not None:
        raise ValueError("no bug is planted in whole processes: they are programs of their own")
    tally = asyncio.run(_kill(size, rng=random.Random(seed), folder=folder))
    return Figures(
        name="processes",
        done=tally.kills,
        unit="kills of a whole process",
        lost=sum("lost" in fault for fault in tally.faults),
        doubled=sum("doubled" in fault for fault in tally.faults),
        covered=dict(tally.met),
        wanted=WANTED,
        faults=tuple(f"seed={seed}: {fault}" for fault in tally.faults),
    )


async def _kill(size: int, *, rng: random.Random, folder: Path) -> Tally:
    tally = Tally()
    with zygote() as forks, _merchant(folder) as merchant:
        while tally.kills < size:
            place = folder / f"round-{tally.kills}"
            place.mkdir()
            if tally.kills % 3 == 2:
                with nats(place) as broker:
                    await _kill_among_devices(place, broker, rng=rng, tally=tally)
            else:
                async with Home(place, forks, merchant) as home:
                    await _kill_on_the_way(home, rng=rng, tally=tally)
    return tally


@contextmanager
def _merchant(folder: Path) -> Iterator[SampleMerchant]:
    found = find_spec("ucp_client")
    if found is None or found.origin is None:
        raise SystemExit("the UCP sample merchant (ucp-client[server]) is not installed: make install-test")
    sample = SampleMerchant(folder / "merchant", Path(found.origin).parent / "mockup_server", free_port())
    sample.load()
    sample.start()
    try:
        yield sample
    finally:
        sample.stop()


async def _kill_on_the_way(home: Home, *, rng: random.Random, tally: Tally) -> None:
    """One approval, some deaths, one order in the end."""
    tally.met["home"] += 1
    form = await home.form()
    deaths = _chain(rng)
    trap = _set(home, deaths[0])
    status = await home.approve(form)
    for number, death in enumerate(deaths):
        if not await comes_true(trap.sprung.is_set, within_s=_SPRUNG_WITHIN_S):
            tally.met["not sprung"] += 1  # the order was past that request already
            break
        tally.kills += len(death.victims)
        tally.met.update([*death.victims, death.moment])
        if number + 1 < len(deaths):
            trap = _set(home, deaths[number + 1])
        await home.start(*death.victims, answering=number + 1 == len(deaths))
    home.to_hub.trap = home.to_bridge.trap = home.to_merchant.trap = None
    if status != _DONE:  # no answer came, so the person presses again
        await home.approve(form)
    placed = await home.placed()
    tally.orders += 1
    faults = order_faults(await home.books())
    tally.faults += [f"{fault}; deaths {deaths}" for fault in faults or ([] if placed else ["not placed in time"])]


def _chain(rng: random.Random) -> list[Death]:
    """Deaths in an order in which they can happen."""
    chain = [Death(APPROVE, rng.choice([Moment.BEFORE, Moment.AFTER]), (HUB,))] if rng.random() < 0.3 else []
    for stage in _STAGES:
        if len(chain) < _DEATHS_MAX and rng.random() < 0.7:
            chain += _deaths_at(rng.choice(stage), rng)
    return chain or _deaths_at(COMPLETE, rng)


def _deaths_at(request: str, rng: random.Random) -> list[Death]:
    victims = rng.choice(_VICTIMS.get(request, _OF_THE_BRIDGE))
    moment = rng.choice([Moment.BEFORE, Moment.AFTER, Moment.PASSED] if request in _VICTIMS else _NOT_PASSED)
    first = Death(request, moment, victims)
    if request == COMPLETE and rng.random() < 0.5:  # it is looked up before anything else
        return [first, Death(LOOK_UP, rng.choice(_NOT_PASSED), rng.choice(_OF_THE_BRIDGE))]
    return [first]


_NOT_PASSED = [Moment.BEFORE, Moment.AFTER]


def _set(home: Home, death: Death) -> Trap:
    wiretap = {APPROVE: home.to_hub, INTENT: home.to_bridge, EVENTS: home.to_bridge}.get(
        death.request, home.to_merchant
    )
    wiretap.trap = Trap(death.request, death.moment, spring=lambda: home.kill(*death.victims))
    return wiretap.trap


async def _kill_among_devices(folder: Path, broker: Broker, *, rng: random.Random, tally: Tally) -> None:
    """Devices publish; the hub dies again and again, and sometimes the broker."""
    tally.met["fleet"] += 1
    seed = rng.randrange(2**32)
    async with Hub(folder, broker.url) as hub:
        await first_subscription(broker.port)
        async with Fleet(broker.port, seed=seed) as fleet:
            for _ in range(_FLEET_KILLS):
                heard = fleet.acks_heard
                fleet.burst(_BURST)
                await comes_true(lambda before=heard: fleet.acks_heard > before, within_s=_AT_WORK_WITHIN_S)
                await fleet.settled(within_s=rng.uniform(0.0, 0.3))
                await _kill_one(hub, broker, fleet, rng=rng, tally=tally)
            fleet.burst(1)
            settled = await fleet.settled(within_s=_SETTLED_WITHIN_S)
            await hub.stop()
            stored = [key for key in keys((await hub.report())["messages"]) if _is_of(fleet, key)]
            faults = reading_faults({*fleet.promised_keys(), *fleet.pubacked_keys()}, stored)
            tally.faults += faults or ([] if settled else ["not everything was acknowledged in the end"])


async def _kill_one(hub: Hub, broker: Broker, fleet: Fleet, *, rng: random.Random, tally: Tally) -> None:
    tally.kills += 1
    if rng.random() < 0.25:
        tally.met["broker"] += 1
        broker.kill()
        broker.start()
        return
    tally.met[HUB] += 1
    await hub.kill()
    tally.faults += reading_faults(fleet.promised_keys(), hub.stored())
    hub.start()


def _is_of(fleet: Fleet, key: tuple[str, str, int]) -> bool:
    return any(key[0] == each.device and key[1] in {boot.boot for boot in each.boots} for each in fleet.counters())
