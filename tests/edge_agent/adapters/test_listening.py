"""Listening on real brokers: everything that is there and comes, for a while, and nothing that would be noticed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiomqtt
import pytest

from edge_agent.adapters.listening import listen
from edge_agent.config import MqttConfig
from edge_agent.core.messages import RawMessage
from edge_agent.errors import BrokerUnreachableError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Broker

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHIN_S = 60.0
pytestmark = pytest.mark.broker
_ACL = """
authorization {
  users = [{user: hub, password: "a secret", permissions: {subscribe: {allow: ["garden.*", "$MQTT.>"]}}}]
}
"""


async def heard(
    broker: Broker,
    *filters: str,
    messages: int,
    for_s: float = WITHIN_S,
    login: tuple[str, str] = ("", ""),
    **config: object,
) -> list[RawMessage]:
    """Listen until so many messages came."""
    found: list[RawMessage] = []
    await listen(
        MqttConfig.model_validate({"url": broker.url, **config}),
        login=login,
        filters=filters or ("#",),
        for_s=for_s,
        take=found.append,
        now=lambda: NOW,
        messages_max=messages,
    )
    return found


async def retain(broker: Broker, **payloads: bytes) -> None:
    """Leave retained messages at the broker; `a__b` is the topic a/b."""
    async with aiomqtt.Client("127.0.0.1", broker.port) as device:
        for name, payload in payloads.items():
            await device.publish(name.replace("__", "/"), payload, qos=1, retain=True)


async def test_what_is_retained_is_heard(broker: Broker) -> None:
    """Topic, payload, mark and time; a large payload is cut, and its size is told."""
    await retain(broker, garden__rain=b'{"level": 5}', garden__big=b"x" * 5_000, pool__a=b"7.2")
    found = await heard(broker, messages=3, payload_bytes_max=1_024)
    by_topic = {each.topic: each for each in found}
    assert by_topic["garden/rain"] == RawMessage("garden/rain", b'{"level": 5}', True, False, NOW, 0)
    assert (len(by_topic["garden/big"].payload), by_topic["garden/big"].whole_bytes) == (4_096, 5_000)
    assert set(by_topic) == {"garden/rain", "garden/big", "pool/a"}


async def test_filters_limit_what_is_heard(broker: Broker) -> None:
    """Each of them is subscribed."""
    await retain(broker, garden__rain=b"1", pool__a=b"2", bath__b=b"3")
    found = await heard(broker, "garden/+", "bath/#", messages=2)
    assert {each.topic for each in found} == {"garden/rain", "bath/b"}


async def test_the_time_ends_it(broker: Broker) -> None:
    """Where nothing comes it is no error."""
    assert await heard(broker, messages=1, for_s=0.2) == []


async def test_nothing_is_left_at_the_broker(mosquitto_broker: Broker) -> None:
    """Its session is clean, its name another each time: the hub's own is not thrown out."""
    await retain(mosquitto_broker, garden__rain=b"1")
    for _ in range(2):
        assert len(await heard(mosquitto_broker, messages=1)) == 1
    log = mosquitto_broker.log.read_text(errors="replace")
    assert "already connected" not in log


async def test_a_refused_filter_is_said(start_nats: Callable[[str], Broker]) -> None:
    """With what to do; what the user may read is heard."""
    broker = start_nats(_ACL)
    with pytest.raises(ConfigurationError, match="does not let this user read '#'"):
        await heard(broker, messages=1, login=("hub", "a secret"))
    assert await heard(broker, "garden/+", messages=1, for_s=0.2, login=("hub", "a secret")) == []


async def test_a_wrong_password_is_said(start_nats: Callable[[str], Broker]) -> None:
    """As one line that names the broker."""
    with pytest.raises(BrokerUnreachableError, match="user and password"):
        await heard(start_nats(_ACL), messages=1, login=("hub", "another"))


async def test_no_broker_is_said() -> None:
    """A closed port."""
    config = MqttConfig(url="mqtt://127.0.0.1:9")
    with pytest.raises(BrokerUnreachableError, match=r"mqtt://127\.0\.0\.1:9"):
        await listen(config, login=("", ""), filters=("#",), for_s=5, take=lambda _: None, now=lambda: NOW)
