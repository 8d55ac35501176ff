"""The least that a fleet can cost: the `mqtt5` codec on uvloop, constants, no books. For `tests.bench.fleet`.

Each connection has a will, as a device has, and says two retained messages when it is up, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import mqtt5
import uvloop

_AT_ONCE = 64
_TICK_S = 0.02
_WORDS = 2  # birth and state
_PAYLOAD = b"x" * 190  # about as long as a reading


class _Bare(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_number", "_topic", "_transport", "acked", "ready", "up")

    def __init__(self, number: int) -> None:
        self._topic = f"bare/{number}/reading"
        self._number = 0
        self.acked = 0
        self.up = asyncio.get_running_loop().create_future()
        self.ready = asyncio.get_running_loop().create_future()  # birth and state are acknowledged

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        will = mqtt5.Will(self._topic, payload=b"off", qos=mqtt5.QoS.AT_LEAST_ONCE)
        self._transport.write(mqtt5.ConnectPacket(self._topic, clean_start=True, keep_alive=60, will=will).write())

    def data_received(self, data: bytes) -> None:
        packet, _ = mqtt5.read(memoryview(data))
        if isinstance(packet, mqtt5.PubAckPacket):
            self.acked += 1
        else:
            self.up.set_result(None)
        if self.acked < _WORDS:
            self.publish(retain=True)
        elif self.acked == _WORDS:
            self.ready.set_result(None)

    def publish(self, *, retain: bool = False) -> None:
        self._number = self._number % 65_535 + 1
        packet = mqtt5.PublishPacket(
            self._topic, _PAYLOAD, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._number, retain=retain
        )
        self._transport.write(packet.write())


async def _run(port: int, devices: int, rate_per_s: float, duration_s: float) -> None:
    loop = asyncio.get_running_loop()
    links: list[_Bare] = []

    async def open_one(number: int) -> None:
        _, link = await loop.create_connection(lambda: _Bare(number), "127.0.0.1", port)
        await link.up
        links.append(link)

    began, cpu_from_s = time.perf_counter(), time.process_time()
    for first in range(0, devices, _AT_ONCE):
        await asyncio.gather(*(open_one(number) for number in range(first, min(devices, first + _AT_ONCE))))
    all_up = time.perf_counter()
    await asyncio.gather(*(link.ready for link in links))
    connected = time.perf_counter()
    cpu_s, sent = time.process_time(), 0
    while (since_s := time.perf_counter() - connected) < duration_s:
        while sent < since_s * rate_per_s:
            links[sent * 6_181 % devices].publish()
            sent += 1
        await asyncio.sleep(_TICK_S)
    told = {
        "floor_connect_s": round(all_up - began, 3),
        "floor_connect_cpu_us": round((cpu_s - cpu_from_s) / devices * 1e6, 1),
        "floor_publish_cpu_us": round((time.process_time() - cpu_s) / sent * 1e6, 1),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    _port, _devices, _rate, _duration = sys.argv[1:]
    uvloop.run(_run(int(_port), int(_devices), float(_rate), float(_duration)))
