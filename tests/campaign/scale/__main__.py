"""`python -m tests.campaign.scale`: the capacity model of docs/scale.md, its simulation and its page.

model                     the needs: a table on standard error, one JSON object on standard output (the default)
arrivals [--homes N]      simulate the weeks again and keep the answers in arrivals.json; minutes of one core
take FILE                 put what `tests.bench.unit_costs` printed (on PostgreSQL) into inputs.json
write                     make the tables and the picture of docs/ anew, from inputs.json and arrivals.json
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.campaign.scale import chart, inputs, model, pages, study

ANSWERS = Path(__file__).with_name("arrivals.json")
DOCS = Path(__file__).parents[3] / "docs"
PAGE, PICTURE = DOCS / "scale.md", DOCS / "scale.svg"


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked."""
    options = _options(arguments)
    match options.what:
        case "arrivals":
            answers = study.study(options.homes, inputs.load(), seed=options.seed)
            ANSWERS.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
            sys.stdout.write(json.dumps(answers) + "\n")
        case "take":
            lines = options.file.read_text(encoding="utf-8").splitlines()
            taken = inputs.take(lines, inputs.read())
            inputs.FILE.write_text(json.dumps({"entries": taken}, indent=1) + "\n", encoding="utf-8")
        case "write":
            told, answers = inputs.load(), json.loads(ANSWERS.read_text(encoding="utf-8"))
            page = pages.filled(PAGE.read_text(encoding="utf-8"), told, inputs.read(), answers)
            PAGE.write_text(page, encoding="utf-8")
            PICTURE.write_text(chart.drawn(told), encoding="utf-8")
        case _:
            _print_model(inputs.load())
    return 0


def _print_model(told: inputs.Inputs) -> None:
    sys.stderr.write(f"{pages.text(told)}\n")
    result = {
        "needs": [asdict(model.need(size, told)) for size in model.SIZES],
        "stops": [asdict(stop) for stop in model.stops(told)],
        "thousand_homes": model.cost_per_thousand(told),
        "inputs": asdict(told),
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.campaign.scale", description=__doc__)
    parser.set_defaults(what="model")
    commands = parser.add_subparsers(dest="what")
    commands.add_parser("model")
    arrivals = commands.add_parser("arrivals")
    arrivals.add_argument("--homes", type=int, default=100_000)
    arrivals.add_argument("--seed", type=int, default=7)
    commands.add_parser("take").add_argument("file", type=Path)
    commands.add_parser("write")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
