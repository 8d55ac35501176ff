"""The inbox on real brokers: nothing is acknowledged before it is asked for, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, cast

import aiomqtt
import pytest

from edge_agent.adapters.handover import HandOver
from edge_agent.adapters.intake import MqttIntake
from edge_agent.config import MqttConfig
from edge_agent.core.messages import RawMessage
from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.conftest import Broker

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHIN_S = 30.0  # a broker that redelivers on a timer needs 5 s
TOPIC = "restock/v1/home/fridge/reading"
FILTERS = ("restock/v1/home/+/reading", "bridge/+/status")

pytestmark = pytest.mark.broker


def intake(broker: Broker, *, filters: tuple[str, ...] = FILTERS, **config: object) -> MqttIntake:
    """An inbox on this broker; always the same client, as after a restart of the hub."""
    checked = MqttConfig.model_validate({"url": broker.url, **config})
    return MqttIntake(checked, client_id="hub-1f7c", filters=filters, now=lambda: NOW)


@asynccontextmanager
async def running(inbox: MqttIntake) -> AsyncIterator[MqttIntake]:
    """The inbox, connected and subscribed."""
    async with inbox:
        async with asyncio.timeout(WITHIN_S):
            await inbox.ready()
        yield inbox


def publisher(broker: Broker) -> AbstractAsyncContextManager[aiomqtt.Client]:
    """A device's connection."""
    return aiomqtt.Client("127.0.0.1", broker.port)


async def publish(broker: Broker, *payloads: bytes, retain: bool = False) -> None:
    """Publish with QoS 1, one after the other, each taken by the broker."""
    async with publisher(broker) as device:
        for payload in payloads:
            await device.publish(TOPIC, payload, qos=1, retain=retain)


async def collect(inbox: MqttIntake, count: int, *, acknowledge: bool) -> list[RawMessage]:
    """Receive until `count` different payloads are there."""
    got: dict[bytes, RawMessage] = {}
    async with asyncio.timeout(WITHIN_S):
        while len(got) < count:
            group = await inbox.receive(group_max=16, wait_s=0.02)
            assert 1 <= len(group) <= 16
            got |= {message.payload: message for message in group}
            if acknowledge:
                inbox.acknowledge(group)
    return list(got.values())


def numbered(count: int) -> list[bytes]:
    """Payloads 0, 1, 2 ..."""
    return [str(number).encode() for number in range(count)]


async def test_messages_come_as_they_were_published(broker: Broker) -> None:
    """Order, topic, payload and receive time are kept."""
    async with running(intake(broker)) as inbox:
        await publish(broker, *numbered(40))
        got = await collect(inbox, 40, acknowledge=True)
    assert [message.payload for message in got] == numbered(40)
    assert {(message.topic, message.retained, message.received_at) for message in got} == {(TOPIC, False, NOW)}


async def test_what_was_not_acknowledged_comes_again(broker: Broker) -> None:
    """A hub that dies between receive and acknowledge loses nothing, and what it acknowledged stays away."""
    async with running(intake(broker)) as inbox:
        await publish(broker, *numbered(10))
        first = await collect(inbox, 10, acknowledge=False)
        inbox.acknowledge(first[:4])
        await publish(broker, b"later")  # a round trip: the broker has read the acknowledgements by then
        await collect(inbox, 1, acknowledge=False)
    async with running(intake(broker)) as inbox:
        again = await collect(inbox, 7, acknowledge=True)
    assert sorted(message.payload for message in again) == [*numbered(10)[4:], b"later"]
    assert all(message.duplicate for message in again)


async def test_the_session_keeps_what_comes_while_the_hub_is_away(broker: Broker) -> None:
    """The client id is the same after a restart, and so is the session."""
    async with running(intake(broker)):
        pass
    await publish(broker, *numbered(5))
    async with running(intake(broker)) as inbox:
        assert len(await collect(inbox, 5, acknowledge=True)) == 5


async def test_what_may_have_waited_at_the_broker_is_marked(nats_broker: Broker) -> None:
    """In the first seconds of a connection nobody can say when a message was published; after that it is new."""
    uptime_s = [100.0]
    config = MqttConfig.model_validate({"url": nats_broker.url})
    connected = MqttIntake(
        config, client_id="hub-1f7c", filters=FILTERS, now=lambda: NOW, monotonic_s=lambda: uptime_s[-1]
    )
    async with running(connected) as inbox:
        await publish(nats_broker, b"at once")
        first = await collect(inbox, 1, acknowledge=True)
        uptime_s.append(110.0)
        await publish(nats_broker, b"later")
        second = await collect(inbox, 1, acknowledge=True)
    assert [(each.payload, each.may_have_waited) for each in (*first, *second)] == [
        (b"at once", True),
        (b"later", False),
    ]


async def test_a_broker_that_dies_comes_back(broker: Broker) -> None:
    """The inbox reconnects by itself; what was under way comes again, and old acknowledgements are not sent."""
    async with running(intake(broker)) as inbox:
        await publish(broker, *numbered(3))
        stale = await collect(inbox, 3, acknowledge=False)
        if broker.kind == "nats":
            broker.kill()
        else:
            broker.stop()  # killed, Mosquitto forgets what it acknowledged last
        broker.start()
        again = await collect(inbox, 3, acknowledge=False)
        assert {message.receipt for message in again}.isdisjoint(message.receipt for message in stale)
        inbox.acknowledge(stale)  # their packet ids are taken by other deliveries now
        await inbox.ready()
    async with running(intake(broker)) as inbox:
        assert len(await collect(inbox, 3, acknowledge=True)) == 3


async def test_no_log_names_the_session(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever knows its name could take the session over (docs/device-identity.md)."""
    caplog.set_level("DEBUG")
    async with running(intake(broker)):
        broker.kill()
        broker.start()
    assert "mqtt_connected" in caplog.text
    assert "hub-1f7c" not in caplog.text


async def test_a_retained_copy_is_marked(broker: Broker) -> None:
    """Retained means that it was planted before; a live copy of the same message is not retained."""
    await publish(broker, b"planted", retain=True)
    async with running(intake(broker)) as inbox:
        (planted,) = await collect(inbox, 1, acknowledge=True)
        assert planted.retained
        await publish(broker, b"live", retain=True)
        (live,) = await collect(inbox, 1, acknowledge=True)
        assert not live.retained


async def test_a_payload_over_the_limit_is_cut(broker: Broker) -> None:
    """It is handed on with its beginning and its real size, so that it can be kept apart."""
    async with running(intake(broker, payload_bytes_max=8_192)) as inbox:
        await publish(broker, b"x" * 8_192, b"y" * 8_193)
        whole, cut = sorted(await collect(inbox, 2, acknowledge=True), key=lambda message: message.payload)
    assert (len(whole.payload), whole.whole_bytes) == (8_192, None)
    assert (len(cut.payload), cut.whole_bytes) == (4_096, 8_193)


async def test_a_full_inbox_holds_the_broker_back(broker: Broker) -> None:
    """With room for 16, 200 messages wait in the socket and the broker, and all of them come."""
    async with running(intake(broker, queue_max=16)) as inbox:
        await publish(broker, *numbered(200))
        assert len(await collect(inbox, 200, acknowledge=True)) == 200


async def test_an_inbox_that_nobody_empties_can_be_closed(broker: Broker) -> None:
    """Closing lets go of the network thread, and what it held comes to the next hub."""
    async with running(intake(broker, queue_max=16)):
        await publish(broker, *numbered(60))
    async with running(intake(broker)) as inbox:
        assert len(await collect(inbox, 60, acknowledge=True)) == 60


async def test_mqtt_5(mosquitto_broker: Broker) -> None:
    """The session and the redelivery are the same with version 5."""
    async with running(intake(mosquitto_broker, protocol="5")) as inbox:
        await publish(mosquitto_broker, b"one")
        await collect(inbox, 1, acknowledge=False)
    async with running(intake(mosquitto_broker, protocol="5")) as inbox:
        assert [message.payload for message in await collect(inbox, 1, acknowledge=True)] == [b"one"]


async def test_a_broker_without_mqtt_5(nats_broker: Broker) -> None:
    """It is told at once, and not tried for ever."""
    async with intake(nats_broker, protocol="5") as inbox, asyncio.timeout(WITHIN_S):
        with pytest.raises(ConfigurationError, match="check user, password, client id and protocol"):
            await inbox.receive(group_max=1, wait_s=0)


HUB_MAY_READ = """
authorization {
  users = [{user: hub, password: right, permissions: {subscribe: ["restock.v1.home.*.reading", "$MQTT.sub.>"]}}]
}
"""


async def test_a_refused_subscription(start_nats: Callable[[str], Broker]) -> None:
    """SUBACK 0x80 on an open connection is an error that names the filter, not silence."""
    broker = start_nats(HUB_MAY_READ)
    config = MqttConfig(url=broker.url)
    inbox = MqttIntake(config, client_id="h", filters=FILTERS, now=lambda: NOW, user="hub", password="right")
    async with inbox, asyncio.timeout(WITHIN_S):
        with pytest.raises(ConfigurationError, match="refuses the subscription 'bridge/\\+/status'"):
            await inbox.ready()
        with pytest.raises(ConfigurationError):
            await inbox.receive(group_max=1, wait_s=0)
        assert not inbox.connected


async def test_a_wrong_password(start_nats: Callable[[str], Broker]) -> None:
    """A refused log-in is an error that says what to check."""
    broker = start_nats(HUB_MAY_READ)
    inbox = MqttIntake(
        MqttConfig(url=broker.url), client_id="h", filters=FILTERS, now=lambda: NOW, user="hub", password="wrong"
    )
    async with inbox, asyncio.timeout(WITHIN_S):
        with pytest.raises(ConfigurationError, match="check user, password"):
            await inbox.ready()


async def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    """TLS is never tried without the certificate that was named."""
    config = MqttConfig(url="mqtts://127.0.0.1:8883", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=r"mqtt\.ca_file"):
        async with MqttIntake(config, client_id="h", filters=FILTERS, now=lambda: NOW):
            pass


def raw(payload: bytes) -> RawMessage:
    """A message as paho's thread hands it over."""
    return RawMessage("t", payload, retained=False, duplicate=False, received_at=NOW, receipt=1)


@pytest.mark.parametrize(("messages_max", "bytes_max"), [(3, 10**6), (10**6, 30)])
async def test_the_hand_over_blocks_when_it_is_full(messages_max: int, bytes_max: int) -> None:
    """The fourth message waits for room, be the room messages or bytes."""
    handover = HandOver(messages_max=messages_max, bytes_max=bytes_max)
    handover.open(asyncio.get_running_loop())
    entered, done = Event(), Event()

    def fill() -> None:
        for number in range(4):
            if number == 3:
                entered.set()
            handover.put(raw(b"0123456789"))
        done.set()

    thread = Thread(target=fill)
    thread.start()
    await asyncio.to_thread(entered.wait, WITHIN_S)
    assert not done.is_set()
    assert len(await handover.take(1, wait_s=0)) == 1
    assert await asyncio.to_thread(done.wait, WITHIN_S)
    assert len(await handover.take(9, wait_s=0)) == 3
    handover.close()
    assert not handover.put(raw(b"late"))
    thread.join()


async def test_what_comes_at_once_is_not_held_up() -> None:
    """A broker that hands out 20 and waits for their acknowledgement sends none while the hub waits for more."""
    handover = HandOver(messages_max=100, bytes_max=10**6)
    handover.open(asyncio.get_running_loop())
    for _ in range(20):
        handover.put(raw(b"one of many"))
    async with asyncio.timeout(WITHIN_S):
        assert len(await handover.take(64, wait_s=10 * WITHIN_S)) == 20


async def test_who_takes_what_is_there_lets_others_have_their_turn() -> None:
    """A backlog would otherwise keep pages, and words to devices, waiting for its end."""
    handover = HandOver(messages_max=9, bytes_max=99)
    handover.open(asyncio.get_running_loop())
    handover.put(raw(b"one of many"))
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    assert len(await handover.take(1, wait_s=0)) == 1
    assert turns


async def test_what_comes_slowly_is_taken_in_larger_groups() -> None:
    """The first after a rest goes at once; what follows waits until it was long enough, with what comes meanwhile."""
    now_s = 100.0
    handover = HandOver(messages_max=100, bytes_max=10**6, ticks_s=lambda: now_s)
    handover.open(asyncio.get_running_loop())
    handover.put(raw(b"first"))
    assert len(await handover.take(64, wait_s=0, rest_s=2)) == 1
    handover.put(raw(b"second"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await handover.take(64, wait_s=0, rest_s=2)
    handover.put(raw(b"third"))
    now_s += 2
    assert [each.payload for each in await handover.take(64, wait_s=0, rest_s=2)] == [b"second", b"third"]


async def test_a_cancelled_receive_takes_nothing() -> None:
    """What was waiting is there for the next one."""
    handover = HandOver(messages_max=9, bytes_max=99)
    handover.open(asyncio.get_running_loop())
    handover.put(raw(b"kept"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await handover.take(5, wait_s=WITHIN_S)
    assert [message.payload for message in await handover.take(1, wait_s=0)] == [b"kept"]


@dataclass
class CountingLoop:
    """The running loop, as far as a hand-over needs it; `wakes` are the calls."""

    loop: asyncio.AbstractEventLoop
    wakes: list[object]

    def call_soon_threadsafe(self, step: Callable[[], object]) -> None:
        """Note the call, and make it."""
        self.wakes.append(step)
        self.loop.call_soon_threadsafe(step)


async def test_the_taker_is_woken_once_for_a_group() -> None:
    """Once for the first message and once for the last that it waits for, however many come in between."""
    loop, wakes = asyncio.get_running_loop(), list[object]()
    handover = HandOver(messages_max=99, bytes_max=999)
    handover.open(cast("asyncio.AbstractEventLoop", CountingLoop(loop, wakes)))
    group = asyncio.create_task(handover.take(9, wait_s=WITHIN_S))
    await asyncio.sleep(0)
    for number in range(9):
        handover.put(raw(b"%d" % number))
    assert len(await group) == 9
    assert len(wakes) <= 2


class Redelivering:
    """A broker of MQTT 3.1.1 for one client that hands out what a test says, always under packet id 5."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.over = asyncio.Event()
        self._writer: asyncio.StreamWriter

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say yes to everything, and count."""
        self._writer = writer
        with suppress(asyncio.IncompleteReadError):
            while True:
                kind, length = await reader.readexactly(2)
                body = await reader.readexactly(length)
                self.acknowledged += kind >> 4 == 4
                if kind >> 4 == 1:
                    writer.write(b"\x20\x02\x01\x00")
                elif kind >> 4 == 8:
                    writer.write(b"\x90\x03" + body[:2] + b"\x01")
        writer.close()
        self.over.set()

    def hand_out(self, payload: bytes, *, again: bool = False) -> None:
        """One PUBLISH."""
        topic = TOPIC.encode()
        body = bytes([0, len(topic)]) + topic + b"\x00\x05" + payload
        self._writer.write(bytes([0x3A if again else 0x32, len(body)]) + body)


async def test_a_message_is_acknowledged_once_on_a_connection() -> None:
    """Where it came again while the word was under way, the packet id may be another message's by then."""
    redelivering = Redelivering()
    async with await asyncio.start_server(redelivering.serve, "127.0.0.1", 0) as server:
        url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        inbox = MqttIntake(MqttConfig(url=url), client_id="hub-1f7c", filters=FILTERS[:1], now=lambda: NOW)
        async with running(inbox):
            for payload, again in ((b"first", False), (b"first", True), (b"second", False), (b"second", True)):
                redelivering.hand_out(payload, again=again)
                [message] = await collect(inbox, 1, acknowledge=True)
                assert message.payload == payload
        async with asyncio.timeout(WITHIN_S):
            await redelivering.over.wait()
    assert redelivering.acknowledged == 2
