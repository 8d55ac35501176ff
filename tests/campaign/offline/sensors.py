"""Scales that say their weight every so many seconds for days: each reading is a function of the scale and the seq.

`python -m tests.campaign.offline.sensors PORT SENSORS EVERY_S BEGAN_S` publishes: for each line `FIRST LAST` on its
standard input it sends those seqs of every sensor, in the order of their times, and says so when the broker has all of
them. Each hundredth message goes twice, and each five hundredth brings one from long ago again. It is a process of its
own, so that what it costs is not the hub's.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import mqtt5

from tests.campaign.offline import HOME

PROFILE, SIGNAL, BOOT = "restock.scale", "weight", "b-1"
_FULL_G, _EMPTY_G = 6_000, 400
_DAYS_OF_A_PACK = 9
_DAY_S = 86_400
_AT_ONCE = 500
_TWICE_EVERY = 100
_LATE_EVERY = 500
_PACKET_IDS = 65_535
_READ_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Sensors:
    """`count` scales, one reading each in `every_s`, from `began` on; the n-th reading has the seq n, from 1."""

    count: int
    every_s: int
    began: datetime

    def name(self, sensor: int) -> str:
        """Its device id."""
        return f"scale-{sensor:02d}"

    def at(self, sensor: int, seq: int) -> datetime:
        """When it measures: sensors are spread evenly over a period."""
        return self.began + timedelta(seconds=(seq - 1) * self.every_s + self.every_s * sensor / self.count)

    def grams(self, sensor: int, seq: int) -> int:
        """What it measures: a pack is used up evenly, and another one put there."""
        used_s = (seq * self.every_s + sensor * 7_919) % (_DAYS_OF_A_PACK * _DAY_S)
        return _FULL_G - used_s * (_FULL_G - _EMPTY_G) // (_DAYS_OF_A_PACK * _DAY_S)

    def birth(self, sensor: int) -> tuple[str, bytes]:
        """Topic and payload of its birth."""
        body = {
            "device": self.name(sensor),
            "profile": PROFILE,
            "firmware": "1",
            "boot": BOOT,
            "at": _stamp(self.began),
        }
        return f"{self._base(sensor)}/birth", json.dumps(body).encode()

    def reading(self, sensor: int, seq: int) -> tuple[str, bytes]:
        """Topic and payload of one reading."""
        body = {
            "device": self.name(sensor), "boot": BOOT, "seq": seq, "at": _stamp(self.at(sensor, seq)),
            "values": {
                "weight": {"value": self.grams(sensor, seq), "unit": "g"}, "stable": {"value": True, "unit": ""}
            },
        }  # fmt: skip
        return f"{self._base(sensor)}/reading", json.dumps(body, separators=(",", ":")).encode()

    def days(self, sensor: int, *, last: int) -> dict[date, list[int]]:
        """By UTC day: how many of its first `last` readings there are, their sum, the lowest and the highest."""
        sums: dict[date, list[int]] = {}
        for seq in range(1, last + 1):
            grams = self.grams(sensor, seq)
            day = sums.setdefault(self.at(sensor, seq).date(), [0, 0, grams, grams])
            day[0] += 1
            day[1] += grams
            day[2] = min(day[2], grams)
            day[3] = max(day[3], grams)
        return sums

    def _base(self, sensor: int) -> str:
        return f"restock/v1/{HOME}/{self.name(sensor)}"


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main(arguments: Sequence[str]) -> None:
    """Announce everybody, then publish as it is told."""
    port, count, every_s, began_s = map(int, arguments)
    sensors = Sensors(count, every_s, datetime.fromtimestamp(began_s, UTC))
    with socket.create_connection(("127.0.0.1", port), timeout=120.0) as link:
        link.sendall(mqtt5.ConnectPacket("campaign-sensors", clean_start=True, keep_alive=0).write())
        answers = _packets_from(link)
        next(answers)
        _publish(link, answers, [sensors.birth(each) for each in range(count)], retain=True)
        for line in sys.stdin:
            first, last = map(int, line.split())
            for seq in range(first, last + 1):
                said = [sensors.reading(each, seq) for each in range(count)]
                twice = [said[each] for each in range(count) if (seq + each) % _TWICE_EVERY == 0]
                late = [
                    sensors.reading(each, max(1, seq // 2)) for each in range(count) if (seq + each) % _LATE_EVERY == 2
                ]
                _queue(link, answers, [*said, *twice, *late])
            _queue(link, answers, [], flush=True)
            sys.stdout.write(f"{last}\n")
            sys.stdout.flush()


_queued: list[tuple[str, bytes]] = []


def _queue(
    link: socket.socket, answers: Iterator[mqtt5.Packet], more: Sequence[tuple[str, bytes]], *, flush: bool = False
) -> None:
    _queued.extend(more)
    while len(_queued) >= _AT_ONCE or (flush and _queued):
        _publish(link, answers, _queued[:_AT_ONCE])
        del _queued[:_AT_ONCE]


def _publish(
    link: socket.socket,
    answers: Iterator[mqtt5.Packet],
    messages: Sequence[tuple[str, bytes]],
    *,
    retain: bool = False,
) -> None:
    """Send these, and wait until the broker has them."""
    packets = (
        mqtt5.PublishPacket(
            topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=1 + number % _PACKET_IDS
        ).write()
        for number, (topic, payload) in enumerate(messages)
    )
    link.sendall(b"".join(packets))
    for _ in messages:
        next(answers)


def _packets_from(link: socket.socket) -> Iterator[mqtt5.Packet]:
    waiting = b""
    while True:
        try:
            packet, size = mqtt5.read(waiting)
        except IndexError:  # the rest of it is to come
            waiting += link.recv(_READ_BYTES)
            continue
        waiting = waiting[size:]
        yield packet


if __name__ == "__main__":
    main(sys.argv[1:])
