"""`python -m tests.campaign.homes`: one JSON object on standard output, how it goes on standard error.

Two halves: homes replayed from the public data, and simulated homes with all their sensors. `--only` runs one of them;
`--chart RESULT PICTURE` draws the frontier of the public half from what was printed.

Exit codes: 0 the figures are there (whether they meet the bar stands in them), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.campaign.homes.public import HOUSEHOLDS, SPREADS, public
from tests.campaign.homes.public_chart import drawn
from tests.campaign.homes.simulated import DAYS, SEEDS, WORKERS, simulated


def main(arguments: list[str] | None = None) -> int:
    """Both halves, or the picture of a result."""
    wanted = _parser().parse_args(arguments)
    if wanted.chart is not None:
        result, picture = wanted.chart
        picture.write_text(drawn(json.loads(result.read_text(encoding="utf-8"))["public"]), encoding="utf-8")
        return 0
    print(json.dumps(_told(wanted), indent=1, sort_keys=True, allow_nan=False))
    return 0


def _told(wanted: argparse.Namespace) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if wanted.only != "simulated":
        held_out = _households(wanted.held_out)
        told["public"] = public(
            households=wanted.households, spreads=wanted.spreads, workers=wanted.workers, held_out=held_out
        )
    if wanted.only != "public":
        seeds = range(wanted.first_seed, wanted.first_seed + wanted.seeds)
        told["simulated"] = simulated(seeds, days=wanted.days, workers=wanted.workers)
    return told


def _households(path: Path | None) -> frozenset[int] | None:
    """The households of a file, one a line, as `restock-model train --exclude` takes them."""
    if path is None:
        return None
    return frozenset(int(line) for line in path.read_text(encoding="utf-8").split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.homes", description="Whole homes, in virtual time.")
    parser.add_argument("--only", choices=("public", "simulated"), help="one half of it")
    parser.add_argument("--households", type=_count, default=HOUSEHOLDS, help="public: how many homes")
    parser.add_argument("--spreads", type=_count, default=SPREADS, help="public: how often packs are spread anew")
    parser.add_argument("--held-out", type=Path, help="public: households that the model has not seen, one a line")
    parser.add_argument("--seeds", type=_count, default=len(SEEDS), help="simulated: how many homes")
    parser.add_argument("--first-seed", type=int, default=SEEDS[0], help="simulated: the seed of the first one")
    parser.add_argument("--days", type=_count, default=DAYS, help="simulated: virtual days of each")
    parser.add_argument("--workers", type=_count, default=WORKERS, help="processes")
    parser.add_argument("--chart", type=Path, nargs=2, metavar=("RESULT", "PICTURE"), help="draw a result as SVG")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
