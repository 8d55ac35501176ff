"""Stand-in for `umqtt.simple`, which no package registry carries: the part of its interface that the device uses.

Like the real one it hands a message to the callback while `publish` waits, counts packet ids, and knows no reconnect.
"""

import socket

_CONNACK, _PUBLISH, _PUBACK, _SUBACK = 0x20, 0x30, 0x40, 0x90


class MQTTException(Exception):
    """The broker refused."""


def _text(value) -> bytes:
    value = value if isinstance(value, bytes) else value.encode()
    return len(value).to_bytes(2, "big") + value


def _packet(first: int, body: bytes) -> bytes:
    length, left = b"", len(body)
    while True:
        left, low = left >> 7, left & 0x7F
        length += bytes([low | (0x80 if left else 0)])
        if not left:
            return bytes([first]) + length + body


class MQTTClient:
    """MQTT 3.1.1 over one socket."""

    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None) -> None:
        assert ssl is None
        self.client_id, self.user, self.pswd, self.keepalive = client_id, user, password, keepalive
        self._address = (server, port or 1883)
        self.sock = self._heard = self._will = None
        self.pid = 0

    def set_callback(self, heard) -> None:
        self._heard = heard

    def set_last_will(self, topic, msg, retain=False, qos=0) -> None:
        self._will = (topic, msg, retain, qos)

    def connect(self, clean_session=True, timeout=None):
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        self.sock.connect(socket.getaddrinfo(*self._address)[0][-1])
        flags, payload = 2 if clean_session else 0, _text(self.client_id)
        if self._will:
            topic, msg, retain, qos = self._will
            flags |= 4 | qos << 3 | retain << 5
            payload += _text(topic) + _text(msg)
        if self.user:
            flags |= 0xC0
            payload += _text(self.user) + _text(self.pswd)
        head = _text("MQTT") + bytes([4, flags]) + self.keepalive.to_bytes(2, "big")
        self.sock.write(_packet(0x10, head + payload))
        kind, answer = self._next()
        assert kind == _CONNACK
        if answer[1]:
            raise MQTTException(answer[1])

    def disconnect(self) -> None:
        self.sock.write(b"\xe0\0")
        self.sock.close()

    def ping(self) -> None:
        self.sock.write(b"\xc0\0")

    def subscribe(self, topic, qos=0) -> None:
        self.pid += 1
        self.sock.write(_packet(0x82, self.pid.to_bytes(2, "big") + _text(topic) + bytes([qos])))
        self._until(_SUBACK)

    def publish(self, topic, msg, retain=False, qos=0) -> None:
        assert qos == 1
        self.pid += 1
        self.sock.write(_packet(_PUBLISH | qos << 1 | retain, _text(topic) + self.pid.to_bytes(2, "big") + msg))
        self._until(_PUBACK)

    def check_msg(self) -> None:
        self.sock.setblocking(False)
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if first is not None:
            self._take(*self._next(first))

    def _until(self, kind: int) -> None:
        while True:
            got, body = self._next()
            if got == kind and int.from_bytes(body[:2], "big") == self.pid:
                return
            self._take(got, body)

    def _take(self, kind: int, body: bytes) -> None:
        if kind & 0xF0 != _PUBLISH:
            return
        start = 2 + int.from_bytes(body[:2], "big")
        qos = kind >> 1 & 3
        self._heard(body[2:start], body[start + 2 * bool(qos) :])
        if qos:
            self.sock.write(_packet(_PUBACK, body[start : start + 2]))

    def _next(self, first=None):
        first = first or self.sock.read(1)
        if not first:
            raise OSError(-1)
        size = shift = 0
        while True:
            byte = self.sock.read(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first[0], self.sock.read(size) if size else b""
