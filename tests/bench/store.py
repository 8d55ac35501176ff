"""What a batch of 100 readings costs with a million in the store, against an empty one: `python -m tests.bench.store`.

The hub's own store (`SqliteReadings` on `Connection`: WAL, `synchronous=FULL`), in this process. A batch is one commit,
as ingest makes it: 100 messages of 40 devices with two signals each. `with_seq`: Restock-native messages, known by
device, boot and seq. `without_seq`: those of other devices, known by topic and digest. Rounds alternate between the two
stores; a round is the median batch of twenty. The empty store is a new one in each round.

    python -m tests.bench.store [--rounds 5] [--rows 1000000]

`--rows` counts messages, half of either kind. It takes two minutes or so to fill the store. Prints lines of JSON.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.messages import Decoded, DeviceId, Presence, Reading
from tests.bench.figures import Bar, Figure, machine, tell
from tests.edge_agent.samples import NOW

_BATCH = 100
_BATCHES = 20
_DEVICES = 40
_FILL_AT_ONCE = 1_000
_GROWTH = Bar("at_most", 2.5)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a batch, of the processor and by the clock."""

    cpu_ms: float
    wall_ms: float


def main() -> None:
    """Fill, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name, _opened(Path(name) / "full.db") as full:
        told = {True: _messages(has_seq=True), False: _messages(has_seq=False)}
        began_s = time.monotonic()
        for has_seq, messages in told.items():
            for _ in range(given.rows // 2 // _FILL_AT_ONCE):
                full.commit(list(islice(messages, _FILL_AT_ONCE)), [])
            sys.stderr.write(f"has_seq={has_seq} filled after {time.monotonic() - began_s:.0f} s\n")
        for has_seq, messages in told.items():
            pairs = []
            for number in range(given.rounds):
                with _opened(Path(name) / f"empty-{has_seq}-{number}.db") as empty:
                    pairs.append((_round(empty, _messages(has_seq=has_seq)), _round(full, messages)))
            tell(*_figures("with_seq" if has_seq else "without_seq", pairs, rows=given.rows))


def _round(readings: SqliteReadings, messages: Iterator[Decoded]) -> Cost:
    took = []
    for _ in range(_BATCHES):
        batch = list(islice(messages, _BATCH))
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        readings.commit(batch, [])
        took.append((time.process_time() - cpu_s, time.perf_counter() - wall_s))
    cpu, wall = zip(*took, strict=True)
    return Cost(1_000 * statistics.median(cpu), 1_000 * statistics.median(wall))


def _figures(name: str, pairs: list[tuple[Cost, Cost]], *, rows: int) -> list[Figure]:
    against, size = "the same batches into an empty store", {"rows": rows, "batch": _BATCH}
    cpu_ms, wall_ms = (statistics.median(each) for each in zip(*((f.cpu_ms, f.wall_ms) for _, f in pairs), strict=True))
    return [
        Figure(
            "store", f"{name}_cpu", "ratio", [f.cpu_ms / e.cpu_ms for e, f in pairs], _GROWTH,
            cpu_s=cpu_ms / 1_000, against=against, more=size,
        ),
        Figure(
            "store", f"{name}_wall", "ratio", [f.wall_ms / e.wall_ms for e, f in pairs], _GROWTH,
            wall_s=wall_ms / 1_000, against=against, more=size | machine(),
        ),
    ]  # fmt: skip


@contextmanager
def _opened(path: Path) -> Iterator[SqliteReadings]:
    with Connection(path) as connection:
        yield SqliteReadings(connection)


def _messages(*, has_seq: bool) -> Iterator[Decoded]:
    """Endless, each device in turn, a reading of each every minute."""
    kind, number = "scale" if has_seq else "sensor", 0
    while True:
        turn, device = divmod(number, _DEVICES)
        at = NOW + turn * timedelta(minutes=1)
        name = f"{kind}-{device}"
        yield Decoded(
            device=DeviceId(name), profile=f"bench.{kind}", topic=f"home/{name}/state",
            boot="b1" if has_seq else None, seq=turn + 1 if has_seq else None,
            digest=sha256(f"{kind} {number}".encode()).hexdigest(), event_at=at, received_at=at, duplicate=False,
            readings=(
                Reading("weight", Presence.VALUE, 5_000.0 - turn % 5_000, "g"),
                Reading("battery", Presence.VALUE, 64.0, "%"),
            ),
        )  # fmt: skip
        number += 1


if __name__ == "__main__":
    main()
