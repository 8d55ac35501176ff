"""Devices publish while the hub, or the broker, is killed again and again: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.kill.fleet import SIGNALS, Fleet, first_subscription
from tests.kill.hub import Hub
from tests.kill.oracle import keys, reading_faults
from tests.kill.waiting import comes_true

pytestmark = [pytest.mark.broker, pytest.mark.demo]

SEED = 20_261_122
KILLS = 8
BURST = 28  # of each device; two between two kills: 1,512 in all, and a last one each
BUSY_LIFE_S = 0.4  # from its first acknowledgement
ANY_LIFE_S = 1.5  # from its start
BUSY_WITHIN_S = 20.0
SETTLED_WITHIN_S = 45.0


async def test_a_hub_killed_at_random_has_every_acknowledged_reading_once(broker: Broker, tmp_path: Path) -> None:
    """At each death what the hub acknowledged is in its store; at the end so is all that the broker took."""
    rng = random.Random(SEED)
    async with Hub(tmp_path, broker.url) as hub:
        await first_subscription(broker.port)
        async with Fleet(broker.port, seed=SEED) as fleet:
            for number in range(1, KILLS + 1):
                await _burst_until_a_random_moment(fleet, rng, busy=number % 4 != 0)
                await hub.kill()
                faults = reading_faults(fleet.promised_keys(), hub.stored())
                assert not faults, f"seed={SEED} kill={number}: {faults}"
                hub.start()
            fleet.burst(2 * BURST)
            fleet.burst(1)  # whatever acknowledgement died with a hub, one for this reading stands for it
            await fleet.settled(within_s=SETTLED_WITHIN_S)
            await hub.stop()
            _judge(fleet, await hub.report())
            if (
                broker.kind == "mosquitto"
            ):  # it delivers in order, so a gap could only be what the hub told it to forget
                assert not sum(each.resent for each in fleet.counters()), f"seed={SEED}: the hub lost what it had taken"


async def test_a_broker_killed_while_devices_publish_loses_nothing_acknowledged(broker: Broker, tmp_path: Path) -> None:
    """Devices send again what the hub has not acknowledged, and the hub tells what it has already."""
    rng = random.Random(SEED)
    async with Hub(tmp_path, broker.url) as hub:
        await first_subscription(broker.port)
        async with Fleet(broker.port, seed=SEED) as fleet:
            for _ in range(3):
                await _burst_until_a_random_moment(fleet, rng, busy=True)
                broker.kill()
                broker.start()
            fleet.burst(BURST)
            await fleet.settled(within_s=SETTLED_WITHIN_S)
            await hub.stop()
            _judge(fleet, await hub.report())


async def _burst_until_a_random_moment(fleet: Fleet, rng: random.Random, *, busy: bool) -> None:
    """Publish before and after the hub has begun to work; `busy` or not, return before it can be through with it."""
    heard = fleet.acks_heard
    fleet.burst(BURST)
    at_work = await comes_true(
        lambda: fleet.acks_heard > heard, within_s=BUSY_WITHIN_S if busy else rng.uniform(0.0, ANY_LIFE_S)
    )
    assert at_work or not busy, f"seed={SEED}: the hub acknowledges nothing"
    fleet.burst(BURST)
    await fleet.settled(within_s=rng.uniform(0.0, BUSY_LIFE_S) if busy else 0.0)


def _judge(fleet: Fleet, report: dict[str, Any]) -> None:
    """The report against the devices' books: all there once, no gap, nothing else."""
    ours = {each.device: {boot.boot for boot in each.boots} for each in fleet.counters()}
    stored = [key for key in keys(report["messages"]) if key[1] in ours.get(key[0], ())]
    owed = {*fleet.promised_keys(), *fleet.pubacked_keys()}
    faults = reading_faults(owed, stored)
    assert not faults, f"seed={SEED}: {faults}"
    assert sorted(owed) == sorted(stored), f"seed={SEED}: stored what was never acknowledged"
    assert report["quarantined"] == {}, f"seed={SEED}"
    assert fleet.promised == fleet.taken == len(stored), f"seed={SEED}"
    scouts = len(keys(report["messages"])) - len(stored)
    assert report["readings"] == scouts + sum(SIGNALS[device] for device, _, _ in stored), f"seed={SEED}"
