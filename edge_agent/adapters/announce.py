"""Hub to devices: acknowledgements and requests for a birth certificate, over a connection of their own.

Nothing here is durable, and nothing has to be: a device that hears no acknowledgement sends again, and the store knows
the message. So what waits is bounded, and a newer cursor of the same boot replaces an older one. A Sparkplug node that
hears no request is asked again when it sends again; how often, its session decides.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Self

from edge_agent.adapters.broker_client import Login
from edge_agent.adapters.speaking import KeptConnection, Line
from edge_agent.config import MqttConfig
from edge_agent.core.messages import DeviceId, StoredCursor
from edge_agent.core.sparkplug.topics import RebirthRequest

log = logging.getLogger(__name__)

_QOS = 1
_QOS_OF_NODES = 0  # Sparkplug 3.0, chapter 6: commands are sent with QoS 0 and are not retained
_WAITING_MAX = 1_000
_REBIRTH_EVERY_S = 10.0

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
        self._home = home
        self._rebirth_every_s = rebirth_every_s
        self._waiting: OrderedDict[_Key, int] = OrderedDict()
        self._requests: OrderedDict[str, bytes] = OrderedDict()  # topic -> payload
        self._asked_at_s: OrderedDict[DeviceId, float] = OrderedDict()
        self._connection = KeptConnection(
            "announce",
            config,
            login=Login(client_id, user, password),
            say=self._say,
        )

    async def __aenter__(self) -> Self:
        self._connection.open()
        self._connection.wake()  # at once: the first acknowledgement does not wait for a connection
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._connection.close()

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
        self._connection.wake()

    async def _say(self, line: Line) -> bool:
        """An acknowledgement and a request in turn, so that neither keeps the other waiting."""
        if self._waiting:
            await self._say_next(line)
        if self._requests:
            await self._ask_next(line)
        return len(self) > 0

    async def _say_next(self, line: Line) -> None:
        key, seq = self._waiting.popitem(last=False)
        try:
            await line.publish(*self._words(key, seq), qos=_QOS)
        except BaseException:
            self._waiting.setdefault(key, seq)  # not sure that it was heard; a newer one may have come
            raise

    async def _ask_next(self, line: Line) -> None:
        topic, payload = self._requests.popitem(last=False)
        try:
            await line.publish(topic, payload, qos=_QOS_OF_NODES)
        except BaseException:
            self._requests.setdefault(topic, payload)
            raise
        log.info("rebirth_asked topic=%s", topic)

    def _note(self, key: _Key, seq: int) -> None:
        self._waiting[key] = seq
        while len(self._waiting) > _WAITING_MAX:
            self._waiting.popitem(last=False)
        self._connection.wake()

    def _words(self, key: _Key, seq: int) -> tuple[str, bytes]:
        device, boot = key
        base = f"restock/v1/{self._home}/{device}"
        if not boot:
            return f"{base}/cmd", b'{"cmd":"rebirth"}'
        said: dict[str, Any] = {"device": device, "boot": boot, "seq": seq}
        return f"{base}/ack", json.dumps(said, separators=(",", ":")).encode()
