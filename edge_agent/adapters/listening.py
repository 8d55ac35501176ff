"""Listening to the broker for a while, for a person who wants to know what is there: nothing is kept or acknowledged.

A session of its own that ends with it, QoS 0, so that neither the hub's session nor any device notices.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

import aiomqtt

from edge_agent.adapters.broker_client import Login, broker_client, is_granted
from edge_agent.config import MqttConfig
from edge_agent.core.messages import RawMessage
from edge_agent.errors import BrokerUnreachableError, ConfigurationError

MESSAGES_MAX = 200_000
_WAITING_MAX = 5_000
_CUT_BYTES = 4_096


async def listen(
    config: MqttConfig,
    *,
    login: tuple[str, str],
    filters: Sequence[str],
    for_s: float,
    take: Callable[[RawMessage], None],
    now: Callable[[], datetime],
    messages_max: int = MESSAGES_MAX,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Give every message of these filters to `take`, for so many seconds of real time, or until there are too many.

    `ready` is called once nothing is missed any more.
    Raises: BrokerUnreachableError; ConfigurationError when the broker refuses the log-in or a filter.
    """
    try:
        async with _client(config, login) as client:
            await _subscribe(client, filters)
            ready()
            left = messages_max
            async with asyncio.timeout(for_s):
                async for message in client.messages:
                    take(_raw(message, at=now(), limit_bytes=config.payload_bytes_max))
                    left -= 1
                    if not left:
                        return
    except TimeoutError:
        return
    except (aiomqtt.MqttError, OSError) as exc:
        raise BrokerUnreachableError(
            f"mqtt {config.url}: {exc}; is the broker there, and are user and password right?"
        ) from exc


async def look_in(config: MqttConfig, *, login: tuple[str, str], within_s: float = 10.0) -> None:
    """Log in and out again: nothing is read, said or left behind.

    Raises: BrokerUnreachableError when the broker is not there, or does not let this login in; ConfigurationError for
    TLS files that cannot be used.
    """
    try:
        async with asyncio.timeout(within_s), _client(config, login):
            return
    except TimeoutError as exc:
        raise BrokerUnreachableError(f"mqtt {config.url}: no answer within {within_s:g} s") from exc
    except (aiomqtt.MqttError, OSError) as exc:
        raise BrokerUnreachableError(f"mqtt {config.url}: {exc}") from exc


async def _subscribe(client: aiomqtt.Client, filters: Sequence[str]) -> None:
    for each in filters:
        if not is_granted(await client.subscribe(each, qos=0)):
            raise ConfigurationError(
                f"the broker does not let this user read {each!r}: name what it may read with --topic, or give "
                "a user that may read in RESTOCK_MQTT_LOOK_USER and RESTOCK_MQTT_LOOK_PASSWORD"
            )


def _raw(message: aiomqtt.Message, *, at: datetime, limit_bytes: int) -> RawMessage:
    payload = message.payload if isinstance(message.payload, bytes) else str(message.payload or "").encode()
    too_large = len(payload) > limit_bytes
    return RawMessage(
        topic=str(message.topic),
        payload=payload[:_CUT_BYTES] if too_large else payload,
        retained=message.retain,
        duplicate=False,
        received_at=at,
        receipt=0,
        whole_bytes=len(payload) if too_large else None,
    )


def _client(config: MqttConfig, login: tuple[str, str]) -> aiomqtt.Client:
    """A session of its own, under a name that nobody else has."""
    user, password = login
    return broker_client(
        config,
        Login(f"restock-devices-{secrets.token_hex(6)}", user, password),
        heard_max=_WAITING_MAX,
        logger=logging.getLogger(f"{__name__}.client"),
    )
