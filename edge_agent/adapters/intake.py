"""Broker to hub: messages come in unacknowledged, and the broker is told to forget one only after its commit.

paho-mqtt with `manual_ack` reads in a thread of its own. The session is persistent, so what was not acknowledged comes
again after a reconnect, whichever side had crashed.

An acknowledgement names a packet id, and ids are used again: one that belongs to an earlier connection, or to an
earlier delivery under the same id, is not sent, since it would make the broker forget another message. For the same
reason a message is acknowledged once on a connection: nats-server delivers again what it has waited for, and where our
word was under way already, the id may be another message's when a second one arrives.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.adapters.broker_tls import broker_tls
from edge_agent.adapters.handover import HandOver
from edge_agent.config import MqttConfig
from edge_agent.core.messages import RawMessage
from edge_agent.errors import ConfigurationError

log = logging.getLogger(__name__)

_QOS = 1
_PACKET_IDS = 1 << 16
_CUT_BYTES = 4_096  # of a payload over the limit: as much as the quarantine keeps
_WAITING_BYTES_MAX = 16_777_216
_RECONNECT_MIN_S = 1
_RECONNECT_MAX_S = 30
_SESSION_EXPIRY_S = 604_800
_PAID_MAX = 4_096  # what a broker has under way at a time is less
_WAITED_WITHIN_S = 10.0  # of the connection: by then the broker has handed over what it kept for us
# Unavailable, busy, shutting down, quota or rate exceeded: the broker may take us later. All else it refuses again.
_TRY_AGAIN = frozenset({0x88, 0x89, 0x8B, 0x97, 0x9F})


class _Owed(NamedTuple):
    """A delivery that is not acknowledged yet; `mark` tells its payload from another one's."""

    receipt: int
    mark: int


class MqttIntake:
    """The hub's inbox. An async context manager: it connects in the background, and reconnects for as long as it lives.

    `client_id` must stay the same over restarts (the session hangs on it) and be hard to guess (whoever connects with
    it takes the session over). `filters` are the subscriptions, the first of them for births. `rest_s` says how far
    apart groups are to be now, where messages come slowly. `receive` raises ConfigurationError when the broker refuses
    the log-in or a subscription.
    """

    def __init__(
        self,
        config: MqttConfig,
        *,
        client_id: str,
        filters: Sequence[str],
        now: Callable[[], datetime],
        user: str = "",
        password: str = "",
        rest_s: Callable[[], float] = lambda: 0.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._client_id = client_id
        self._steps = tuple(step for step in (tuple(filters[:1]), tuple(filters[1:])) if step)
        self._steps_left: deque[tuple[str, ...]] = deque()
        self._now = now
        self._monotonic_s = monotonic_s
        self._login = (user, password)
        self._rest_s = rest_s
        self._handover = HandOver(messages_max=config.queue_max, bytes_max=_WAITING_BYTES_MAX)
        self._ready = asyncio.Event()
        self._refused: ConfigurationError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._owed_lock = threading.Lock()
        self._owed: dict[int, _Owed] = {}  # packet id -> its latest delivery on this connection
        self._paid: OrderedDict[int, int] = OrderedDict()  # packet id -> mark of what was acknowledged under it last
        self._deliveries = 0
        self._connected_s: float | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._handover.open(self._loop)
        self._client = self._new_client()
        address = urlsplit(self._config.url)
        newest = self._config.protocol == "5"
        self._client.connect_async(
            address.hostname or "",
            address.port or 1883,
            keepalive=self._config.keepalive_s,
            clean_start=False if newest else MQTT_CLEAN_START_FIRST_ONLY,  # below 5 the client says it
            properties=_session() if newest else None,
        )
        self._client.loop_start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        client, self._client = self._client, None
        self._handover.close()
        if client is not None:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)

    @property
    def connected(self) -> bool:
        """Whether the broker has taken us and every subscription."""
        return self._ready.is_set() and self._refused is None

    async def ready(self) -> None:
        """Wait until the broker has taken us and every subscription.

        Raises: ConfigurationError when it refuses.
        """
        await self._ready.wait()
        if self._refused is not None:
            raise self._refused

    async def receive(self, *, group_max: int, wait_s: float) -> list[RawMessage]:
        """Wait for one message, then take what has come within `wait_s` (real time), `group_max` at the most.

        Raises: ConfigurationError when the broker refuses the log-in or a subscription.
        """
        return await self._handover.take(group_max, wait_s=wait_s, rest_s=self._rest_s())

    def acknowledge(self, messages: Sequence[RawMessage]) -> None:
        """Send the PUBACKs, but for messages of a connection that is gone: those come again."""
        client = self._client
        if client is None:
            return
        with self._owed_lock:
            for message in messages:
                packet_id = message.receipt % _PACKET_IDS
                owed = self._owed.get(packet_id)
                if packet_id and owed is not None and owed.receipt == message.receipt:
                    del self._owed[packet_id]
                    self._pay(packet_id, owed.mark)
                    client.ack(packet_id, _QOS)

    def _pay(self, packet_id: int, mark: int) -> None:
        self._paid.pop(packet_id, None)
        self._paid[packet_id] = mark
        while len(self._paid) > _PAID_MAX:
            self._paid.popitem(last=False)

    def _new_client(self) -> Client:
        newest = self._config.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if newest else False,
            protocol=MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        user, password = self._login
        if user:
            client.username_pw_set(user, password)
        if self._config.url.startswith("mqtts:"):
            client.tls_set_context(broker_tls(self._config))
        client.reconnect_delay_set(min_delay=_RECONNECT_MIN_S, max_delay=_RECONNECT_MAX_S)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    # --- called by paho in its own thread; an exception here would end that thread ---

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        del properties
        if not code.is_failure:
            session = flags.session_present
            log.info("mqtt_connected url=%s session_present=%s", self._config.url, session)
            self._steps_left = deque(self._steps)
            self._connected_s = self._monotonic_s()
            self._subscribe(client)
        elif code.value not in _TRY_AGAIN:
            self._refuse(client, f"the broker refuses the hub: {code}; check user, password, client id and protocol")

    def _subscribe(self, client: Client) -> None:
        """Anew on every connection: the filters may have changed since the session began.

        The first filter goes alone, and is answered for before the others go: what the broker has retained for it, the
        births, comes before what they announce.
        """
        filters = self._steps_left[0]
        if self._config.protocol == "5":
            client.subscribe([(each, SubscribeOptions(qos=_QOS)) for each in filters])
        else:
            client.subscribe([(each, _QOS) for each in filters])

    def _on_subscribe(
        self, client: Client, _: object, packet_id: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        del packet_id, properties
        filters = self._steps_left.popleft() if self._steps_left else ()
        for each, code in zip(filters, codes, strict=False):
            if code.is_failure or code.value < _QOS:
                self._refuse(
                    client,
                    f"the broker refuses the subscription {each!r} with QoS 1: {code}; allow the hub's user to read it",
                )
                return
        if self._steps_left:
            self._subscribe(client)
        else:
            self._tell_loop(self._ready.set)

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        del client, flags, properties
        with self._owed_lock:
            self._owed.clear()
            self._paid.clear()
        if self._refused is None:
            log.info("mqtt_disconnected url=%s reason=%s", self._config.url, code)
            self._tell_loop(self._ready.clear)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        del client
        with self._owed_lock:
            self._deliveries += 1
            receipt = self._deliveries * _PACKET_IDS + message.mid
            mark = hash(message.payload)
            if message.qos and not self._is_paid(message, mark):
                self._owed[message.mid] = _Owed(receipt, mark)
        since = self._connected_s
        self._handover.put(
            _raw(
                message,
                receipt,
                at=self._now(),
                limit_bytes=self._config.payload_bytes_max,
                may_have_waited=since is None or self._monotonic_s() - since < _WAITED_WITHIN_S,
            )
        )

    def _is_paid(self, message: MQTTMessage, mark: int) -> bool:
        """Whether this is a message again that was acknowledged on this connection; the word for it is under way."""
        return message.dup and message.mid not in self._owed and self._paid.get(message.mid) == mark

    def _refuse(self, client: Client, problem: str) -> None:
        self._refused = ConfigurationError(f"mqtt {self._config.url}: {problem}")
        client.disconnect()  # trying again would not help, and would fill the broker's log
        self._handover.fail(self._refused)
        self._tell_loop(self._ready.set)

    def _tell_loop(self, step: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(step)


def _raw(message: MQTTMessage, receipt: int, *, at: datetime, limit_bytes: int, may_have_waited: bool) -> RawMessage:
    whole_bytes = len(message.payload)
    too_large = whole_bytes > limit_bytes
    try:
        topic = message.topic
    except UnicodeDecodeError:
        topic = "(not UTF-8)"
    return RawMessage(
        topic=topic,
        payload=bytes(message.payload[:_CUT_BYTES] if too_large else message.payload),
        retained=message.retain,
        duplicate=message.dup,
        received_at=at,
        receipt=receipt,
        whole_bytes=whole_bytes if too_large else None,
        may_have_waited=may_have_waited,
    )


def _session() -> Properties:
    """How long the broker keeps what came while the hub was away. Devices keep their own readings longer."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = _SESSION_EXPIRY_S
    return properties
