"""The hub's voice to Home Assistant, over a connection and a login of its own at the home's broker.

What stands is kept here whole and said again after every reconnect, so a broker that forgot its retained messages is
made right; what the broker still keeps of items that have gone is taken back. The last will says `offline`. Nothing
that is asked for while the hub is away reaches it later: the session ends with the connection, and a retained command
is no command.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from typing import Self
from urllib.parse import urlsplit

import aiomqtt

from edge_agent.adapters.broker_tls import broker_tls
from edge_agent.config import MqttConfig
from edge_agent.core.home_assistant.commands import COMMAND_BYTES_MAX
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.leave.grants import meets
from edge_agent.pipeline.home_assistant import Heard

log = logging.getLogger(__name__)

_QOS = 1
_EVENTS_MAX = 200
_HEARD_MAX = 32
_STANDING_MAX = 4_000
_PUBLISH_WITHIN_S = 10.0
_RECONNECT_MIN_S = 1.0
_RECONNECT_MAX_S = 30.0
_CLOSE_STEP_S = 1.0
_REFUSED_FROM = 0x80  # of the codes that a broker grants; source: MQTT 5, 3.9.3
_ONLINE, _OFFLINE = b"online", b"offline"


class HomeAssistantVoice:
    """Fulfils `pipeline.home_assistant.Voice`. An async context manager: it connects once something stands.

    `receive` gives what Home Assistant says. A device that floods the topics loses its own messages: 32 may wait.
    """

    def __init__(self, config: MqttConfig, *, names: Names, client_id: str, user: str = "", password: str = "") -> None:
        self._config = config
        self._names = names
        self._client_id = client_id
        self._login = (user or None, password or None)
        self._standing: dict[str, bytes] = {}
        self._unsaid: dict[str, None] = {}  # topics, in the order in which they changed
        self._events: deque[tuple[str, bytes]] = deque(maxlen=_EVENTS_MAX)
        self._heard: asyncio.Queue[Heard] = asyncio.Queue(_HEARD_MAX)
        self._news = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._speak(), name="home_assistant")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._closing = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=_CLOSE_STEP_S)

    def stand(self, topic: str, payload: bytes) -> None:
        """From now on this is so; empty: no longer."""
        if topic not in self._standing and len(self._standing) >= _STANDING_MAX:
            log.error("home_assistant_too_much topics=%d", _STANDING_MAX)
            return
        self._standing[topic] = payload
        self._unsaid.setdefault(topic)
        self._news.set()

    def tell(self, topic: str, payload: bytes) -> None:
        """Said once; of those that wait for a connection the oldest are forgotten first."""
        self._events.append((topic, payload))
        self._news.set()

    def again(self) -> None:
        """Say everything that stands once more."""
        self._unsaid = dict.fromkeys((*self._standing, self._names.availability))
        self._news.set()

    async def receive(self) -> Heard:
        """The next thing that Home Assistant says."""
        return await self._heard.get()

    async def _speak(self) -> None:
        """Publish what stands and what happens; reconnect with growing pauses."""
        await self._news.wait()
        elapsed_s = asyncio.get_running_loop().time
        pause_s = _RECONNECT_MIN_S
        while not self._closing:
            begun_s = elapsed_s()
            try:
                async with self._client() as client, asyncio.TaskGroup() as group:
                    group.create_task(self._listen(client), name="home_assistant-listen")
                    group.create_task(self._publish(client), name="home_assistant-publish")
            except* (aiomqtt.MqttError, OSError) as gone:
                log.info("home_assistant_disconnected url=%s error=%s", self._config.url, gone.exceptions[0])
            if elapsed_s() - begun_s > _RECONNECT_MAX_S:  # a broker that takes us and ends it at once is no broker yet
                pause_s = _RECONNECT_MIN_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _RECONNECT_MAX_S)

    async def _publish(self, client: aiomqtt.Client) -> None:
        self.again()
        try:
            while True:
                while self._unsaid or self._events:
                    await self._say_next(client)
                self._news.clear()
                await self._news.wait()
        except asyncio.CancelledError:
            if self._closing:  # an orderly end sends no last will, so it is said
                await _publish(client, self._names.availability, _OFFLINE, retain=True)
            raise

    async def _say_next(self, client: aiomqtt.Client) -> None:
        if not self._unsaid:
            topic, payload = self._events[0]
            await _publish(client, topic, payload, retain=False)
            if self._events and self._events[0] == (topic, payload):
                self._events.popleft()
            return
        topic = next(iter(self._unsaid))
        payload = _ONLINE if topic == self._names.availability else self._standing[topic]
        del self._unsaid[topic]
        try:
            await _publish(client, topic, payload, retain=True)
        except BaseException:
            self._unsaid.setdefault(topic)  # not sure that it was heard
            raise
        if not payload and not self._standing[topic]:
            del self._standing[topic]

    async def _listen(self, client: aiomqtt.Client) -> None:
        for each in (*self._names.heard, *self._names.own):
            async with asyncio.timeout(_PUBLISH_WITHIN_S):  # as in `_publish`: else a cancellation may be lost
                granted = await client.subscribe(each, qos=_QOS, timeout=math.inf)
            if any((code if isinstance(code, int) else code.value) >= _REFUSED_FROM for code in granted):
                log.error("home_assistant_not_heard topic=%s reason=the broker does not let this login read it", each)
        async for message in client.messages:
            topic = str(message.topic)
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if topic in self._names.heard:
                self._hear(Heard(topic, payload[: COMMAND_BYTES_MAX + 1], retained=message.retain))
            elif message.retain and payload and any(meets(each, topic) for each in self._names.own):
                self._take_back(topic)

    def _take_back(self, topic: str) -> None:
        """The broker keeps something that is no longer so: of an item that went while the hub was away."""
        if topic not in self._standing:
            log.info("home_assistant_taken_back topic=%s", topic)
            self.stand(topic, b"")

    def _hear(self, heard: Heard) -> None:
        try:
            self._heard.put_nowait(heard)
        except asyncio.QueueFull:
            log.warning("home_assistant_ignored reason=too_many_wait")

    def _client(self) -> aiomqtt.Client:
        address = urlsplit(self._config.url)
        user, password = self._login
        return aiomqtt.Client(
            address.hostname or "",
            address.port or 1883,
            identifier=self._client_id,
            username=user,
            password=password,
            keepalive=self._config.keepalive_s,
            will=aiomqtt.Will(self._names.availability, _OFFLINE, qos=_QOS, retain=True),
            protocol=aiomqtt.ProtocolVersion.V5 if self._config.protocol == "5" else aiomqtt.ProtocolVersion.V311,
            tls_context=broker_tls(self._config) if self._config.url.startswith("mqtts:") else None,
            max_queued_incoming_messages=2 * _STANDING_MAX,
        )


async def _publish(client: aiomqtt.Client, topic: str, payload: bytes, *, retain: bool) -> None:
    # Without end, and under a timeout of our own: the library's timeout can swallow a cancellation (Python 3.11).
    async with asyncio.timeout(_PUBLISH_WITHIN_S):
        await client.publish(topic, payload, qos=_QOS, retain=retain, timeout=math.inf)
