"""restock-model: train the model, answer benchmarks with it, or report on it. Exit codes: 0 done, 1 failed, 2 usage."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

ARTEFACTS: Final = Path(__file__).parent / "artefacts"
ARTEFACT: Final = "consumption-2.json"
EXCLUDED_BYTES_MAX: Final = 1_048_576


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


class _UsageError(Exception):
    """An argument's content is wrong."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime reports to its maker otherwise
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "train":
            return _train(arguments.out, seed=arguments.seed, exclude=arguments.exclude)
        if arguments.command == "predict":
            return _predict(arguments.artefact, keys=arguments.keys, out=arguments.out, context=not arguments.alone)
        if arguments.command == "policy":
            return _policy(arguments.artefact, cases=arguments.cases, out=arguments.out)
        return _report(arguments.artefact, as_json=arguments.json)
    except _UsageError as exc:
        print(f"restock-model: {exc}", file=sys.stderr)
        return 2
    except (OSError, ValueError, ImportError) as exc:
        print(f"restock-model: {exc}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="restock-model", description="The consumption model of Restock.")
    parser.add_argument("--version", action="version", version=f"restock-model {version('restock')}")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train on public purchase histories; writes artefact and manifest")
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--seed", type=int, default=7)
    train.add_argument("--exclude", type=Path, metavar="FILE", help="households to leave out, one id a line")
    predict = commands.add_parser("predict", help="answer the public benchmark's keys with an artefact")
    predict.add_argument("--artefact", type=Path, default=ARTEFACTS, metavar="DIR")
    predict.add_argument("--keys", type=Path, required=True, metavar="CSV")
    predict.add_argument("--out", type=Path, required=True, metavar="CSV.GZ")
    predict.add_argument("--alone", action="store_true", help="from each item's own history, without shopping days")
    policy = commands.add_parser("policy", help="answer the public benchmark's restock cases with an artefact")
    policy.add_argument("--artefact", type=Path, default=ARTEFACTS, metavar="DIR")
    policy.add_argument("--cases", type=Path, required=True, metavar="NPZ")
    policy.add_argument("--out", type=Path, required=True, metavar="NPZ")
    report = commands.add_parser("report", help="print the scores of an artefact; trains nothing")
    report.add_argument("--artefact", type=Path, default=ARTEFACTS, metavar="DIR")
    report.add_argument("--json", action="store_true")
    return parser


def _train(folder: Path, *, seed: int, exclude: Path | None) -> int:
    """Train, score on the test households, export. Progress goes to standard error."""
    from models import run  # noqa: PLC0415 - --help and report need no JAX

    if seed < 0:
        raise _UsageError(f"--seed is {seed}, it must not be negative")
    manifest = run.train_and_export(
        folder,
        seed=seed,
        excluded=_read_households(exclude) if exclude is not None else frozenset(),
        created=datetime.now(UTC).date(),
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(manifest)
    return 0


def _predict(artefact: Path, *, keys: Path, out: Path, context: bool) -> int:
    from models import predict  # noqa: PLC0415 - --help and report need no data

    print(f"{predict.predict(artefact, keys=keys, out=out, context=context)} answers in {out}")
    return 0


def _policy(artefact: Path, *, cases: Path, out: Path) -> int:
    from models import policy  # noqa: PLC0415 - --help and report need no data

    print(f"{policy.answer_cases(artefact, cases=cases, out=out)} items answered in {out}")
    return 0


def _read_households(path: Path) -> frozenset[int]:
    try:
        with path.open("rb") as file:
            content = file.read(EXCLUDED_BYTES_MAX + 1)
        lines = content.decode("ascii").split()
    except (OSError, UnicodeDecodeError) as exc:
        raise _UsageError(f"--exclude {path}: cannot be read as a list of ids ({exc})") from exc
    wrong = next((line for line in lines if not line.isdigit()), None)
    if wrong is not None or len(content) > EXCLUDED_BYTES_MAX or not lines:
        raise _UsageError(f"--exclude {path}: one household id a line is wanted, found {wrong or 'none or too many'}")
    return frozenset(int(line) for line in lines)


def _report(folder: Path, *, as_json: bool) -> int:
    manifest = json.loads((folder / ARTEFACT).read_text(encoding="utf-8"))
    if as_json:
        print(json.dumps({key: manifest[key] for key in ("name", "version", "sha256", "seed", "created", "scores")}))
        return 0
    print(f"{manifest['name']} {manifest['version']}, seed {manifest['seed']}, {manifest['created']}")
    print(f"trained on: {manifest['training_data']}")
    print(manifest["disclaimer"])
    from models.report import tables  # noqa: PLC0415 - --help needs no numpy

    print(
        f"{manifest['scores']['bytes']:.0f} bytes; graph against network {manifest['scores']['export_difference']:.1g}"
    )
    print()
    print(tables(manifest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
