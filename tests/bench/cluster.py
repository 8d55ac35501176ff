"""A fleet on three nats-servers, one of them killed: `python -m tests.bench.cluster [--devices 2000] [--rate 300]`.

The cluster is the one of packaging/nats on loopback: MQTT 3.1.1, three replicas, every write synced. At a third of the
readings the node that also has the check subscriber is killed (-9), at two thirds it is started again. Told are what
was acknowledged and is lost, what came twice, how long devices were away, and what a reading cost the servers. A kill
takes nothing from the system's cache, so this says nothing of a power cut. 2,000 devices for 40 s: about 75 s a round.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from tests.bench.figures import Bar, Figure, machine, tell
from tests.conftest import nats_program
from tests.nats_cluster import FLEET, PASSWORD, Node, cluster, play_through_a_kill


def main() -> None:
    """Run the rounds, and tell."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--devices", type=int, default=2_000)
    arguments.add_argument("--rate", type=int, default=300, help="readings a second")
    arguments.add_argument("--duration", type=int, default=40, help="seconds")
    arguments.add_argument("--rounds", type=int, default=1)
    given = arguments.parse_args()
    rounds = [_round(given, number) for number in range(given.rounds)]
    tell(*_figures(given, rounds))


def _round(given: argparse.Namespace, number: int) -> dict[str, Any]:
    """One fleet on a cluster of its own; `servers_cpu_s` is of all nodes, also of the one before it was killed."""
    readings = given.rate * given.duration
    words = ["--devices", str(given.devices), "--rate", str(given.rate), "--duration", str(given.duration)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        password = folder / "password"
        password.write_text(PASSWORD + "\n", encoding="utf-8")
        words += ["--settle", "30", "--username", FLEET.user, "--password-file", str(password)]
        with cluster(folder, program=nats_program(), logins=[FLEET]) as nodes:
            result = play_through_a_kill(nodes, words, kill_at=readings // 3, start_at=2 * readings // 3)
            result["servers_cpu_s"] = sum(_cpu_s(nodes[1:]))
    sys.stderr.write(
        f"round {number + 1}: ended {result['ended']}, load {os.getloadavg()[0]:.1f}\n"
        + "".join(f"  {each['at_s']:.0f} s: {each['what']}\n" for each in result["notices"])
    )
    return result


def _cpu_s(nodes: list[Node]) -> Iterator[float]:
    for node in nodes:
        if node.process is not None:
            took = psutil.Process(node.process.pid).cpu_times()
            yield took.user + took.system


def _figures(given: argparse.Namespace, rounds: list[dict[str, Any]]) -> Iterator[Figure]:
    more = {
        "devices": given.devices,
        "rate_per_s": given.rate,
        "acknowledged": [each["readings"]["acknowledged"] for each in rounds],
        "unacknowledged": [each["readings"]["unacknowledged"] for each in rounds],
        "dropped": [each["readings"]["dropped"] for each in rounds],
        "resent": [each["readings"]["resent"] for each in rounds],
        "connections_lost": [each["connections"]["lost"] for each in rounds],
        **machine(),
    }
    told: tuple[tuple[str, str, list[float | None], Bar | None], ...] = (
        ("lost", "readings", [each["consumer"]["lost"] for each in rounds], Bar("at_most", 0.0)),
        ("duplicates", "readings", [each["consumer"]["duplicates"] for each in rounds], None),
        ("all_connected_after", "s", [each["connections"]["all_after_s"] for each in rounds], None),
        ("all_back_after", "s", [_away_s(each) for each in rounds], None),
        ("puback_p50", "ms", [each["puback_ms"]["p50"] for each in rounds], None),
        ("puback_p99", "ms", [each["puback_ms"]["p99"] for each in rounds], None),
        ("two_servers_cpu_per_reading", "us", [_server_us(each) for each in rounds], None),
    )
    for name, unit, values, bar in told:
        known = [each for each in values if each is not None]
        if known:
            yield Figure("cluster", name, unit, known, bar=bar, more=more if bar is not None else {})


def _away_s(result: dict[str, Any]) -> float | None:
    """From the first look at which somebody was missing to the next with all of them, within a second; None: never."""
    points, wanted = result["series"], result["connections"]["wanted"]
    fell = [now["at_s"] for was, now in pairwise(points) if was["connected"] == wanted > now["connected"]]
    if not fell:
        return 0.0
    back = [each["at_s"] for each in points if each["at_s"] > fell[0] and each["connected"] == wanted]
    return float(back[0] - fell[0]) if back else None


def _server_us(result: dict[str, Any]) -> float:
    return float(result["servers_cpu_s"]) / max(1, result["readings"]["acknowledged"]) * 1e6


if __name__ == "__main__":
    main()
