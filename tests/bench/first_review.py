"""How long a hub that has much to catch up with makes its pages wait: `python -m tests.bench.first_review`.

A store with a history at which nobody has looked yet, as after an upgrade or a restore; then one turn of the review as
the hub runs it, beside a task that wants to run all the time, as ingest and the pages do, and a turn after it. All in
this process, with a new store each round. Figures as lines of JSON (`tests.bench.figures`).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.messages import Decoded, DeviceId, Presence, Reading
from edge_agent.wiring.tasks import Tasks
from tests.bench import pages
from tests.bench.figures import Figure, tell
from tests.edge_agent.samples import NOW

_FEW_DAYS = 14
_WINK_S = 0.005


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=20)
    arguments.add_argument("--days", type=int, default=365)
    arguments.add_argument("--a-day", type=int, default=24, help="readings of each item")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    rounds = []
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(asyncio.run(_measure(Path(folder), items=given.items, days=given.days, a_day=given.a_day)))
        sys.stderr.write(f"round {number + 1}: {rounds[-1]}\n")
    tell(*_figures(rounds, more={"items": given.items, "readings": given.items * given.days * given.a_day}))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the review: its time by the clock and of the processor, and how late it made somebody else."""

    wall_s: float
    cpu_s: float
    longest_wait_s: float


def _figures(rounds: Sequence[tuple[Turn, Turn]], *, more: Mapping[str, object]) -> Iterator[Figure]:
    for name, turns in zip(("first", "next"), zip(*rounds, strict=True), strict=True):
        yield Figure("first_review", f"{name}_review_cpu", "s", [turn.cpu_s for turn in turns], more=more)
        yield Figure("first_review", f"{name}_review", "s", [turn.wall_s for turn in turns], more=more)
        waits_ms = [1_000 * turn.longest_wait_s for turn in turns]
        yield Figure("first_review", f"{name}_review_longest_wait", "ms", waits_ms, more=more)


async def _measure(folder: Path, *, items: int, days: int, a_day: int) -> tuple[Turn, Turn]:
    async with pages._old_home(folder, items=items, days=_FEW_DAYS) as (tasks, connection):
        readings = SqliteReadings(connection)
        for day in range(days):
            readings.commit(list(_day(day, items=items, days=days, a_day=a_day)), [])
        waits_s: list[float] = []
        others = asyncio.create_task(_wink(waits_s), name="others")
        await asyncio.sleep(10 * _WINK_S)
        turns = await _look(tasks, waits_s), await _look(tasks, waits_s)
        others.cancel()
    return turns


async def _look(tasks: Tasks, waits_s: list[float]) -> Turn:
    waits_s.clear()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await tasks._look()
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    await asyncio.sleep(10 * _WINK_S)
    return Turn(wall_s, cpu_s, max(waits_s))


def _day(day: int, *, items: int, days: int, a_day: int) -> Iterator[Decoded]:
    """A day of all scales; each thing is used up in a week and bought again."""
    for number in range(items * a_day):
        turn, item = divmod(number, items)
        at = NOW - timedelta(days=days - day) + turn * timedelta(days=1) / a_day
        left = 3_000.0 * (1 - ((day + item) % 7 + turn / a_day) / 7)
        yield Decoded(
            device=DeviceId(f"scale-{item}"), profile="restock.scale", topic="t", boot="b", seq=day * a_day + turn + 1,
            digest=f"{day} {turn}", event_at=at, received_at=at, duplicate=False,
            readings=(Reading("amount", Presence.VALUE, round(left, 1), "g"),),
        )  # fmt: skip


async def _wink(waits_s: list[float]) -> None:
    """How late the loop comes back to somebody who sleeps a moment."""
    while True:
        before_s = time.perf_counter()
        await asyncio.sleep(_WINK_S)
        waits_s.append(time.perf_counter() - before_s - _WINK_S)


if __name__ == "__main__":
    main()
