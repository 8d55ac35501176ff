"""The hub's voice to Home Assistant, over a connection and a login of its own at the home's broker.

What stands is kept here whole and said again after every reconnect, so a broker that forgot its retained messages is
made right; what the broker still keeps of items that have gone is taken back. The last will says `offline`. Nothing
that is asked for while the hub is away reaches it later: the session ends with the connection, and a retained command
is no command.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Self

from edge_agent.adapters.broker_client import Login, Will
from edge_agent.adapters.speaking import Ear, KeptConnection, Line, Message
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
_ONLINE, _OFFLINE = b"online", b"offline"


class HomeAssistantVoice:
    """Fulfils `pipeline.home_assistant.Voice`. An async context manager: it connects once something stands.

    `receive` gives what Home Assistant says. A device that floods the topics loses its own messages: 32 may wait.
    """

    def __init__(self, config: MqttConfig, *, names: Names, client_id: str, user: str = "", password: str = "") -> None:
        self._names = names
        self._standing: dict[str, bytes] = {}
        self._unsaid: dict[str, None] = {}  # topics, in the order in which they changed
        self._events: deque[tuple[str, bytes]] = deque(maxlen=_EVENTS_MAX)
        self._heard: asyncio.Queue[Heard] = asyncio.Queue(_HEARD_MAX)
        self._connection = KeptConnection(
            "home_assistant",
            config,
            login=Login(client_id, user, password),
            say=self._say,
            begin=self.again,  # the broker may have forgotten what it kept
            ear=Ear((*names.heard, *names.own), hear=self._take, waiting_max=2 * _STANDING_MAX),
            will=Will(names.availability, _OFFLINE),
        )

    async def __aenter__(self) -> Self:
        self._connection.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._connection.close()

    def stand(self, topic: str, payload: bytes) -> None:
        """From now on this is so; empty: no longer."""
        if topic not in self._standing and len(self._standing) >= _STANDING_MAX:
            log.error("home_assistant_too_much topics=%d", _STANDING_MAX)
            return
        self._standing[topic] = payload
        self._unsaid.setdefault(topic)
        self._connection.wake()

    def tell(self, topic: str, payload: bytes) -> None:
        """Said once; of those that wait for a connection the oldest are forgotten first."""
        self._events.append((topic, payload))
        self._connection.wake()

    def again(self) -> None:
        """Say everything that stands once more."""
        self._unsaid = dict.fromkeys((*self._standing, self._names.availability))
        self._connection.wake()

    async def receive(self) -> Heard:
        """The next thing that Home Assistant says."""
        return await self._heard.get()

    async def _say(self, line: Line) -> bool:
        """What stands before what happens."""
        if self._unsaid:
            await self._say_standing(line)
        elif self._events:
            await self._say_event(line)
        return bool(self._unsaid or self._events)

    async def _say_event(self, line: Line) -> None:
        topic, payload = self._events[0]
        await line.publish(topic, payload, qos=_QOS)
        if self._events and self._events[0] == (topic, payload):
            self._events.popleft()

    async def _say_standing(self, line: Line) -> None:
        topic = next(iter(self._unsaid))
        payload = _ONLINE if topic == self._names.availability else self._standing[topic]
        del self._unsaid[topic]
        try:
            await line.publish(topic, payload, qos=_QOS, retain=True)
        except BaseException:
            self._unsaid.setdefault(topic)  # not sure that it was heard
            raise
        if not payload and not self._standing[topic]:
            del self._standing[topic]

    def _take(self, message: Message) -> None:
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
