"""What a load fleet costs: `python -m tests.bench.fleet [--devices 10000] [--rate 1000] [--rounds 5]`, some 3 minutes.

A Mosquitto of its own with room for the fleet, on loopback, without persistence. Each round is a process of its own,
`restock-sim fleet` with MQTT 5 and nobody listening, so that a publish is all that is paid for; then its floor: the
same library on the same loop with as many connections, which says as many constants and keeps no books. Processor time
goes by the ratio to that; the times themselves say more of the machine. `--consumer check` adds what the check
subscriber costs. Run as root, or with a hard limit on open files above the fleet's size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Bar, Figure, machine, tell
from tests.conftest import SESSIONS_IN_MEMORY, mosquitto

_KB, _CONNECT_S, _PUBLISH_US = Bar("at_most", 6.0), Bar("at_most", 3.0), Bar("at_most", 20.0)
_OVER_FLOOR = Bar("at_most", 2.0, goal=1.5)

Round = dict[str, float]


def main() -> None:
    """Start a broker, run the rounds, tell."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--devices", type=int, default=10_000)
    arguments.add_argument("--rate", type=float, default=1_000.0, help="readings a second")
    arguments.add_argument("--duration", type=float, default=10.0, help="seconds")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--consumer", choices=["none", "check"], default="none")
    given = arguments.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the broker, a child, has the same
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder), SESSIONS_IN_MEMORY) as broker:
        rounds = [_round(given, port=broker.port) for _ in range(given.rounds)]
    tell(*_figures(given, rounds))


def _round(given: argparse.Namespace, *, port: int) -> Round:
    told = _fleet(given, port=port) | _floor(given, port=port)
    words = {name: round(value, 4) for name, value in told.items()}
    sys.stderr.write(f"load {os.getloadavg()[0]:.1f}: {json.dumps(words)}\n")
    return told


def _fleet(given: argparse.Namespace, *, port: int) -> Round:
    fleet = ["--devices", str(given.devices), "--homes", str(max(1, given.devices // 10)), "--rate", str(given.rate)]
    program = [sys.executable, "-m", "firmware_sim", "fleet", "--broker", f"mqtt://127.0.0.1:{port}", "--json"]
    more = ["--duration", str(given.duration), "--consumer", given.consumer]
    done = subprocess.run([*program, *fleet, *more], capture_output=True, text=True, check=False)
    result = json.loads(done.stdout) if done.stdout else {"ok": False}
    if not result["ok"]:
        raise SystemExit(f"a fleet that is not whole says nothing of what one costs:\n{done.stderr}")
    costs = result["process"]
    if not costs["publishes_counted"]:
        raise SystemExit("the fleet was not all connected before the last reading: take a longer --duration")
    return {
        "kb_per_connection": costs["kb_per_connection"],
        "connect_s": result["connections"]["all_after_s"],
        "connect_cpu_us": costs["cpu_us_per_connection"],
        "publish_cpu_us": costs["cpu_us_per_publish"],
        "publishes": costs["publishes_counted"],
        "acknowledged": result["readings"]["acknowledged"],
    }


def _floor(given: argparse.Namespace, *, port: int) -> Round:
    words = [str(port), str(given.devices), str(given.rate), str(given.duration)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.fleet_floor", *words], capture_output=True, text=True, check=True
    )
    told: Round = json.loads(done.stdout)
    return told


def _figures(given: argparse.Namespace, rounds: list[Round]) -> Iterator[Figure]:
    def all_of(name: str) -> list[float]:
        return [each[name] for each in rounds]

    def over_floor(name: str) -> list[float]:
        return [each[name] / each[f"floor_{name}"] for each in rounds]

    bare = "the bare codec on the same loop, in the same minute"
    sizes = {"devices": given.devices, "rate_per_s": given.rate, "consumer": given.consumer, **machine()}
    yield Figure("fleet", "resident_per_connection", "kB", all_of("kb_per_connection"), bar=_KB, more=sizes)
    connect = {"floor_s": all_of("floor_connect_s")}
    yield Figure("fleet", "all_connected_after", "s", all_of("connect_s"), bar=_CONNECT_S, more=connect)
    publish = {"floor_us": all_of("floor_publish_cpu_us"), "publishes": all_of("publishes")}
    yield Figure("fleet", "cpu_per_publish", "us", all_of("publish_cpu_us"), bar=_PUBLISH_US, more=publish)
    for name in ("publish_cpu_us", "connect_cpu_us"):
        told = name.removesuffix("_us")
        yield Figure("fleet", f"{told}_over_floor", "ratio", over_floor(name), bar=_OVER_FLOOR, against=bare)


if __name__ == "__main__":
    main()
