"""A thousand hubs that all come back after an outage: `python -m tests.bench.reconnect [--n 1000] [--rounds 5]`.

Each round is a bridge with an empty store and the model merchant, as processes of their own, and `restock-sim hubs` as
another, all on this machine: every hub loses the bridge, its household goes on ordering (two orders each in the mean,
most of them then), and all come back in the same moment, with the real hub's pauses after that: 10 s for an answer,
30 s until the next try. A hub has caught up when the bridge has answered for what it had piled up, and it has heard all
news. The round goes on until every order was placed, and the merchant's ledger is held against what was signed. The
merchant does not answer every ninth time.

Rounds on SQLite and PostgreSQL alternate. Processor time is the bridge's, over the whole round, with placing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.figures import Bar, Figure, machine, tell
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.firmware_sim import hubs_stack

_DRAINED_S = 60.0
_HOLD_S = 20
_NAME = "reconnect"


def main() -> int:
    """Run the rounds, and tell."""
    options = _options()
    stores = [name for name in options.store or ("sqlite", "pg") if name == "sqlite" or installed() is not None]
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in stores}
    with _postgres(wanted="pg" in stores) as server:
        for number in range(options.rounds):
            for name in stores:
                url = None if server is None or name == "sqlite" else server.create(f"bridge{number}")
                rounds[name].append(_round(options, store_url=url))
                _progress(name, rounds[name][-1])
    for name in stores:
        tell(*_figures(name, rounds[name], n=options.n))
    kept = all(each["ok"] for told in rounds.values() for each in told)
    return 0 if kept else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.reconnect", description=__doc__)
    parser.add_argument("--n", type=int, default=1_000, help="hubs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", action="append", choices=["sqlite", "pg"], help="both where none is given")
    return parser.parse_args()


def _round(options: argparse.Namespace, *, store_url: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys, admission = folder / "keys", folder / "admission"
        _simulator("--n", str(options.n), "--keys", str(keys), "--enrol", str(admission))
        with hubs_stack.running(folder, admission, store_url=store_url) as stack:
            before_s = _cpu_s(stack)
            plan = ["--duration", "14", "--ramp", "5", "--outage", "6,8,1", "--hold", str(_HOLD_S), "--poll", "20"]
            told = _simulator("--n", str(options.n), "--keys", str(keys), *stack.arguments(), *plan, "--json")
            result: dict[str, Any] = json.loads(told)
            return result | {"bridge_cpu_s": _cpu_s(stack) - before_s}


def _simulator(*arguments: str) -> str:
    command = [sys.executable, "-m", "firmware_sim", "hubs", *arguments]
    done = subprocess.run(command, cwd=hubs_stack.ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"the simulator ended with {done.returncode}")
    return done.stdout


def _cpu_s(stack: hubs_stack.Stack) -> float:
    times = stack.bridge.cpu_times()
    return float(times.user + times.system)


def _figures(store: str, rounds: Sequence[Mapping[str, Any]], *, n: int) -> Iterator[Figure]:
    outages = [each["outages"][0] for each in rounds]
    # Where some never caught up, the whole round is told: it took at least that long.
    drained = [outage["all_drained_after_s"] or each["lasted_s"] for outage, each in zip(outages, rounds, strict=True)]
    more = {
        "store": store,
        "hubs": n,
        "intents_waiting": [each["intents_waiting"] for each in outages],
        "drained_hubs": [each["drained"] for each in outages],
        "median_hub_ms": [each["drained_after_ms"]["p50"] for each in outages],
        "retried": [each["intents"]["retried"] for each in rounds],
        "unanswered": [sum(each["unanswered"].values()) for each in rounds],
        **machine(),
    }
    middle = sorted(rounds, key=lambda each: each["bridge_cpu_s"])[len(rounds) // 2]
    yield Figure(
        _NAME,
        f"drained_{store}",
        "s",
        drained,
        Bar("at_most", _DRAINED_S),
        cpu_s=middle["bridge_cpu_s"],
        wall_s=middle["lasted_s"],
        more=more,
    )
    answered = [sum(kind["answered"] for kind in each["requests"].values()) for each in rounds]
    sold = [each["merchant_books"] for each in rounds]
    costs = [1_000 * each["bridge_cpu_s"] / count for each, count in zip(rounds, answered, strict=True)]
    yield Figure(_NAME, f"cpu_a_request_{store}", "ms", costs, more={"with": "placing", "answered": answered})
    for name in ("doubled", "lost", "without_leave", "unsettled"):
        yield Figure(_NAME, f"{name}_{store}", "orders", [each[name] for each in sold], Bar("at_most", 0))


@contextmanager
def _postgres(*, wanted: bool) -> Iterator[PostgresProcess | None]:
    install = installed()
    if not wanted or install is None:
        yield None
        return
    server = PostgresProcess(install)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _progress(store: str, told: Mapping[str, Any]) -> None:
    outage, sold = told["outages"][0], told["merchant_books"]
    sys.stderr.write(
        f"{store}: {outage['drained']} of {outage['hubs']} hubs drained in {outage['all_drained_after_s']} s, "
        f"{sold['sales']} sold, {sold['doubled']} doubled, {sold['lost']} lost, {told['ended']}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
