"""What a load fleet costs: `python -m tests.bench.fleet [--devices 10000] [--rate 1000] [--rounds 3]`.

A Mosquitto of its own with room for the fleet, on loopback, without persistence; each round is a process of its own,
`restock-sim fleet` with MQTT 5 and nobody listening, so that a publish is all that is paid for. One JSON object a round
on standard output, then one with the medians: kB (of 1,000 bytes) of resident memory a connection, seconds until all
are connected, microseconds of processor time a publish; with the load of the machine, which decides how much a time
says. Each round is followed by its floor: the same library on the same loop with as many connections, which publishes
a constant and keeps no books; on a busy machine compare with that. `--consumer check` adds what the check subscriber
costs. Run as root, or with a hard limit on open files above the fleet's size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import _free_port, answers

_CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 1000
log_type error
"""
_READY_WITHIN_S = 20.0
_BARS = {"kb_per_connection": 6.0, "connect_s": 3.0, "cpu_us_per_publish": 20.0}


def main() -> None:
    """Start a broker, run the rounds, say."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--devices", type=int, default=10_000)
    arguments.add_argument("--rate", type=float, default=1_000.0)
    arguments.add_argument("--duration", type=float, default=20.0)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--consumer", choices=["none", "check"], default="none")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, _mosquitto(Path(folder)) as port:
        rounds = [_round(given, port=port) | _floor(given, port=port) for _ in range(given.rounds)]
    names = [*_BARS, "floor_connect_s", "floor_cpu_us_per_publish"]
    told = {name: [each[name] for each in rounds if each[name] is not None] for name in names}
    medians = {name: statistics.median(numbers) if numbers else None for name, numbers in told.items()}
    _say({"median": medians, "bars": _BARS, "rounds": len(rounds)})


def _round(given: argparse.Namespace, *, port: int) -> dict[str, Any]:
    fleet = ["--devices", str(given.devices), "--homes", str(max(1, given.devices // 10)), "--rate", str(given.rate)]
    program = [sys.executable, "-m", "firmware_sim", "fleet", "--broker", f"mqtt://127.0.0.1:{port}", "--json"]
    more = ["--duration", str(given.duration), "--consumer", given.consumer]
    done = subprocess.run([*program, *fleet, *more], capture_output=True, text=True, check=False)
    if not done.stdout:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout)
    told = {
        "devices": result["connections"]["reached"],
        "connect_s": result["connections"]["all_after_s"],
        "kb_per_connection": result["process"]["kb_per_connection"],
        "cpu_us_per_publish": result["process"]["cpu_us_per_publish"],
        "publishes": result["process"]["publishes_counted"],
        "acknowledged": result["readings"]["acknowledged"],
        "taken": result["readings"]["taken"],
        "lost": result["consumer"].get("lost"),
        "load": round(os.getloadavg()[0], 1),
    }
    _say(told)
    return told


def _floor(given: argparse.Namespace, *, port: int) -> dict[str, Any]:
    words = [str(port), str(given.devices), str(given.rate), str(given.duration)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.fleet_floor", *words], capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    _say(told)
    return told


@contextmanager
def _mosquitto(folder: Path) -> Iterator[int]:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise SystemExit("mosquitto (Debian package mosquitto) is missing")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # its child has the same
    port = _free_port()
    config = folder / "mosquitto.conf"
    config.write_text(_CONFIG.format(port=port) + ("user root\n" if os.geteuid() == 0 else ""))
    broker = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _READY_WITHIN_S
        while not answers(port) and time.monotonic() < until:
            time.sleep(0.05)
        yield port
    finally:
        broker.terminate()
        broker.wait()


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
