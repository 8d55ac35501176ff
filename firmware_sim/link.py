"""One MQTT connection that is kept up: connect, run a session, connect again with jittered backoff.

Times here are real seconds. A session ends by returning (done) or by an MqttError (the connection is gone).
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field

import aiomqtt

_BACKOFF_FIRST_S = 0.05
_BACKOFF_MAX_S = 2.0
_TIMEOUT_S = 5.0
_KEEPALIVE_S = 30
_INCOMING_MAX = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker listens, and who we are there."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def open_client(broker: BrokerAddress, *, client_id: str, will: aiomqtt.Will | None = None) -> aiomqtt.Client:
    """A client of MQTT 3.1.1 with a clean session: what must survive a lost connection is kept by the device itself."""
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.user,
        password=broker.password,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V311,
        will=will,
        clean_session=True,
        timeout=_TIMEOUT_S,
        keepalive=_KEEPALIVE_S,
        max_queued_incoming_messages=_INCOMING_MAX,
    )


async def keep_connected(
    connect: Callable[[], AbstractAsyncContextManager[aiomqtt.Client]],
    session: Callable[[aiomqtt.Client], Awaitable[None]],
    *,
    rng: random.Random,
) -> None:
    """Run `session` on a fresh connection until it returns; connect again each time the connection is lost."""
    failures = 0
    while True:
        started = False
        try:
            async with connect() as client:
                started = True
                await session(client)
                return
        except* aiomqtt.MqttError as lost:
            log.info("link_lost connected=%s reason=%s", started, lost.exceptions[0])
        if _cancelled():  # leaving the client may have put its own error in the place of the cancellation
            raise asyncio.CancelledError
        failures = 1 if started else failures + 1
        await asyncio.sleep(backoff_s(failures, rng))


async def send(client: aiomqtt.Client, topic: str, payload: bytes, *, retain: bool = False) -> None:
    """Publish at QoS 1 and wait for the PUBACK; a cancellation meanwhile is not lost.

    Before Python 3.12 `asyncio.wait_for`, which aiomqtt uses, returns normally when it is cancelled at the moment at
    which its future completes. A loop around it would then never end.
    """
    await client.publish(topic, payload, qos=1, retain=retain)
    if _cancelled():
        raise asyncio.CancelledError


def backoff_s(failures: int, rng: random.Random) -> float:
    """Wait after so many failures in a row: twice as long each time up to a limit, from half of it to all of it."""
    return rng.uniform(0.5, 1.0) * min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2.0 ** min(failures, 10))


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def cut(client: aiomqtt.Client) -> None:
    """Lose the connection without a DISCONNECT, as a power cut does, so that the broker publishes the last will."""
    wire = client._client.socket()  # noqa: SLF001 - aiomqtt offers no way to leave without a goodbye
    if isinstance(wire, socket.socket):
        with suppress(OSError):  # the other side was faster
            wire.shutdown(socket.SHUT_RDWR)
