"""What a hub writes to the disk in a day: `python -m tests.bench.written [--minutes 10] [--sensors 20] [--every 10]`.

Two hubs, each a process with a store and a Mosquitto of its own, hear the same sensors in real time: one with its usual
settings, one that makes a commit of each reading (`mqtt.group_wait_s` and `mqtt.group_rest_s` 0). After a start-up of
two minutes it is counted what each process has had written, as `/proc/<pid>/io` says (`write_bytes`: pages that it made
dirty on a disk, so the folder must not be in memory), in windows of a fifth of the time; a day is what a window comes
to. The order service cannot be reached, nobody has a page open, and no reading is old enough to be summed up: what that
adds is in `docs/operator.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt

from tests.bench.figures import Bar, Figure, machine, tell
from tests.campaign.offline.sensors import Sensors
from tests.conftest import SESSIONS_IN_MEMORY, mosquitto
from tests.kill.fleet import first_subscription
from tests.kill.hub import Hub

_WARM_UP_S = 120.0
_WINDOWS = 5
_DAY_S = 86_400
_MB = 1_000_000
_BAR = Bar("at_most", 150)
_MODES = {"usual": "", "each": "group_max = 1\ngroup_wait_s = 0\ngroup_rest_s = 0"}


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m tests.bench.written", description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--sensors", type=int, default=20)
    arguments.add_argument("--every", type=int, default=10, help="seconds between two readings of a sensor")
    given = arguments.parse_args()
    window_s = 60 * given.minutes / _WINDOWS
    sensors = Sensors(given.sensors, given.every, datetime.now(UTC))
    written = asyncio.run(_measure(sensors, window_s=window_s))
    a_day = {mode: [size / _MB * _DAY_S / window_s for size in sizes] for mode, sizes in written.items()}
    more = {
        "sensors": given.sensors,
        "every_s": given.every,
        "window_s": window_s,
        "counted": "/proc/PID/io write_bytes",
    }
    tell(
        Figure("written", "bytes_a_day", "MB", a_day["usual"], bar=_BAR, more=more | machine()),
        Figure("written", "bytes_a_day_commit_each", "MB", a_day["each"], more=more),
        Figure(
            "written", "bytes_a_day_ratio", "ratio",
            [usual / each for usual, each in zip(a_day["usual"], a_day["each"], strict=True)],
            against="a commit of each reading",
        ),
    )  # fmt: skip


async def _measure(sensors: Sensors, *, window_s: float) -> dict[str, list[int]]:
    """Bytes of each window, by mode."""
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="restock-bench-", dir=Path.cwd())))
        hubs: dict[str, Hub] = {}
        clients = []
        for mode, settings in _MODES.items():
            folder = place / mode
            folder.mkdir()
            broker = stack.enter_context(mosquitto(folder, SESSIONS_IN_MEMORY))
            hubs[mode] = await stack.enter_async_context(Hub(folder, broker.url, mqtt=settings))
            await first_subscription(broker.port)
            clients.append(await stack.enter_async_context(aiomqtt.Client("127.0.0.1", broker.port)))
        saying = asyncio.create_task(_say(sensors, clients), name="sensors")
        stack.callback(saying.cancel)
        await asyncio.sleep(_WARM_UP_S)
        sizes: dict[str, list[int]] = {mode: [] for mode in hubs}
        for number in range(_WINDOWS):
            before = {mode: _written_bytes(hub.pid) for mode, hub in hubs.items()}
            await asyncio.sleep(window_s)
            for mode, hub in hubs.items():
                sizes[mode].append(_written_bytes(hub.pid) - before[mode])
            sys.stderr.write(f"window {number + 1}: { {mode: each[-1] for mode, each in sizes.items()} } bytes\n")
        assert not saying.done(), "the sensors have stopped"
    return sizes


async def _say(sensors: Sensors, clients: list[aiomqtt.Client]) -> None:
    """Every sensor in its turn, at its time, to every broker."""
    for sensor in range(sensors.count):
        topic, payload = sensors.birth(sensor)
        for client in clients:
            await client.publish(topic, payload, qos=1, retain=True)
    seq = 0
    while True:
        seq += 1
        for sensor in range(sensors.count):
            await asyncio.sleep((sensors.at(sensor, seq) - datetime.now(UTC)).total_seconds())
            topic, payload = sensors.reading(sensor, seq)
            for client in clients:
                await client.publish(topic, payload, qos=1)


def _written_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


if __name__ == "__main__":
    main()
