"""MQTT 3.1.1 by paho, whose sockets stand in our own loop: for brokers that do not speak MQTT 5, such as NATS.

paho writes at once, except from inside its own callbacks: what these queued is written when they are over.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import cycle

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.listening import Broker, LinkError
from firmware_sim.load.link import Hear, Link, Outgoing, Place, Speaker, plain

_READY_WITHIN_S = 10.0
_AGAIN_S = 1.0
_PACKETS = 1_000  # read in one go
_OFTEN = 4  # paho pings up to a look late: so many looks in a keep-alive
_FOR_GOOD = {
    "Bad user name or password",
    "Not authorized",
    "Client identifier not valid",
    "Unsupported protocol version",
}


class Wire311:
    """Fulfils link.Wire."""

    version = "3.1.1"

    def __init__(self, places: Sequence[Place], *, keepalive_s: float, window: int) -> None:
        self._places = places
        self._keepalive_s = keepalive_s
        self._window = window

    async def open(self, speaker: Speaker, *, turn: int, source: str | None) -> Link:
        """See link.Wire."""
        place = self._places[turn % len(self._places)]
        client = _client(place.broker, speaker.client_id, clean=True)
        client.will_set(speaker.state_topic, speaker.will(), qos=1, retain=True)
        link = Link311(speaker, client, keepalive_s=self._keepalive_s, window=self._window)
        await _connect(client, place, keepalive_s=self._keepalive_s, source=source)
        link.begin()
        return link

    async def listen(self, filters: Sequence[str], hear: Hear, *, client_id: str) -> Subscription311:
        """See link.Wire."""
        subscription = Subscription311(self._places, filters, hear=hear, client_id=client_id)
        await subscription.open()
        return subscription


def _client(broker: Broker, client_id: str, *, clean: bool) -> Client:
    """An unconnected client."""
    client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=clean, protocol=MQTTProtocolVersion.MQTTv311)
    if broker.user is not None:
        client.username_pw_set(broker.user, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)
    return client


async def _connect(client: Client, place: Place, *, keepalive_s: float, source: str | None = None) -> None:
    """Connect and say CONNECT; in a thread, since paho waits for the other side here.

    Raises: OSError.
    """
    address = place.address if place.broker.tls is None else place.broker.host  # TLS checks the name
    await asyncio.to_thread(client.connect, address, place.broker.port, round(keepalive_s), bind_address=source or "")


class _Served:
    """A client whose socket our loop watches, from `begin` until the connection is gone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._wire: socket.socket | None = None

    def begin(self) -> bool:
        """Watch it; False when the connection is gone already."""
        wire = self.client.socket()
        if not isinstance(wire, socket.socket):
            return False
        self._wire = wire
        asyncio.get_running_loop().add_reader(wire, self._read)
        return True

    def flush(self) -> None:
        """Write what paho has queued, now or when there is room."""
        if self._wire is not None and self.client.want_write():
            self.client.loop_write()
            if self._wire is not None and self.client.want_write():
                asyncio.get_running_loop().add_writer(self._wire, self._write)

    def end(self) -> None:
        """Watch no more."""
        wire, self._wire = self._wire, None
        if wire is not None and wire.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(wire)
            asyncio.get_running_loop().remove_writer(wire)

    def cut(self) -> None:
        """Break the connection; paho finds that out at the next read."""
        if self._wire is not None:
            with suppress(OSError):  # the other side was faster
                self._wire.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        self.client.loop_read(_PACKETS)
        self.flush()

    def _write(self) -> None:
        if self._wire is not None:
            asyncio.get_running_loop().remove_writer(self._wire)
        self.flush()


class Link311:
    """Fulfils link.Link."""

    __slots__ = (
        "_in_hand",
        "_is_gone",
        "_is_up",
        "_no_use",
        "_reason",
        "_served",
        "_speaker",
        "_under_way",
        "_window",
        "keepalive_s",
    )

    def __init__(self, speaker: Speaker, client: Client, *, keepalive_s: float, window: int) -> None:
        self.keepalive_s = 2 * keepalive_s / _OFTEN
        self._speaker = speaker
        self._served = _Served(client)
        self._window = window
        self._under_way: dict[int, Outgoing] = {}
        self._in_hand: Outgoing | None = None
        self._reason = ""
        self._is_up = self._is_gone = self._no_use = False
        client.max_inflight_messages_set(window)

    def begin(self) -> None:
        """The CONNECT is said, in a thread, which must call nothing of ours: from now on wait for what comes."""
        client = self._served.client
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = _heard_by(self._speaker.hear)
        client.on_socket_close = self._on_socket_close
        if not self._served.begin():
            self._down()

    @property
    def is_idle(self) -> bool:
        """See link.Link."""
        return not self._under_way

    def room(self) -> int:
        """See link.Link."""
        return self._window - len(self._under_way) if self._is_up else 0

    def send(self, message: Outgoing) -> None:
        """See link.Link."""
        self._in_hand = message  # paho may find inside of `publish` that the connection is gone
        said = self._served.client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        self._in_hand = None
        if self._is_up:
            self._under_way[said.mid] = message
            self._served.flush()

    def leave(self, *, will: bool) -> None:
        """See link.Link: this version knows no goodbye with a will, so the connection is broken for it."""
        if will or not self._is_up:
            self.cut()
            return
        self._served.client.disconnect()
        self._served.flush()

    def cut(self) -> None:
        """See link.Link."""
        self._served.cut()

    def look(self) -> None:
        """See link.Link."""
        self._served.client.loop_misc()
        self._served.flush()

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refuses: {str(code).lower()}"
            self._no_use = str(code) in _FOR_GOOD
            self.cut()
            return
        filters = self._speaker.filters
        if filters:
            self._served.client.subscribe([(each, 1) for each in filters])
        else:
            self._up()

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self._reason, self._no_use = "the broker refuses the subscription to ack and cmd", True
            self.cut()
        else:
            self._up()

    def _up(self) -> None:
        self._is_up = True
        self._speaker.came_up(self)

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, _code: ReasonCode, _properties: Properties
    ) -> None:
        message = self._under_way.pop(mid, None)
        if message is not None:
            self._speaker.acked(message)

    def _on_socket_close(self, _client: Client, _userdata: object, _wire: object) -> None:
        self._served.end()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        _code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._down()

    def _down(self) -> None:
        """Once: paho tells it again when a write has found the end of the connection before a read does."""
        if self._is_gone:
            return
        self._is_up, self._is_gone = False, True
        unacked, self._under_way = list(self._under_way.values()), {}
        if self._in_hand is not None:
            unacked.append(self._in_hand)
        reason = self._reason or "the broker closed the connection"
        self._speaker.went_down(unacked, reason, for_good=self._no_use)


class Subscription311:
    """Fulfils link.Subscription; paho acknowledges a message when it has been heard."""

    def __init__(self, places: Sequence[Place], filters: Sequence[str], *, hear: Hear, client_id: str) -> None:
        self.breaks = 0
        self.forgotten = 0
        self._places = cycle(places)
        self._place = next(self._places)
        self._filters = filters
        self._client_id = client_id
        self._client = _client(self._place.broker, client_id, clean=False)
        self._served = _Served(self._client)
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._again: asyncio.Task[None] | None = None
        self._is_closed = False
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = _heard_by(hear)
        self._client.on_socket_close = lambda *_: self._served.end()

    async def open(self) -> None:
        """Connect and subscribe.

        Raises: LinkError.
        """
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await _connect(self._client, self._place, keepalive_s=0)
                self._served.begin()
                await self._ready
        except (OSError, TimeoutError) as exc:
            raise LinkError(f"the check subscriber cannot connect: {plain(exc)}") from exc

    async def close(self) -> None:
        """See link.Subscription: a clean session of the same name lets the broker forget the other."""
        self._is_closed = True
        if self._again is not None:
            self._again.cancel()
        self._client.disconnect()
        self._served.end()
        last = _client(self._place.broker, self._client_id, clean=True)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_READY_WITHIN_S):
                await _connect(last, self._place, keepalive_s=0)
                await asyncio.to_thread(_answered, last)

    def _on_connect(
        self, client: Client, _userdata: object, flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._fail(f"the broker refuses: {str(code).lower()}")
            return
        self.forgotten += self._ready.done() and not flags.session_present
        if not flags.session_present:
            client.subscribe([(each, 1) for each in self._filters])

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self._fail(f"the broker refuses the subscription {self._filters[0]!r}; let this user read it")
        elif not self._ready.done():
            self._ready.set_result(None)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        _code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if not self._ready.done():
            self._fail("the broker closed the connection")
        elif not self._is_closed and self._ready.exception() is None and self._again is None:
            self.breaks += 1
            self._again = self._loop.create_task(self._come_back(), name="check-again")

    async def _come_back(self) -> None:
        """Until there is a connection; paho may find in its thread that there is none, and nobody is told then."""
        is_back = False
        while not self._is_closed and not is_back:
            await asyncio.sleep(_AGAIN_S)
            self._place = next(self._places)
            with suppress(OSError):
                await _connect(self._client, self._place, keepalive_s=0)
                is_back = self._served.begin()
        self._again = None

    def _fail(self, reason: str) -> None:
        if not self._ready.done():
            self._ready.set_exception(LinkError(f"the check subscriber cannot listen: {reason}"))


def _heard_by(hear: Hear) -> Callable[[Client, object, MQTTMessage], None]:
    def on_message(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        hear(message.topic, bytes(message.payload))

    return on_message


def _answered(client: Client) -> None:
    """Read the answer to CONNECT, then leave."""
    if client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
        client.disconnect()
