"""Runs the benches, one after another: `python -m tests.bench [NAME ...] [--record docs/benchmarks.jsonl]`.

Each is a program of its own (`python -m tests.bench.NAME`), so that none finds what another left. On standard output:
what they were measured on, then their figures, a line of JSON each (`tests.bench.figures`); on standard error how it
goes, and in the end a table. One that fails, or takes many times as long as it should, does not keep the others from
running. Exit codes: 0 all ran, 1 one did not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

from tests.bench import history
from tests.bench.figures import machine

_ROOT = Path(__file__).parents[2]
_LATE = 6  # times as long as it should take, and it is ended
_LATE_LEAST_S = 300.0
_STOP_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Bench:
    """One module of this package that measures: about how long it takes on two cores, and what it cannot do without.

    `is_apart`: it runs only where it is named.
    """

    name: str
    minutes: float
    needs: str = ""
    is_apart: bool = False


BENCHES = (
    Bench("approval", 0.5),
    Bench("bridge", 6, "the folder of baselines; PostgreSQL from a wheel"),
    Bench("cluster", 7, "nats-server"),
    Bench("decode", 1),
    Bench("first_review", 4),
    Bench("fleet", 3, "mosquitto"),
    Bench("intake", 3, "mosquitto; a C compiler; the folder of baselines"),
    Bench("killed", 8, "mosquitto, nats-server"),
    Bench("live", 1.5, "mosquitto, chromium"),
    Bench("memory", 17, "the sample merchant"),
    Bench("model", 1),
    Bench("pages", 3),
    Bench("peers", 20, "mosquitto; node 20 and npm; packages, the first time", is_apart=True),
    Bench("reconnect", 12, "PostgreSQL from a wheel"),
    Bench("replicas", 2, "PostgreSQL from a wheel"),
    Bench("slow_clients", 3.5),
    Bench("small_board", 6, "control groups that may be written; the sample merchant"),
    Bench("start", 0.5, "mosquitto"),
    Bench("store", 2.5),
    Bench("unit_costs", 8, "the sample merchant; PostgreSQL from a wheel"),
    Bench("written", 13, "mosquitto"),
)
PARTS = (  # what benches are made of
    "bare", "board", "burst", "figures", "fleet_floor", "history", "intents", "load", "scales", "serve", "started",
)  # fmt: skip


def main() -> int:
    """Run, tell, keep."""
    given = _options()
    benches = [each for each in BENCHES if each.name in given.names or not (given.names or each.is_apart)]
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # by every block that is open
    keep = _keeper(given.record)
    measured_on = machine()
    _tell(json.dumps(measured_on))
    keep([measured_on])
    figures, failed = [], []
    for bench in benches:
        _say(f"{bench.name}: about {bench.minutes:g} min{f'; needs {bench.needs}' if bench.needs else ''}")
        run = Run([sys.executable, "-m", f"tests.bench.{bench.name}"], within_s=_within_s(bench))
        for line in run.lines():
            _tell(line)
            found = figure_of(line)
            keep(found)
            figures += found
        _say(f"{bench.name}: {'done' if run.is_well else f'FAILED ({run.said})'} in {run.took_s:.0f} s")
        failed += [] if run.is_well else [bench.name]
    _say(table(figures))
    if failed:
        _say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


class Run:
    """One program of which every line of standard output counts. Nothing of its session outlives it."""

    def __init__(self, command: Sequence[str], *, within_s: float) -> None:
        self._command = command
        self._within_s = within_s
        self._is_late = False
        self.code: int | None = None
        self.took_s = 0.0

    @property
    def is_well(self) -> bool:
        """Whether it ended by itself and says that all went well."""
        return self.code == 0 and not self._is_late

    @property
    def said(self) -> str:
        """How it ended."""
        return f"ended after {self._within_s:.0f} s" if self._is_late else f"code {self.code}"

    def lines(self) -> Iterator[str]:
        """Run it; every line as it comes."""
        began_s = time.monotonic()
        with subprocess.Popen(
            self._command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            late = Timer(self._within_s, self._end, [process])
            late.start()
            try:
                for line in process.stdout or ():
                    yield line.rstrip("\n")
                self.code = process.wait()
            finally:
                late.cancel()
                _clear(process)
                self.took_s = time.monotonic() - began_s

    def _end(self, process: subprocess.Popen[str]) -> None:
        self._is_late = True
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            _clear(process)


def figure_of(line: str) -> list[dict[str, Any]]:
    """The figure that a line of standard output tells; none where it is something else."""
    try:
        words = json.loads(line)
    except ValueError:
        return []
    return [words] if isinstance(words, dict) and {"bench", "figure", "median"} <= words.keys() else []


def table(figures: Sequence[dict[str, Any]]) -> str:
    """The figures for people, in columns."""
    rows = [("bench", "figure", "median", "bar", "met")]
    for each in history.measured(figures):
        last = each.last
        rows.append((each.bench, each.name, history.amount(last), history.bar(last), history.met(last)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _clear(process: subprocess.Popen[str]) -> None:
    """End whatever is left of its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _within_s(bench: Bench) -> float:
    return max(_LATE_LEAST_S, _LATE * 60 * bench.minutes)


def _keeper(file: Path | None) -> Callable[[Sequence[dict[str, Any]]], None]:
    """Adds lines of this run to a file at once, so that what was measured stays when the run is broken off."""
    if file is None:
        return lambda _: None
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return partial(history.record, file, at=at, commit=_commit())


def _commit() -> str:
    """What was measured; `dirty` where the tree has changes that no commit has."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    said = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return said or "unknown"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [each.name for each in BENCHES]
    apart = ", ".join(each.name for each in BENCHES if each.is_apart)
    told = f"these only: {', '.join(names)}; without any, all but {apart}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=told)
    parser.add_argument("--record", type=Path, metavar="FILE", help="add the figures to this file of JSON lines")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(names)):
        parser.error(f"there is no bench {', '.join(unknown)}; there are {', '.join(names)}")
    return given


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
