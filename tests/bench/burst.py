"""A publisher that costs little, and a listener for what a hub acknowledges to its devices: for `intake` and `start`.

The packets are encoded before anything is timed (`mqtt5`), and go out as fast as the broker takes them.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import mqtt5
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.bench.scales import Message

_WINDOW = 500  # packets that the broker has not acknowledged
_PACKET_IDS = 65_535
_WITHIN_S = 120.0


def packets(messages: Sequence[Message], *, retain: bool = False) -> list[bytes]:
    """PUBLISH packets with QoS 1, in their order."""
    return [
        mqtt5.PublishPacket(
            topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=1 + number % _PACKET_IDS
        ).write()
        for number, (topic, payload) in enumerate(messages)
    ]


def publish(port: int, burst: Sequence[bytes]) -> float:
    """Send all of them, and wait until the broker has them; returns when the first one was sent (monotonic)."""
    with _connection(port, client_id="bench-publisher") as (link, answers):
        began_s = time.monotonic()
        for first in range(0, len(burst), _WINDOW):
            chunk = burst[first : first + _WINDOW]
            link.sendall(b"".join(chunk))
            for _ in chunk:
                next(answers)
    return began_s


def forget_session(port: int, client_id: str) -> None:
    """What the broker keeps for this client while it is away."""
    with _connection(port, client_id=client_id):
        pass


@contextmanager
def _connection(port: int, *, client_id: str) -> Iterator[tuple[socket.socket, Iterator[mqtt5.Packet]]]:
    with socket.create_connection(("127.0.0.1", port), timeout=_WITHIN_S) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(mqtt5.ConnectPacket(client_id, clean_start=True, keep_alive=0).write())
        answers = _packets_from(link)
        next(answers)
        yield link, answers
        link.sendall(mqtt5.DisconnectPacket().write())


def _packets_from(link: socket.socket) -> Iterator[mqtt5.Packet]:
    rest = b""
    while more := link.recv(65_536):
        data, at = rest + more, 0
        view = memoryview(data)
        while at < len(data):
            try:
                packet, size = mqtt5.read(view[at:])
            except IndexError:  # the rest of it is still to come
                break
            at += size
            yield packet
        rest = data[at:]
    raise SystemExit("the broker has closed the connection")


@dataclass
class Acknowledged:
    """Up to which seq each device was told that everything is stored, and when the last word of that came."""

    reached: dict[str, int] = field(default_factory=dict)
    heard_s: float = 0.0
    _news: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, payload: bytes) -> None:
        """One word of the hub."""
        at_s, said = time.monotonic(), json.loads(payload)
        with self._news:
            self.reached[said["device"]] = max(said["seq"], self.reached.get(said["device"], 0))
            self.heard_s = at_s
            self._news.notify_all()

    def wait_for(self, wanted: Mapping[str, int]) -> float:
        """Until each device was told this seq; returns when that was (monotonic).

        Raises: SystemExit when it is not in time.
        """
        with self._news:
            if not self._news.wait_for(lambda: wanted.items() <= self.reached.items(), _WITHIN_S):
                missing = {each: seq for each, seq in wanted.items() if self.reached.get(each) != seq}
                raise SystemExit(f"not acknowledged in {_WITHIN_S:g} s: {missing}")
            return self.heard_s


@contextmanager
def listening(port: int) -> Iterator[Acknowledged]:
    """What the hub of this broker tells its devices."""
    told, ready = Acknowledged(), threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)

    def hear(_client: Client, _user: object, message: MQTTMessage) -> None:
        told.hear(bytes(message.payload))

    client.on_message = hear
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.subscribe("restock/v1/home/+/ack", qos=1)
    client.loop_start()
    try:
        if not ready.wait(_WITHIN_S):
            raise SystemExit("the broker does not answer")
        yield told
    finally:
        client.disconnect()
        client.loop_stop()
