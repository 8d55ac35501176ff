"""Hub to devices: acknowledgements and requests for a birth certificate, over a connection of their own.

Nothing here is durable, and nothing has to be: a device that hears no acknowledgement sends again, and the store knows
the message. So what waits is bounded, and a newer cursor of the same boot replaces an older one. A Sparkplug node that
hears no request is asked again when it sends again; how often, its session decides.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import aiomqtt

from edge_agent.adapters.broker_tls import broker_tls
from edge_agent.config import MqttConfig
from edge_agent.core.messages import DeviceId, StoredCursor
from edge_agent.core.sparkplug.topics import RebirthRequest

log = logging.getLogger(__name__)

_QOS = 1
_QOS_OF_NODES = 0  # Sparkplug 3.0, chapter 6: commands are sent with QoS 0 and are not retained
_WAITING_MAX = 1_000
_PUBLISH_WITHIN_S = 10.0
_RECONNECT_MIN_S = 1.0
_RECONNECT_MAX_S = 30.0
_REBIRTH_EVERY_S = 10.0
_CLOSE_STEP_S = 1.0

_Key = tuple[DeviceId, str]  # device and boot, or device and "" for a rebirth


class MqttDevices:
    """Words to devices. An async context manager: it connects and publishes in the background.

    The other methods only note what to say, and never wait for the broker. A device is asked for its birth at most
    once in `rebirth_every_s` of real time, however many messages lack one.
    """

    def __init__(
        self,
        config: MqttConfig,
        *,
        home: str,
        client_id: str,
        user: str = "",
        password: str = "",
        rebirth_every_s: float = _REBIRTH_EVERY_S,
    ) -> None:
        self._config = config
        self._home = home
        self._client_id = client_id
        self._login = (user or None, password or None)
        self._rebirth_every_s = rebirth_every_s
        self._waiting: OrderedDict[_Key, int] = OrderedDict()
        self._requests: OrderedDict[str, bytes] = OrderedDict()  # topic -> payload
        self._asked_at_s: OrderedDict[DeviceId, float] = OrderedDict()
        self._news = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._speak(), name="announce")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._closing = True
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=_CLOSE_STEP_S)

    def __len__(self) -> int:
        """How many words wait to be said."""
        return len(self._waiting) + len(self._requests)

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """Tell each Restock-native device up to which seq everything is stored without a gap."""
        for cursor in cursors:
            key = (cursor.device, cursor.boot)
            self._note(key, max(cursor.seq, self._waiting.get(key, 0)))

    async def ask_rebirth(self, device: DeviceId) -> None:
        """Ask a device for its birth certificate instead of guessing."""
        now_s = asyncio.get_running_loop().time()
        asked_at_s = self._asked_at_s.get(device)
        if asked_at_s is not None and now_s - asked_at_s < self._rebirth_every_s:
            return
        self._asked_at_s.pop(device, None)
        self._asked_at_s[device] = now_s
        while len(self._asked_at_s) > _WAITING_MAX:
            self._asked_at_s.popitem(last=False)
        self._note((device, ""), 0)

    async def ask_node(self, request: RebirthRequest) -> None:
        """Ask a Sparkplug edge node for its births; of several that wait for one node, the newest is sent."""
        self._requests[request.topic] = request.payload
        while len(self._requests) > _WAITING_MAX:
            self._requests.popitem(last=False)
        self._news.set()

    async def _speak(self) -> None:
        """Publish what waits; reconnect with growing pauses."""
        pause_s = _RECONNECT_MIN_S
        while not self._closing:
            try:
                async with self._client() as client, asyncio.TaskGroup() as group:
                    pause_s = _RECONNECT_MIN_S
                    group.create_task(_until_gone(client), name="announce-watch")
                    group.create_task(self._publish(client), name="announce-publish")
            except* (aiomqtt.MqttError, OSError) as gone:
                log.info("announce_disconnected url=%s error=%s", self._config.url, gone.exceptions[0])
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _RECONNECT_MAX_S)

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            while self._waiting or self._requests:
                if self._waiting:
                    await self._say_next(client)
                if self._requests:
                    await self._ask_next(client)
            self._news.clear()
            await self._news.wait()

    async def _say_next(self, client: aiomqtt.Client) -> None:
        key, seq = self._waiting.popitem(last=False)
        try:
            await _publish(client, *self._words(key, seq), qos=_QOS)
        except BaseException:
            self._waiting.setdefault(key, seq)  # not sure that it was heard; a newer one may have come
            raise

    async def _ask_next(self, client: aiomqtt.Client) -> None:
        topic, payload = self._requests.popitem(last=False)
        try:
            await _publish(client, topic, payload, qos=_QOS_OF_NODES)
        except BaseException:
            self._requests.setdefault(topic, payload)
            raise
        log.info("rebirth_asked topic=%s", topic)

    def _note(self, key: _Key, seq: int) -> None:
        self._waiting[key] = seq
        while len(self._waiting) > _WAITING_MAX:
            self._waiting.popitem(last=False)
        self._news.set()

    def _words(self, key: _Key, seq: int) -> tuple[str, bytes]:
        device, boot = key
        base = f"restock/v1/{self._home}/{device}"
        if not boot:
            return f"{base}/cmd", b'{"cmd":"rebirth"}'
        said: dict[str, Any] = {"device": device, "boot": boot, "seq": seq}
        return f"{base}/ack", json.dumps(said, separators=(",", ":")).encode()

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
            protocol=aiomqtt.ProtocolVersion.V5 if self._config.protocol == "5" else aiomqtt.ProtocolVersion.V311,
            tls_context=broker_tls(self._config) if self._config.url.startswith("mqtts:") else None,
        )


async def _publish(client: aiomqtt.Client, topic: str, payload: bytes, *, qos: int) -> None:
    # Without end, and under a timeout of our own: the library's timeout can swallow a cancellation (Python 3.11).
    async with asyncio.timeout(_PUBLISH_WITHIN_S):
        await client.publish(topic, payload, qos=qos, timeout=math.inf)


async def _until_gone(client: aiomqtt.Client) -> None:
    async for _ in client.messages:
        pass  # nothing is subscribed; the iterator ends with an error when the connection does
