"""The demo's broker, for real: who may connect, and what each may say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiomqtt
import pytest

from firmware_sim.broker import Broker, Login, config_text, new_broker, start
from firmware_sim.processes import Crew, free_ports, listens

pytestmark = pytest.mark.broker


def client(broker: Broker, login: Login, *, name: str) -> aiomqtt.Client:
    """A connection of one user."""
    return aiomqtt.Client(
        "127.0.0.1", broker.port, username=login.user, password=login.password, identifier=name, timeout=5
    )


def test_configuration_says_what_a_puback_promises(tmp_path: Path) -> None:
    """Every write is synced, every window bounded, and nothing listens beyond loopback."""
    text = config_text(new_broker(18_883), store=tmp_path)
    for setting in (
        "server_name: restock-demo",
        "sync_interval: always",
        'ack_wait: "5s"',
        "max_ack_pending: 200",
        "max_payload: 65536",
        'listen: "127.0.0.1:18883"',
    ):
        assert setting in text
    assert text.count("listen:") == text.count('listen: "127.0.0.1:')


def test_passwords_are_fresh_and_not_shown() -> None:
    """Two brokers share no secret, and a broker's repr tells none."""
    one, other = new_broker(1), new_broker(1)
    assert one.hub.password not in {other.hub.password, one.devices.password}
    assert one.hub.password not in repr(one)
    assert one.hub_client_id != other.hub_client_id


async def test_users_say_only_what_is_theirs(tmp_path: Path) -> None:
    """Readings reach the hub, acknowledgements the device; a device cannot forge an acknowledgement."""
    broker = new_broker(free_ports(1)[0])
    async with Crew(["broker"]) as crew:
        await start(crew, broker, folder=tmp_path / "broker", log=tmp_path / "broker.log")
        async with (
            client(broker, broker.hub, name=broker.hub_client_id) as hub,
            client(broker, broker.devices, name="fridge") as fridge,
        ):
            await hub.subscribe([("restock/v1/home/+/reading", 1), ("bridge/#", 1)])
            await fridge.subscribe([("restock/v1/home/fridge/ack", 1), ("restock/v1/home/fridge/cmd", 1)])
            await fridge.publish("restock/v1/home/fridge/ack", b"forged", qos=1)
            await fridge.publish("restock/v1/home/fridge/reading", b"reading", qos=1)
            await fridge.publish("bridge/smartthings/washer/status", b"status", qos=1)
            assert await heard(hub, 2) == [b"reading", b"status"]
            await hub.publish("restock/v1/home/fridge/ack", b"ack", qos=1)
            await hub.publish("restock/v1/home/fridge/cmd", b"cmd", qos=1)
            assert await heard(fridge, 2) == [b"ack", b"cmd"]
    assert not await listens(broker.port)


async def test_wrong_password_is_refused(tmp_path: Path) -> None:
    """Nobody connects without the password."""
    broker = new_broker(free_ports(1)[0])
    async with Crew(["broker"]) as crew:
        await start(crew, broker, folder=tmp_path / "broker", log=tmp_path / "broker.log")
        with pytest.raises(aiomqtt.MqttError):
            async with client(broker, Login(user="hub", password="wrong"), name="x"):
                pass
    log = (tmp_path / "broker.log").read_text()
    assert broker.hub.password not in log
    assert (tmp_path / "broker" / "nats.conf").stat().st_mode & 0o777 == 0o600


async def heard(subscriber: aiomqtt.Client, count: int) -> list[object]:
    """The payloads of the next messages."""
    async with asyncio.timeout(10):
        return [(await anext(subscriber.messages)).payload for _ in range(count)]
