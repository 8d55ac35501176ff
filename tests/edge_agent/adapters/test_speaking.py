"""A connection that is kept up: how long the hub waits for a broker that comes and goes."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.home_assistant import HomeAssistantVoice
from edge_agent.adapters.speaking import pause_after
from edge_agent.config import MqttConfig
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.messages import DeviceId, StoredCursor

WITHIN_S = 30.0
_TAKEN = bytes.fromhex("20020000")  # CONNACK of MQTT 3.1.1


@asynccontextmanager
async def fickle_broker() -> AsyncIterator[MqttConfig]:
    """A broker that takes everybody, and ends it at the first word, as one does that does not allow the word."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_024)
        writer.write(_TAKEN)
        await reader.read(1_024)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield MqttConfig(url=f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")


@asynccontextmanager
async def devices(config: MqttConfig) -> AsyncIterator[None]:
    """The hub's voice to devices, which has something to say."""
    async with MqttDevices(config, home="home", client_id="hub-1f7c-out") as voice:
        await voice.acknowledge([StoredCursor(DeviceId("fridge"), "b-1", 1)])
        yield


@asynccontextmanager
async def home_assistant(config: MqttConfig) -> AsyncIterator[None]:
    """The hub's voice to Home Assistant, which has something to say."""
    async with HomeAssistantVoice(config, names=Names("home"), client_id="hub-1f7c-ha") as voice:
        voice.stand("t", b"1")
        yield


class Pauses(logging.Handler):
    """The pauses that the log tells of."""

    def __init__(self) -> None:
        super().__init__()
        self.told_s: asyncio.Queue[float] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the pause."""
        told = re.search(r"_disconnected .*again_in_s=([0-9.]+)", record.getMessage())
        if told:
            self.told_s.put_nowait(float(told[1]))


@pytest.fixture
def pauses_s(caplog: pytest.LogCaptureFixture) -> Iterator[asyncio.Queue[float]]:
    """What the hub's log tells of its pauses meanwhile."""
    caplog.set_level(logging.DEBUG)
    heard, logger = Pauses(), logging.getLogger("edge_agent.adapters")
    logger.addHandler(heard)
    yield heard.told_s
    logger.removeHandler(heard)


@pytest.mark.parametrize(
    ("lasted_s", "before_s", "pause_s"),
    [
        (-math.inf, 0.0, 1.0),  # there is no broker
        (-math.inf, 1.0, 2.0),
        (0.1, 2.0, 4.0),
        (29.0, 16.0, 30.0),
        (0.1, 30.0, 30.0),
        (31.0, 30.0, 1.0),
    ],
)
def test_pauses_grow_until_a_connection_lasted(lasted_s: float, before_s: float, pause_s: float) -> None:
    """Up to half a minute; a connection that ended at once is no better than none."""
    assert pause_after(lasted_s, before_s=before_s) == pause_s


async def test_devices_are_not_told_by_a_storm_of_connections(pauses_s: asyncio.Queue[float]) -> None:
    """A broker that takes the hub and ends it at once is asked less and less often."""
    async with fickle_broker() as config, asyncio.timeout(WITHIN_S), devices(config):
        assert [await pauses_s.get(), await pauses_s.get()] == [1.0, 2.0]


async def test_home_assistant_is_not_told_by_a_storm_of_connections(pauses_s: asyncio.Queue[float]) -> None:
    """The same, of the hub's other voice."""
    async with fickle_broker() as config, asyncio.timeout(WITHIN_S), home_assistant(config):
        assert [await pauses_s.get(), await pauses_s.get()] == [1.0, 2.0]


async def test_no_log_names_the_sessions(pauses_s: asyncio.Queue[float], caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor the library's, at any level: whoever knows the name could take the session over."""
    async with fickle_broker() as config, asyncio.timeout(WITHIN_S), devices(config), home_assistant(config):
        await pauses_s.get()
        await pauses_s.get()
    assert "announce_disconnected" in caplog.text
    assert "hub-1f7c" not in caplog.text


async def test_an_end_is_noticed_while_an_answer_is_waited_for(
    pauses_s: asyncio.Queue[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that goes instead of answering a subscription is gone at once, not when the answer is overdue."""
    async with fickle_broker() as config, asyncio.timeout(WITHIN_S), home_assistant(config):
        await pauses_s.get()
    assert "home_assistant_disconnected" in caplog.text
    assert "TimeoutError" not in caplog.text
