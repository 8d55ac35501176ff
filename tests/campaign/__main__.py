"""`python -m tests.campaign`: lists the campaigns, and runs one with its size and seed.

Exit codes: 0 the promise held and everything wanted was met, 1 it did not, 2 wrong usage, or a record in use.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import signal
import sys
import tempfile
import threading
from dataclasses import replace
from math import inf
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Protocol, cast

from tests.campaign import chart, faults
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.record import RecordInUseError

CAMPAIGNS = {
    "power": "tests.campaign.power.campaign",
    "disk": "tests.campaign.disk.campaign",
    "full": "tests.campaign.disk.full",
    "kills": "tests.campaign.kills.campaign",
    "orders": "tests.campaign.orders",
    "restores": "tests.campaign.restores",
    "clones": "tests.campaign.clones",
    "processes": "tests.campaign.processes",
    "replicas": "tests.campaign.replicas",
    "simulation": "tests.campaign.simulation.campaign",
    "mandates": "tests.campaign.mandates.campaign",
    "machine": "tests.campaign.machine.campaign",
    "approvals": "tests.campaign.approvals.campaign",
    "merchants": "tests.campaign.merchants.campaign",
}
# Commands with words and figures of their own.
TOLD_APART = {
    "merchants": "tests.campaign.merchants.every_kind",
    "offline": "tests.campaign.offline.campaign",
}

_LANES = 3  # on two cores: some campaigns wait more than they work


class Campaign(Protocol):
    """What the module of a campaign offers."""

    def run(self, size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
        """Injure and count, with `bug` planted wherever the product runs; `folder` is empty and the campaign's own."""


def main(arguments: list[str] | None = None) -> int:
    """Parse, do, and say how it went."""
    options = _parser().parse_args(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)
    logging.basicConfig(level=logging.CRITICAL)  # the product logs every wound; the figures say what came of it
    match options.command:
        case "list":
            print("\n".join(CAMPAIGNS))
            return 0
        case "quick":
            return faults.quick(lanes=options.lanes)
        case "bars" | "deep":
            return _go_on(options)
        case "merchants" | "offline":
            told_apart = importlib.import_module(TOLD_APART[options.command])  # much to load
            return int(told_apart.main(options))
        case "chart":
            result = json.loads(options.result.read_text(encoding="utf-8"))
            options.picture.write_text(chart.drawn(result), encoding="utf-8")
            return 0
    figures = run(options.name, options.size, seed=options.seed, bug=options.bug)
    print(figures.to_json() if options.json else _told(figures))
    return 0 if figures.holds else 1


def _go_on(options: argparse.Namespace) -> int:
    """A tier with a record."""
    tier = faults.bars if options.command == "bars" else faults.deep
    try:
        return tier(lanes=options.lanes, record=options.record, any_version=options.any_version)
    except RecordInUseError as exc:
        sys.stderr.write(f"{exc}: wait for its end, or name another record\n")
        return 2


def _leave(number: int, _frame: FrameType | None) -> None:
    """Leave by every block that is open, so that what it started ends, too."""
    raise SystemExit(128 + number)


def run(name: str, size: int, *, seed: int, bug: Bug | None = None) -> Figures:
    """Run one campaign in a folder that goes away with it."""
    campaign = cast("Campaign", importlib.import_module(CAMPAIGNS[name]))
    started_s = monotonic()
    with tempfile.TemporaryDirectory(prefix="restock-") as folder:
        figures = campaign.run(size, seed=seed, folder=Path(folder), bug=bug)
    return replace(figures, seconds=round(monotonic() - started_s, 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Fault campaigns of Restock.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the names of the campaigns")
    quick = commands.add_parser("quick", help="run every campaign and every planted bug, sized for 25 minutes")
    bars = commands.add_parser("bars", help="the same up to every bar, however long; goes on where it stopped")
    deep = commands.add_parser("deep", help="run everything for hours; goes on where it stopped")
    for tier in (bars, deep):
        tier.add_argument("--record", type=Path, required=True, help="the file that keeps what is done")
        tier.add_argument("--any-version", action="store_true", help="count results of other commits on record, too")
    for tier in (quick, bars, deep):
        tier.add_argument("--lanes", type=int, default=_LANES, help=f"processes side by side (default {_LANES})")
    drawn = commands.add_parser("chart", help="draw the result of a tier")
    drawn.add_argument("result", type=Path, help="the JSON object that the tier has printed")
    drawn.add_argument("picture", type=Path, help="the SVG file to write")
    kinds = commands.add_parser("merchants", help="run the campaign of every kind of merchant, told by kind")
    kinds.add_argument("--size", type=int, default=200, help="orders at each kind and seed (default 200)")
    kinds.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    kinds.add_argument("--seeds", type=int, default=1, help="how many seeds (default 1)")
    kinds.add_argument("--seconds", type=float, default=inf, help="the longest that each kind and seed may take")
    kinds.add_argument("--kinds", nargs="+", metavar="KIND", help="these kinds only")
    month = commands.add_parser("offline", help="run a home for a month without the cloud, told as one JSON object")
    month.add_argument("--days", type=float, default=30.0, help="of the home's clock (default 30)")
    month.add_argument("--sensors", type=int, default=20, help="each with a reading in 10 s (default 20)")
    month.add_argument("--backlog", type=int, default=100_000, help="readings that wait for the hub (default 100000)")
    one = commands.add_parser("run", help="run one campaign")
    one.add_argument("name", choices=sorted(CAMPAIGNS))
    one.add_argument("--size", type=int, required=True, help="how much to do, in the campaign's own unit")
    one.add_argument("--seed", type=int, default=1, help="the same seed does the same again (default 1)")
    one.add_argument("--bug", type=Bug, choices=list(Bug), help="plant a seeded bug first: the run must then fail")
    one.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _told(figures: Figures) -> str:
    verdict = "holds" if figures.holds else "FAILS"
    counts = f"lost {figures.lost}, doubled {figures.doubled}, unauthorised {figures.unauthorised}"
    more = f"overcharged {figures.overcharged}; in doubt {figures.in_doubt}, parked {figures.parked}"
    lines = [f"{figures.name}: {verdict}: {figures.done} {figures.unit} in {figures.seconds} s: {counts}, {more}"]
    lines += [f"  never met: {name}" for name in figures.missed]
    lines += [f"  {fault}" for fault in figures.faults]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
