"""Devices and feeds on real brokers."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from firmware_sim.appliances.native import Value
from firmware_sim.link import BrokerAddress, backoff_s
from firmware_sim.publish import Device, Feed, Identity
from tests.conftest import Broker
from tests.firmware_sim.fake_hub import FakeHub, fake_hub

pytestmark = pytest.mark.broker

AT = datetime(2025, 3, 1, tzinfo=UTC)
WITHIN_S = 20.0


@asynccontextmanager
async def running(speaker: Device | Feed) -> AsyncIterator[None]:
    """A speaker on its broker for as long as the block lasts."""
    task = asyncio.create_task(speaker.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def device(port: int, *, pending_max: int = 1_000, name: str = "fridge") -> Device:
    """A device of the home."""
    identity = Identity("home", name, "restock.fridge", "test-1")
    address = BrokerAddress("127.0.0.1", port)
    return Device(identity, address, now=lambda: AT, rng=random.Random(1), pending_max=pending_max)


def report(fridge: Device, count: int) -> None:
    """So many readings."""
    for _ in range(count):
        fridge.report({"milk": Value(900.0, "g")}, at=AT)


def said(hub: FakeHub, leaf: str) -> list[dict[str, object]]:
    """What the fridge said on one of its other topics."""
    return [json.loads(payload) for topic, payload, _ in hub.others if topic == f"restock/v1/home/fridge/{leaf}"]


def states(hub: FakeHub) -> list[tuple[object, object]]:
    """The states of the fridge in order, as (boot, state)."""
    return [(words["boot"], words["state"]) for words in said(hub, "state")]


async def test_every_reading_is_sent_in_order_and_promised(broker: Broker) -> None:
    """Birth before readings; at the end the hub has promised all of them, and the device says goodbye."""
    fridge = device(broker.port)
    async with fake_hub(broker.port) as hub, running(fridge):
        report(fridge, 50)
        assert await fridge.stop(within_s=WITHIN_S)
        await hub.until(lambda: states(hub) == [(fridge.boot, "online"), (fridge.boot, "offline")])
    counters = fridge.counters()
    assert list(hub.readings["fridge", fridge.boot]) == list(range(1, 51))
    assert (counters.taken, counters.published, counters.pubacked, counters.promised) == (50, 50, 50, 50)
    assert counters.boots[0].pubacked == ((1, 50),)
    assert counters.first_ack_s is not None
    assert said(hub, "birth")[0]["profile"] == "restock.fridge"


async def test_birth_and_state_wait_for_a_hub_that_comes_later(broker: Broker) -> None:
    """Both are retained: who subscribes later still learns what the device is."""
    fridge = device(broker.port)
    async with running(fridge):
        async with fake_hub(broker.port, name="first") as first:
            await first.until(lambda: states(first))
        async with fake_hub(broker.port, name="later") as later:
            await later.until(lambda: states(later) and said(later, "birth"))
            assert all(retained for topic, _, retained in later.others if topic.startswith("restock"))


async def test_a_lost_broker_loses_nothing(broker: Broker) -> None:
    """The broker is killed and comes back: what the hub had not promised is sent again under the same seq."""
    fridge = device(broker.port)
    async with running(fridge):
        async with fake_hub(broker.port) as hub:
            hub.silent = True
            report(fridge, 20)
            await hub.until(lambda: len(hub.readings["fridge", fridge.boot]) == 20)
        await asyncio.to_thread(broker.kill)
        report(fridge, 10)
        await asyncio.to_thread(broker.start)
        async with fake_hub(broker.port, name="back") as back:
            assert await fridge.stop(within_s=WITHIN_S)
            assert sorted(back.readings["fridge", fridge.boot]) == list(range(1, 31))
    counters = fridge.counters()
    assert counters.connections == 2
    assert counters.resent >= 20
    assert counters.promised == 30


async def test_a_power_cut_publishes_the_last_will_and_begins_a_new_boot(broker: Broker) -> None:
    """No DISCONNECT is sent: the broker says offline for the old boot; the new one starts at seq 1."""
    fridge = device(broker.port)
    async with fake_hub(broker.port) as hub, running(fridge):
        hub.silent = True
        report(fridge, 3)
        await hub.until(lambda: len(hub.readings["fridge", fridge.boot]) == 3)
        old = fridge.boot
        assert await fridge.restart(within_s=WITHIN_S)
        hub.silent = False
        report(fridge, 2)
        assert await fridge.stop(within_s=WITHIN_S)
        await hub.until(lambda: (old, "offline") in states(hub))
    assert fridge.boot != old
    assert sorted(hub.readings["fridge", fridge.boot]) == [1, 2]
    assert [boot.dropped for boot in fridge.counters().boots] == [3, 0]
    assert [words["boot"] for words in said(hub, "birth")] == [old, fridge.boot]


async def test_a_rebirth_brings_the_birth_and_what_is_not_promised_yet(nats_broker: Broker) -> None:
    """A hub that starts late asks, and gets the readings that nobody heard."""
    fridge = device(nats_broker.port)
    async with running(fridge):
        async with fake_hub(nats_broker.port, name="deaf") as deaf:
            deaf.silent = True
            report(fridge, 5)
            await deaf.until(lambda: len(deaf.readings["fridge", fridge.boot]) == 5)
        async with fake_hub(nats_broker.port) as hub:
            await hub.rebirth("fridge")
            assert await fridge.stop(within_s=WITHIN_S)
            assert sorted(hub.readings["fridge", fridge.boot]) == [1, 2, 3, 4, 5]
    assert fridge.counters().rebirths == 1


async def test_without_promises_stopping_ends_in_time_and_says_so(nats_broker: Broker) -> None:
    """A hub that never acknowledges: stop gives up, having sent again, and a full memory refused the rest."""
    fridge = device(nats_broker.port, pending_max=4)
    async with fake_hub(nats_broker.port) as hub, running(fridge):
        hub.silent = True
        report(fridge, 6)
        await hub.until(lambda: len(hub.readings["fridge", fridge.boot]) == 4)
        assert not await fridge.stop(within_s=0.4)
    counters = fridge.counters()
    assert (counters.taken, counters.promised, counters.refused) == (4, 0, 2)
    assert counters.resent >= 4


async def test_words_that_make_no_sense_are_ignored(nats_broker: Broker) -> None:
    """A promise for another boot, for seq 99, and half a document change nothing."""
    fridge = device(nats_broker.port)
    async with fake_hub(nats_broker.port) as hub, running(fridge):
        hub.silent = True
        report(fridge, 2)
        await hub.until(lambda: len(hub.readings["fridge", fridge.boot]) == 2)
        await hub.acknowledge("fridge", "other", 2)
        await hub.acknowledge("fridge", fridge.boot, 99)
        await hub.client.publish("restock/v1/home/fridge/ack", b'{"boot":', qos=1)
        await hub.client.publish("restock/v1/home/fridge/cmd", b'{"cmd":"explode"}', qos=1)
        await hub.acknowledge("fridge", fridge.boot, 2)
        assert await fridge.stop(within_s=WITHIN_S)
    assert (fridge.counters().wrong_acks, fridge.counters().promised) == (2, 2)


async def test_a_feed_delivers_everything_it_took(broker: Broker) -> None:
    """Messages without sequence arrive in order; a full queue refuses and counts."""
    feed = Feed("vendor", BrokerAddress("127.0.0.1", broker.port), rng=random.Random(1), pending_max=3)
    taken = [feed.offer("bridge/x/y/status", f"{number}".encode()) for number in range(4)]
    async with fake_hub(broker.port) as hub, running(feed):
        assert await feed.stop(within_s=WITHIN_S)
        await hub.until(lambda: len(hub.others) == 3)
    assert taken == [True, True, True, False]
    assert [payload for _, payload, _ in hub.others] == [b"0", b"1", b"2"]
    assert (feed.counters().taken, feed.counters().pubacked, feed.counters().dropped) == (3, 3, 1)


@pytest.mark.parametrize(("failures", "most_s"), [(1, 0.1), (2, 0.2), (5, 1.6), (6, 2.0), (500, 2.0)])
def test_waits_between_attempts_grow_and_are_jittered(failures: int, most_s: float) -> None:
    """Twice as long each time up to two seconds, and never the same for all devices."""
    waits = {backoff_s(failures, random.Random(seed)) for seed in range(50)}
    assert all(most_s / 2 <= wait <= most_s for wait in waits)
    assert len(waits) > 40
