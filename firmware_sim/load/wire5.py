"""MQTT 5 on an asyncio transport: one small object for each connection. The bytes are the `mqtt5` library's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import cycle
from typing import TypeVar, cast

import mqtt5
from mqtt5 import ConnAckReasonCode, DisconnectReasonCode, PubAckReasonCode, QoS

from firmware_sim.listening import Broker, LinkError
from firmware_sim.load.link import Hear, Link, Outgoing, Place, Speaker, plain

P = TypeVar("P", bound=asyncio.BaseProtocol)

_IDS = 65_535
_FOR_GOOD = (  # no set: the library's codes have no hash
    ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD,
    ConnAckReasonCode.NOT_AUTHORIZED,
    ConnAckReasonCode.BANNED,
    ConnAckReasonCode.BAD_AUTHENTICATION_METHOD,
    ConnAckReasonCode.CLIENT_ID_NOT_VALID,
    ConnAckReasonCode.RETAIN_NOT_SUPPORTED,
    ConnAckReasonCode.QUALITY_NOT_SUPPORTED,
    ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
)
_OLD_REFUSAL = "the broker does not answer in MQTT 5; try --mqtt 3.1.1"
_AT_LEAST_ONCE = QoS.AT_LEAST_ONCE
_REFUSED_FROM = 128
_READY_WITHIN_S = 10.0
_SESSION_S = 3_600  # how long the broker keeps for a check subscriber that is gone
_AGAIN_S = 1.0


class Wire5:
    """Fulfils link.Wire."""

    version = "5"

    def __init__(self, places: Sequence[Place], *, keepalive_s: float, window: int) -> None:
        self._places = places
        self._keepalive_s = keepalive_s
        self._window = window

    async def open(self, speaker: Speaker, *, turn: int, source: str | None) -> Link:
        """See link.Wire."""
        place = self._places[turn % len(self._places)]
        _, link = await _connect(
            place,
            lambda: Link5(speaker, place.broker, keepalive_s=self._keepalive_s, window=self._window),
            source=source,
        )
        return link

    async def listen(self, filters: Sequence[str], hear: Hear, *, client_id: str) -> Subscription5:
        """See link.Wire."""
        subscription = Subscription5(self._places, filters, hear=hear, client_id=client_id)
        await subscription.open()
        return subscription


async def _connect(place: Place, protocol: Callable[[], P], *, source: str | None = None) -> tuple[object, P]:
    broker = place.broker
    return await asyncio.get_running_loop().create_connection(
        protocol,
        place.address,
        broker.port,
        ssl=broker.tls,
        server_hostname=broker.host if broker.tls is not None else None,
        local_addr=None if source is None else (source, 0),
    )


class Link5(asyncio.Protocol):
    """Fulfils link.Link. It is up once the broker has answered CONNECT."""

    __slots__ = ("_broker", "_heard", "_is_up", "_last_id", "_no_use", "_reason", "_rest", "_said",
                 "_speaker", "_transport", "_under_way", "_window", "keepalive_s")  # fmt: skip

    def __init__(self, speaker: Speaker, broker: Broker, *, keepalive_s: float, window: int) -> None:
        self._speaker = speaker
        self._broker = broker
        self.keepalive_s = keepalive_s
        self._window = window
        self._transport: asyncio.Transport | None = None
        self._under_way: dict[int, Outgoing] = {}
        self._last_id = 0
        self._rest = b""
        self._reason = ""
        self._is_up = self._heard = self._said = self._no_use = False

    # --- what the device asks for ---

    @property
    def is_idle(self) -> bool:
        """See link.Link."""
        return not self._under_way

    def room(self) -> int:
        """See link.Link."""
        return self._window - len(self._under_way) if self._is_up else 0

    def send(self, message: Outgoing) -> None:
        """See link.Link."""
        number = self._next_id()
        self._under_way[number] = message
        packet = mqtt5.PublishPacket(
            message.topic, message.payload, qos=_AT_LEAST_ONCE, retain=message.retain, packet_id=number
        )
        self._write(packet.write())

    def leave(self, *, will: bool) -> None:
        """See link.Link."""
        if self._transport is None or not self._is_up:
            return self.cut()
        code = DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE if will else DisconnectReasonCode.NORMAL_DISCONNECTION
        self._write(mqtt5.DisconnectPacket(reason_code=code).write())
        return self._transport.close()

    def cut(self) -> None:
        """See link.Link."""
        if self._transport is not None:
            self._transport.abort()

    def look(self) -> None:
        """See link.Link."""
        if self._said and not self._heard:
            self._reason = "the broker does not answer any more"
            self.cut()
        elif self._is_up:
            silent, self._said, self._heard = not self._said, False, False
            if silent:
                self._write(mqtt5.PingReqPacket().write())

    # --- what the transport brings ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say CONNECT."""
        self._transport = cast("asyncio.Transport", transport)
        will = mqtt5.Will(self._speaker.state_topic, payload=self._speaker.will(), qos=QoS.AT_LEAST_ONCE, retain=True)
        broker = self._broker
        packet = mqtt5.ConnectPacket(
            self._speaker.client_id,
            username=broker.user,
            password=None if broker.password is None else broker.password.encode(),
            clean_start=True,
            will=will,
            keep_alive=round(self.keepalive_s),
        )
        self._write(packet.write())

    def data_received(self, data: bytes) -> None:
        """Take what the broker says, whole packets at a time."""
        self._heard = True
        if self._rest:
            data = self._rest + data
        view, at = memoryview(data), 0
        try:
            while at < len(data):
                packet, size = mqtt5.read(view[at:])
                at += size
                self._take(packet)
        except IndexError:  # the rest of a packet is still to come
            pass
        except ValueError as exc:
            self._no_use = not self._is_up
            self._reason = _OLD_REFUSAL if self._no_use else f"what the broker says is no MQTT 5: {exc}"
            self.cut()
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        self._transport = None
        self._is_up = False
        unacked, self._under_way = list(self._under_way.values()), {}
        reason = self._reason or ("the broker closed the connection" if exc is None else plain(exc))
        self._speaker.went_down(unacked, reason, for_good=self._no_use)

    def _take(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.PubAckPacket():
                message = self._under_way.pop(packet.packet_id, None)
                if message is None:
                    return
                if packet.reason_code is PubAckReasonCode.SUCCESS or int(packet.reason_code) < _REFUSED_FROM:
                    self._speaker.acked(message)
                else:
                    self._speaker.refused(message, _words(packet.reason_code.name, packet.reason_str))
            case mqtt5.ConnAckPacket():
                self._connected(packet)
            case mqtt5.SubAckPacket():
                self._subscribed(packet)
            case mqtt5.PublishPacket():
                self._speaker.hear(packet.topic, packet.payload)
                if packet.packet_id is not None:
                    self._write(mqtt5.PubAckPacket(packet.packet_id).write())
            case mqtt5.DisconnectPacket():
                self._reason = "the broker ended the connection: " + _words(packet.reason_code.name, packet.reason_str)
            case _:
                pass  # PINGRESP: it was heard

    def _connected(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.reason_code is not ConnAckReasonCode.SUCCESS:
            self._reason = "the broker refuses: " + _words(packet.reason_code.name, packet.reason_str)
            self._no_use = packet.reason_code in _FOR_GOOD
            return self.cut()
        self._window = min(self._window, packet.receive_max)
        self.keepalive_s = packet.server_keep_alive or self.keepalive_s
        filters = self._speaker.filters
        if filters:
            return self._write(_subscription(self._next_id(), filters))
        self._is_up = True
        return self._speaker.came_up(self)

    def _subscribed(self, packet: mqtt5.SubAckPacket) -> None:
        if any(int(code) >= _REFUSED_FROM for code in packet.reason_codes):
            self._reason, self._no_use = "the broker refuses the subscription to ack and cmd", True
            return self.cut()
        self._is_up = True
        return self._speaker.came_up(self)

    def _write(self, packet: bytes) -> None:
        self._said = True
        if self._transport is not None:
            self._transport.write(packet)

    def _next_id(self) -> int:
        number = self._last_id % _IDS + 1
        while number in self._under_way:
            number = number % _IDS + 1
        self._last_id = number
        return number


class Subscription5(asyncio.Protocol):
    """Fulfils link.Subscription: what comes is heard, then acknowledged, a whole read at a time.

    Its session outlives a lost connection, so that what the broker kept meanwhile is not missed.
    """

    def __init__(self, places: Sequence[Place], filters: Sequence[str], *, hear: Hear, client_id: str) -> None:
        self._places = cycle(places)
        self._place = next(self._places)
        self._filters = filters
        self._hear = hear
        self._client_id = client_id
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._again: asyncio.Task[None] | None = None
        self._is_closed = False
        self._rest = b""
        self.breaks = 0
        self.forgotten = 0

    async def open(self) -> None:
        """Connect and subscribe.

        Raises: LinkError.
        """
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await _connect(self._place, lambda: self)
                await self._ready
        except (OSError, TimeoutError) as exc:
            raise LinkError(f"the check subscriber cannot connect: {plain(exc)}") from exc

    async def close(self) -> None:
        """See link.Subscription."""
        self._is_closed = True
        if self._again is not None:
            self._again.cancel()
        if self._transport is not None:
            self._transport.write(mqtt5.DisconnectPacket(session_expiry_interval=0).write())
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say CONNECT; the session is new the first time only."""
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""
        packet = mqtt5.ConnectPacket(
            self._client_id,
            username=self._place.broker.user,
            password=None if self._place.broker.password is None else self._place.broker.password.encode(),
            clean_start=not self._ready.done(),
            session_expiry_interval=_SESSION_S,
            keep_alive=0,
        )
        self._transport.write(packet.write())

    def data_received(self, data: bytes) -> None:
        """Hear every whole message of what came, then acknowledge all of them at once."""
        data = self._rest + data if self._rest else data
        view, at, acks = memoryview(data), 0, []
        try:
            while at < len(data):
                packet, size = mqtt5.read(view[at:])
                at += size
                if isinstance(packet, mqtt5.PublishPacket):
                    self._hear(packet.topic, packet.payload)
                    if packet.packet_id is not None:
                        acks.append(mqtt5.PubAckPacket(packet.packet_id).write())
                else:
                    self._answered(packet)
        except IndexError:  # the rest of a packet is still to come
            pass
        except ValueError:
            self._fail(_OLD_REFUSAL)
        self._rest = data[at:]
        if acks and self._transport is not None:
            self._transport.write(b"".join(acks))

    def connection_lost(self, exc: Exception | None) -> None:
        """Come back, unless this was the end."""
        self._transport = None
        if not self._ready.done():
            self._fail("the broker closed the connection" if exc is None else plain(exc))
        elif not self._is_closed and self._ready.exception() is None:
            self.breaks += 1
            self._again = asyncio.get_running_loop().create_task(self._come_back(), name="check-again")

    async def _come_back(self) -> None:
        while self._transport is None and not self._is_closed:
            await asyncio.sleep(_AGAIN_S)
            self._place = next(self._places)
            with suppress(OSError):
                await _connect(self._place, lambda: self)

    def _answered(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.ConnAckPacket(reason_code=ConnAckReasonCode.SUCCESS):
                self.forgotten += self._ready.done() and not packet.session_present
                if not packet.session_present:
                    self._say(_subscription(1, self._filters))
            case mqtt5.ConnAckPacket():
                self._fail("the broker refuses: " + _words(packet.reason_code.name, packet.reason_str))
            case mqtt5.SubAckPacket() if any(int(code) >= _REFUSED_FROM for code in packet.reason_codes):
                self._fail(f"the broker refuses the subscription {self._filters[0]!r}; let this user read it")
            case mqtt5.SubAckPacket() if not self._ready.done():
                self._ready.set_result(None)
            case _:
                pass

    def _fail(self, reason: str) -> None:
        if not self._ready.done():
            self._ready.set_exception(LinkError(f"the check subscriber cannot listen: {reason}"))
        if self._transport is not None:
            self._transport.abort()

    def _say(self, packet: bytes) -> None:
        if self._transport is not None:
            self._transport.write(packet)


def _subscription(number: int, filters: Sequence[str]) -> bytes:
    return mqtt5.SubscribePacket(
        number, [mqtt5.TopicFilter(each, max_qos=QoS.AT_LEAST_ONCE) for each in filters]
    ).write()


def _words(name: str, more: str | None) -> str:
    return name.lower().replace("_", " ") + (f" ({more})" if more else "")
