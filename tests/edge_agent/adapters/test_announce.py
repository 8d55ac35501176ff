"""Words to devices on real brokers: acknowledgements and rebirth requests, bounded and never in the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiomqtt
import pytest

from edge_agent.adapters.announce import MqttDevices
from edge_agent.config import MqttConfig
from edge_agent.core.messages import DeviceId, StoredCursor
from edge_agent.core.sparkplug.topics import RebirthRequest

if TYPE_CHECKING:
    from tests.conftest import Broker

WITHIN_S = 30.0
FRIDGE = DeviceId("fridge")

pytestmark = pytest.mark.broker


def devices(broker: Broker, *, rebirth_every_s: float = 60.0) -> MqttDevices:
    """The hub's voice on this broker."""
    config = MqttConfig(url=broker.url)
    return MqttDevices(config, home="home", client_id="hub-voice", rebirth_every_s=rebirth_every_s)


@asynccontextmanager
async def listening(broker: Broker) -> AsyncIterator[aiomqtt.Client]:
    """A device that hears everything that is said to the home's devices."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("restock/v1/home/#", qos=1)
        yield client


async def hear(client: aiomqtt.Client, until: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(topic, payload) of everything up to the payload that is waited for."""
    heard: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(WITHIN_S):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            assert not message.retain
            heard.append((str(message.topic), json.loads(message.payload)))
            if heard[-1][1] == until:
                break
    return heard


def cursor(seq: int, boot: str = "b-1") -> StoredCursor:
    """How far the fridge is stored."""
    return StoredCursor(FRIDGE, boot, seq)


def ack(seq: int, boot: str = "b-1") -> dict[str, Any]:
    """What the fridge hears of it."""
    return {"device": "fridge", "boot": boot, "seq": seq}


async def test_a_device_hears_its_cursor(broker: Broker) -> None:
    """On its own topic, in the form of the protocol."""
    voice = devices(broker)
    async with listening(broker) as client, voice:
        await voice.acknowledge([cursor(5)])
        assert await hear(client, ack(5)) == [("restock/v1/home/fridge/ack", ack(5))]
        await voice.acknowledge([cursor(6)])
        assert await hear(client, ack(6)) == [("restock/v1/home/fridge/ack", ack(6))]


async def test_what_waits_is_said_once_and_newest(broker: Broker) -> None:
    """Before there is a connection only the latest cursor of each boot is kept, and none falls back."""
    voice = devices(broker)
    await voice.acknowledge([cursor(1), cursor(9), cursor(4), cursor(2, "b-2")])
    async with listening(broker) as client, voice:
        heard = await hear(client, ack(2, "b-2"))
    assert [said for _, said in heard] == [ack(9), ack(2, "b-2")]


async def test_a_stranger_is_asked_once(broker: Broker) -> None:
    """A hundred readings without a birth make one request; after the pause there may be another."""
    voice, hasty = devices(broker), devices(broker, rebirth_every_s=0.0)
    for _ in range(100):
        await voice.ask_rebirth(FRIDGE)
    async with listening(broker) as client:
        async with voice:
            await voice.acknowledge([cursor(1)])
            heard = await hear(client, ack(1))
            await voice.ask_rebirth(FRIDGE)
            await voice.acknowledge([cursor(2)])
            heard += await hear(client, ack(2))
        assert [said for topic, said in heard if topic.endswith("/cmd")] == [{"cmd": "rebirth"}]
        async with hasty:
            for seq in (3, 4):
                await hasty.ask_rebirth(FRIDGE)
                await hasty.acknowledge([cursor(seq)])
                heard = await hear(client, ack(seq))
                assert heard[0] == ("restock/v1/home/fridge/cmd", {"cmd": "rebirth"})


async def test_it_speaks_again_after_the_broker_died(broker: Broker) -> None:
    """What could not be said waits, and is said on the next connection."""
    voice = devices(broker)
    async with voice:
        async with listening(broker) as client:
            await voice.acknowledge([cursor(1)])
            await hear(client, ack(1))
        broker.kill()
        await voice.acknowledge([cursor(2)])
        broker.start()
        async with listening(broker) as client:
            assert (await hear(client, ack(2)))[-1][1] == ack(2)


async def test_what_waits_is_bounded() -> None:
    """With no broker at all, the oldest words are forgotten first: those devices will send again."""
    voice = MqttDevices(MqttConfig(), home="home", client_id="hub-voice")
    await voice.acknowledge([StoredCursor(FRIDGE, f"b-{number}", 1) for number in range(1_500)])
    for number in range(1_500):
        await voice.ask_rebirth(DeviceId(f"stranger-{number}"))
    assert len(voice) == 1_000


async def test_requests_to_nodes_are_bounded_and_each_waits_once() -> None:
    """With no broker at all, a node that is asked often waits once, and many nodes push out the oldest."""
    voice = MqttDevices(MqttConfig(), home="home", client_id="hub-voice")
    for number in range(50):
        await voice.ask_node(RebirthRequest("spBv1.0/g/NCMD/n", b"%d" % number))
    assert len(voice) == 1
    for number in range(1_500):
        await voice.ask_node(RebirthRequest(f"spBv1.0/g/NCMD/{number}", b""))
    assert len(voice) == 1_000
