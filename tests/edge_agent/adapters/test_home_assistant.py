"""The hub's voice to Home Assistant on real brokers: what stands is kept there, and what went is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiomqtt
import pytest

from edge_agent.adapters.home_assistant import HomeAssistantVoice
from edge_agent.config import MqttConfig
from edge_agent.core.home_assistant.names import Names
from edge_agent.pipeline.home_assistant import Heard

if TYPE_CHECKING:
    from tests.conftest import Broker

WITHIN_S = 30.0
NAMES = Names("home")
MILK, TEA = NAMES.item_state("milk"), NAMES.item_state("tea")
Said = tuple[str, bytes, bool]  # topic, payload, retained

pytestmark = pytest.mark.broker


def voice(broker: Broker) -> HomeAssistantVoice:
    """The hub's voice on this broker."""
    return HomeAssistantVoice(MqttConfig(url=broker.url), names=NAMES, client_id="hub-ha")


@asynccontextmanager
async def there(broker: Broker) -> AsyncIterator[aiomqtt.Client]:
    """Home Assistant, which hears everything that is said."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for each in ("homeassistant/#", "restock/ha/#"):
            await client.subscribe(each, qos=1)
        yield client


async def hear(client: aiomqtt.Client, until: tuple[str, bytes]) -> list[Said]:
    """Everything up to the message that is waited for."""
    heard: list[Said] = []
    async with asyncio.timeout(WITHIN_S):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            heard.append((str(message.topic), message.payload, message.retain))
            if heard[-1][:2] == until:
                break
    return heard


async def kept(broker: Broker) -> dict[str, bytes]:
    """What the broker gives to somebody who comes now."""
    async with there(broker) as client:
        await client.publish("restock/ha/end", b"end", qos=1)
        return {
            topic: payload for topic, payload, retained in await hear(client, ("restock/ha/end", b"end")) if retained
        }


async def received(speaker: HomeAssistantVoice) -> Heard:
    """The next thing that the hub hears."""
    async with asyncio.timeout(WITHIN_S):
        return await speaker.receive()


async def test_what_stands_is_kept_and_what_happens_is_not(broker: Broker) -> None:
    """States are retained; events are heard by who listens now, and by nobody later."""
    async with there(broker) as client, voice(broker) as speaker:
        speaker.stand(MILK, b"1")
        speaker.tell(NAMES.item_event("milk"), b"asked")
        heard = await hear(client, (NAMES.item_event("milk"), b"asked"))
        assert (MILK, b"1", False) in heard
        assert (NAMES.availability, b"online", False) in heard
        assert await kept(broker) == {MILK: b"1", NAMES.availability: b"online"}
        speaker.stand(MILK, b"")
        await hear(client, (MILK, b""))
        assert await kept(broker) == {NAMES.availability: b"online"}


async def test_an_orderly_end_says_that_it_is_offline(broker: Broker) -> None:
    """What stands is still there for the next start."""
    async with there(broker) as client:
        async with voice(broker) as speaker:
            speaker.stand(MILK, b"1")
            await hear(client, (NAMES.availability, b"online"))
        await hear(client, (NAMES.availability, b"offline"))
    assert await kept(broker) == {MILK: b"1", NAMES.availability: b"offline"}


async def test_what_went_while_the_hub_was_away_is_taken_back(broker: Broker) -> None:
    """And nothing of anybody else, whatever the broker keeps of them."""
    neighbour = Names("neighbour").item_discovery("milk")
    async with there(broker) as client:
        for topic in (NAMES.item_discovery("tea"), TEA, neighbour, "homeassistant/sensor/other/config"):
            await client.publish(topic, b"old", qos=1, retain=True)
        async with voice(broker) as speaker:
            speaker.stand(MILK, b"1")
            async with asyncio.timeout(WITHIN_S):
                gone: set[str] = set()
                async for message in client.messages:
                    gone |= {str(message.topic)} if message.payload == b"" else set()
                    if len(gone) == 2:
                        break
    assert set(await kept(broker)) == {MILK, neighbour, "homeassistant/sensor/other/config", NAMES.availability}


async def test_everything_is_said_again(broker: Broker) -> None:
    """When Home Assistant comes back, and when the broker does."""
    async with voice(broker) as speaker:
        async with there(broker) as client:
            speaker.stand(MILK, b"1")
            speaker.stand(TEA, b"2")
            await hear(client, (TEA, b"2"))
            await hear(client, (NAMES.availability, b"online"))
            speaker.again()
            assert await hear(client, (NAMES.availability, b"online")) == [
                (MILK, b"1", False), (TEA, b"2", False), (NAMES.availability, b"online", False),
            ]  # fmt: skip
        broker.kill()
        speaker.stand(TEA, b"3")
        broker.start()
        async with there(broker) as client:
            await hear(client, (TEA, b"3"))


async def test_what_is_asked_for_is_heard(broker: Broker) -> None:
    """Commands and Home Assistant's birth; a kept one is marked, and what is too long is cut and never whole."""
    async with there(broker) as client, voice(broker) as speaker:
        await client.publish(NAMES.command, b"kept", qos=1, retain=True)
        await hear(client, (NAMES.command, b"kept"))
        speaker.stand(MILK, b"1")
        assert await received(speaker) == Heard(NAMES.command, b"kept", retained=True)
        await client.publish(NAMES.birth, b"online", qos=1)
        assert await received(speaker) == Heard(NAMES.birth, b"online", retained=False)
        await client.publish(NAMES.command, b"x" * 5_000, qos=1)
        assert len((await received(speaker)).payload) == 1_025


async def test_nobody_reaches_a_hub_that_was_away(broker: Broker) -> None:
    """What was pressed meanwhile is lost, and nothing is bought by a word from yesterday."""
    async with there(broker) as client:
        async with voice(broker) as speaker:
            speaker.stand(MILK, b"1")
            await hear(client, (NAMES.availability, b"online"))
        await client.publish(NAMES.command, b"pressed", qos=1)
        await hear(client, (NAMES.command, b"pressed"))
        async with voice(broker) as speaker:
            speaker.stand(MILK, b"1")
            await hear(client, (NAMES.availability, b"online"))
            await client.publish(NAMES.birth, b"online", qos=1)
            assert (await received(speaker)).topic == NAMES.birth


async def test_what_waits_is_bounded() -> None:
    """With no broker at all: topics, events, and what was heard."""
    speaker = HomeAssistantVoice(MqttConfig(), names=NAMES, client_id="hub-ha")
    for number in range(5_000):
        speaker.stand(f"t/{number}", b"1")
        speaker.tell("e", b"%d" % number)
        speaker._hear(Heard("c", b"", retained=False))
    assert (len(speaker._standing), len(speaker._events), speaker._heard.qsize()) == (4_000, 200, 32)
    assert speaker._events[-1] == ("e", b"4999")
