"""The least that a publish can cost: the `mqtt5` codec on uvloop, constants, no books. For `tests.bench.fleet`."""

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
_PAYLOAD = b"x" * 190  # about as long as a reading


class _Bare(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_number", "_topic", "_transport", "acked", "up")

    def __init__(self, number: int) -> None:
        self._topic = f"bare/{number}/reading"
        self._number = 0
        self.acked = 0
        self.up = asyncio.get_running_loop().create_future()

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

    def publish(self) -> None:
        self._number = self._number % 65_535 + 1
        self._transport.write(
            mqtt5.PublishPacket(self._topic, _PAYLOAD, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._number).write()
        )


async def _run(port: int, devices: int, rate_per_s: float, duration_s: float) -> None:
    loop = asyncio.get_running_loop()
    links: list[_Bare] = []

    async def open_one(number: int) -> None:
        _, link = await loop.create_connection(lambda: _Bare(number), "127.0.0.1", port)
        await link.up
        links.append(link)

    began = time.perf_counter()
    for first in range(0, devices, _AT_ONCE):
        await asyncio.gather(*(open_one(number) for number in range(first, min(devices, first + _AT_ONCE))))
    connected = time.perf_counter()
    cpu_s, sent = time.process_time(), 0
    while (since_s := time.perf_counter() - connected) < duration_s:
        while sent < since_s * rate_per_s:
            links[sent * 6_181 % devices].publish()
            sent += 1
        await asyncio.sleep(_TICK_S)
    told = {
        "floor_connect_s": round(connected - began, 3),
        "floor_cpu_us_per_publish": round((time.process_time() - cpu_s) / sent * 1e6, 1),
        "floor_acked": sum(link.acked for link in links),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    _port, _devices, _rate, _duration = sys.argv[1:]
    uvloop.run(_run(int(_port), int(_devices), float(_rate), float(_duration)))
