"""A connection of one's own at the home's broker, kept up for as long as there is something to say.

Whoever speaks hands in what is said and what is listened to. Here is only how long a connection lives, how the next one
is waited for, and how the last one ends.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiomqtt
from aiomqtt import Message

from edge_agent.adapters.broker_client import WILL_QOS, Login, Will, broker_client, is_granted
from edge_agent.config import MqttConfig

__all__ = ["DEAF", "Ear", "KeptConnection", "Line", "Message", "pause_after"]

log = logging.getLogger(__name__)

_QOS = 1
_WITHIN_S = 10.0
_RECONNECT_MIN_S = 1.0
_RECONNECT_MAX_S = 30.0
_CLOSE_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """An open connection.

    Both requests wait without end, and under a timeout of our own: the library's can swallow a cancellation (Python
    3.11). Both raise TimeoutError, and aiomqtt.MqttError when the connection is gone.
    """

    client: aiomqtt.Client

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> None:
        """Returns once the broker has it (QoS 1), or once it is on its way (QoS 0)."""
        async with asyncio.timeout(_WITHIN_S):
            await self.client.publish(topic, payload, qos=qos, retain=retain, timeout=math.inf)

    async def subscribe(self, topic: str, *, qos: int) -> bool:
        """Returns whether the broker lets this login read it."""
        async with asyncio.timeout(_WITHIN_S):
            return is_granted(await self.client.subscribe(topic, qos=qos, timeout=math.inf))


@dataclass(frozen=True, slots=True)
class Ear:
    """What is listened to: `hear` gets every message of these topics. More than `waiting_max` at once are lost."""

    topics: tuple[str, ...]
    hear: Callable[[Message], None]
    waiting_max: int


DEAF = Ear((), hear=lambda _: None, waiting_max=1)


class KeptConnection:
    """Connects at the first `wake` after `open`, and again after every end until `close`.

    `say` says what comes next, and returns whether more waits; it does not suspend between looking and returning.
    `begin` is called when a connection was made, before anything is said on it. An orderly end sends no last will, so
    `will` is said then. `name` is how the logs and the tasks call it.
    """

    def __init__(
        self,
        name: str,
        config: MqttConfig,
        *,
        login: Login,
        say: Callable[[Line], Awaitable[bool]],
        begin: Callable[[], None] = lambda: None,
        ear: Ear = DEAF,
        will: Will | None = None,
    ) -> None:
        self._name = name
        self._config = config
        self._login = login
        self._say = say
        self._begin = begin
        self._ear = ear
        self._will = will
        self._news = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin, in the background."""
        self._task = asyncio.create_task(self._keep_up(), name=self._name)

    async def close(self) -> None:
        """End it, and wait for that; a cancellation that was swallowed on its way is sent again."""
        self._closing = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=_CLOSE_STEP_S)

    def wake(self) -> None:
        """Something waits to be said."""
        self._news.set()

    async def _keep_up(self) -> None:
        """One connection after another, with pauses between them."""
        await self._news.wait()
        elapsed_s, pause_s = asyncio.get_running_loop().time, 0.0
        while not self._closing:
            taken_at_s, why = math.inf, ""
            try:
                async with self._client() as client, asyncio.TaskGroup() as group:
                    taken_at_s = elapsed_s()
                    self._begin()
                    group.create_task(self._hear(client), name=f"{self._name}-listen")
                    group.create_task(self._subscribe(Line(client)), name=f"{self._name}-subscribe")
                    group.create_task(self._speak(Line(client)), name=f"{self._name}-publish")
            except* (aiomqtt.MqttError, OSError) as gone:
                why = str(gone.exceptions[0]) or type(gone.exceptions[0]).__name__
            pause_s = pause_after(elapsed_s() - taken_at_s, before_s=pause_s)
            log.info("%s_disconnected url=%s error=%s again_in_s=%g", self._name, self._config.url, why, pause_s)
            await asyncio.sleep(pause_s)

    async def _hear(self, client: aiomqtt.Client) -> None:
        """From the first moment on: only who reads notices that a connection has ended."""
        async for message in client.messages:
            self._ear.hear(message)

    async def _subscribe(self, line: Line) -> None:
        for each in self._ear.topics:
            if not await line.subscribe(each, qos=_QOS):
                log.error("%s_not_heard topic=%s reason=the broker does not let this login read it", self._name, each)

    async def _speak(self, line: Line) -> None:
        try:
            while True:
                if not await self._say(line):
                    self._news.clear()
                    await self._news.wait()
        except asyncio.CancelledError:
            if self._closing and self._will is not None:
                await line.publish(self._will.topic, self._will.payload, qos=WILL_QOS, retain=True)
            raise

    def _client(self) -> aiomqtt.Client:
        return broker_client(
            self._config,
            self._login,
            heard_max=self._ear.waiting_max,
            will=self._will,
            logger=logging.getLogger(f"{__name__}.{self._name}"),
        )


def pause_after(lasted_s: float, *, before_s: float) -> float:
    """How long to wait for the next connection: twice as long as before, anew after one that lasted.

    A broker that takes us and ends it at once is no broker yet. `before_s` is 0 at first; `lasted_s` is negative where
    no connection came about.
    """
    if lasted_s > _RECONNECT_MAX_S:
        return _RECONNECT_MIN_S
    return min(max(2 * before_s, _RECONNECT_MIN_S), _RECONNECT_MAX_S)
