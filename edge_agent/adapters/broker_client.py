"""A client of the home's broker for everything but the intake, as the configuration has it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.adapters.broker_tls import broker_tls
from edge_agent.config import MqttConfig

WILL_QOS = 1
_REFUSED_FROM = 0x80  # of the codes that a broker grants; source: MQTT 5, 3.9.3


@dataclass(frozen=True, slots=True)
class Login:
    """How a client is known to the broker; without `user` it says no name and no password."""

    client_id: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says, retained, for a client that went without a good-bye."""

    topic: str
    payload: bytes


def broker_client(
    config: MqttConfig, login: Login, *, heard_max: int, will: Will | None = None, logger: logging.Logger
) -> aiomqtt.Client:
    """Not connected yet: `async with` connects. Of messages that wait to be read, more than `heard_max` are lost.

    What the library notes goes to `logger`, except its debugging: that names the session (docs/device-identity.md).
    Raises: ConfigurationError for TLS files that cannot be used.
    """
    logger.addFilter(_is_no_debugging)
    address = urlsplit(config.url)
    return aiomqtt.Client(
        address.hostname or "",
        address.port or 1883,
        identifier=login.client_id,
        username=login.user or None,
        password=login.password or None,
        keepalive=config.keepalive_s,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=WILL_QOS, retain=True),
        protocol=aiomqtt.ProtocolVersion.V5 if config.protocol == "5" else aiomqtt.ProtocolVersion.V311,
        tls_context=broker_tls(config) if config.url.startswith("mqtts:") else None,
        max_queued_incoming_messages=heard_max,
        logger=logger,
    )


def is_granted(codes: Iterable[int | ReasonCode]) -> bool:
    """Whether the broker lets this login read what was subscribed to."""
    return all((code if isinstance(code, int) else code.value) < _REFUSED_FROM for code in codes)


def _is_no_debugging(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
