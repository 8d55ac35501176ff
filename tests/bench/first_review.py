"""How long a hub that has much to catch up with makes its pages wait: `python -m tests.bench.first_review`.

A store with a history at which nobody has looked yet, as after an upgrade or a restore; then one turn of the review as
the hub runs it, beside a task that wants to run all the time, as ingest and the pages do. All in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.messages import Decoded, DeviceId, Presence, Reading
from edge_agent.wiring.tasks import Tasks
from tests.bench import pages
from tests.edge_agent.samples import NOW

_FEW_DAYS = 14
_WINK_S = 0.005


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=20)
    arguments.add_argument("--days", type=int, default=365)
    arguments.add_argument("--a-day", type=int, default=24, help="readings of each item")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_measure(Path(folder), items=given.items, days=given.days, a_day=given.a_day))
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


async def _measure(folder: Path, *, items: int, days: int, a_day: int) -> dict[str, float]:
    async with pages._old_home(folder, items=items, days=_FEW_DAYS) as (tasks, connection):
        readings = SqliteReadings(connection)
        for day in range(days):
            readings.commit(list(_day(day, items=items, days=days, a_day=a_day)), [])
        waits_s: list[float] = []
        others = asyncio.create_task(_wink(waits_s), name="others")
        await asyncio.sleep(10 * _WINK_S)
        first_s = await _look(tasks)
        longest_s = max(waits_s)
        waits_s.clear()
        next_s = await _look(tasks)
        others.cancel()
    return {
        "items": items,
        "readings": items * days * a_day,
        "first_review_s": round(first_s, 2),
        "longest_wait_ms": round(1_000 * longest_s),
        "next_review_s": round(next_s, 2),
        "longest_wait_then_ms": round(1_000 * max(waits_s)),
    }


async def _look(tasks: Tasks) -> float:
    began_s = time.perf_counter()
    await tasks._look()
    took_s = time.perf_counter() - began_s
    await asyncio.sleep(10 * _WINK_S)
    return took_s


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
