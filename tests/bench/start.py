"""How long a hub takes from its start to its first reading: `python -m tests.bench.start [--rounds 5]`.

A home that is set up, with every shipped profile compiled into its cache and the hub's modules compiled, as after the
first start; the program's files are in the system's memory. A scale publishes while the hub is away, and the broker
keeps it. Timed from the moment at which `restock-hub run` is executed until the scale is told that its reading is
stored; the hub tells so after the commit. The first start, which makes those caches, is not counted.

Prints lines of JSON on standard output.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.burst import Acknowledged, listening, packets, publish
from tests.bench.figures import Bar, Figure, machine, tell
from tests.bench.scales import Scales, set_up_home, started, wait_for_pages
from tests.conftest import SESSIONS_IN_MEMORY, mosquitto

_START = Bar("at_most", 1.0)


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start to the first reading acknowledged, by clock and of the processor; and to the pages."""

    wall_s: float
    cpu_s: float
    pages_s: float


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    scales = Scales(5)
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name), SESSIONS_IN_MEMORY) as broker:
        port = broker.port
        settings = set_up_home(Path(name), port, scales)
        publish(port, packets(scales.births(), retain=True))
        with listening(port) as told:
            with started(settings) as hub:
                wait_for_pages(hub)
            rounds = [_start(port, settings, scales, told) for _ in range(given.rounds + 1)][1:]
    cpu_s, pages_s = [each.cpu_s for each in rounds], [each.pages_s for each in rounds]
    tell(
        Figure("start", "first_reading", "s", [each.wall_s for each in rounds], bar=_START, more=machine()),
        Figure("start", "first_reading_cpu", "s", cpu_s),
        Figure("start", "pages", "s", pages_s),
    )


def _start(port: int, settings: Path, scales: Scales, told: Acknowledged) -> Start:
    publish(port, packets(scales.readings(scales.count)))
    began_s = time.monotonic()
    with started(settings) as hub:
        first_s = told.wait_for(scales.seq)
        cpu_s = hub.cpu_s()
        wait_for_pages(hub)
        pages_s = time.monotonic()
        sys.stderr.write(f"first reading after {first_s - began_s:.2f} s ({cpu_s:.2f} s of processor)\n")
        hub.wait_until_quiet()
    return Start(first_s - began_s, cpu_s, pages_s - began_s)


if __name__ == "__main__":
    main()
