"""How long a page takes in a large, old home: `python -m tests.bench.pages [--items 200] [--days 730]`.

A real store and the real wiring; two readings of each item a day, a price a day. Each page is asked for thirty times,
in this process and without a socket. What is measured is processor time, which other programs do not lengthen; with
half a core a page takes twice that. Figures as lines of JSON (`tests.bench.figures`), each time it was asked a round.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from edge_agent.adapters.egress import Egress
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.config import HomeConfig, HubConfig, Secrets
from edge_agent.core.catalogue import Binding, Household
from edge_agent.core.people import Account, Role
from edge_agent.core.registry import Registry
from edge_agent.folder import HOUSEHOLD_FILE
from edge_agent.ports import no_crash
from edge_agent.wiring import household as wiring
from edge_agent.wiring.orders import Gate
from edge_agent.wiring.readings import wire_readings
from tests.bench.figures import Figure, tell
from tests.edge_agent.outgoing_home import URL, FakeBridge, Wall, opened
from tests.edge_agent.samples import MILK, NOW
from tests.edge_agent.web.house import ORIGIN, PASSWORD, sign_in

_PATHS = (
    "/",
    "/items/item-7",
    "/orders",
    "/mandates",
    "/devices",
    "/devices/scale-7",
    "/sent",
    "/account",
    "/new-mandate",
)
_TIMES = 30
_READINGS_PER_DAY = 2
_FOLDED_DAYS = 10
_STEP_MS = 86_400_000 // _READINGS_PER_DAY
_TURNS = """
CREATE TEMP TABLE turn AS
    WITH RECURSIVE item(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM item WHERE n + 1 < :items),
                   at(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM at WHERE k + 1 < :days * :per_day)
    SELECT row_number() OVER () AS id, n, k,
           :end_ms - (:days * :per_day - k) * :step_ms AS at_ms
    FROM at, item
"""
_FILL = """
INSERT INTO message (id, device, profile, topic, boot, seq, digest, event_ms, received_ms)
    SELECT id, 'scale-' || n, 'scale', 'home/scale-' || n, 'b', k + 1, '', at_ms, at_ms FROM turn
    WHERE (k < :fold_from) = :old;
INSERT INTO reading (id, message_id, device, signal, presence, number, text, unit, event_ms)
    SELECT id, id, 'scale-' || n, 'amount', 'value', 4000.0 - 800.0 * (k % 20) / :per_day, NULL, 'g', at_ms
    FROM turn WHERE (k < :fold_from) = :old;
INSERT INTO price (item, merchant, sku, unit_price_minor, delivery_minor, currency, available, fetched_ms)
    SELECT 'item-' || n, 'grocer', 'milk-whole-1l', 100 + k % 40, 500, 'USD', 1, at_ms
    FROM turn WHERE k % :per_day = 0 AND (k < :fold_from) = :old;
INSERT INTO device (device, profile, online, presence_ms, seen_ms)
    SELECT 'scale-' || n, 'scale', 1, max(at_ms), max(at_ms) FROM turn WHERE (k < :fold_from) = :old GROUP BY n
    ON CONFLICT DO NOTHING
"""


def main() -> None:
    """Fill a home, then ask."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=200)
    arguments.add_argument("--days", type=int, default=730)
    arguments.add_argument("--profile", default="", help="a page to print the profile of")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_measure(Path(folder), items=given.items, days=given.days, profile=given.profile))
    tell(*figures)


async def _measure(folder: Path, *, items: int, days: int, profile: str) -> list[Figure]:
    figures, more = [], {"items": items, "days": days}
    async with _old_home(folder, items=items, days=days) as (tasks, connection):
        begun = time.process_time()
        tasks.review.run_once()
        review_ms = 1_000 * (time.process_time() - begun)
        figures.append(Figure("pages", "review_cpu", "ms", [review_ms], more=more))
        _fill(connection, items=items, days=days, old=True)
        Accounts(connection).put_account(Account("the-owner", Role.OWNER, Argon2Passwords().hash(PASSWORD)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(tasks.pages), base_url=ORIGIN) as client:
            await sign_in(client)
            for path in _PATHS:
                took_ms, size_kb = await _ask(client, path)
                told = more | {"worst": round(max(took_ms), 1), "kb": round(size_kb, 1)}
                figures.append(Figure("pages", f"{path}_cpu", "ms", took_ms, more=told))
            if profile:
                await _profile(client, profile)
    return figures


async def _ask(client: httpx.AsyncClient, path: str) -> tuple[list[float], float]:
    """Processor time of each answer in ms, and the page's size in kB (1,000 bytes)."""
    took_ms, size = [], 0
    for _ in range(_TIMES):
        begun = time.process_time()
        answer = await client.get(path)
        took_ms.append(1_000 * (time.process_time() - begun))
        size = len(answer.raise_for_status().content)
    return took_ms, size / 1_000


async def _profile(client: httpx.AsyncClient, path: str) -> None:
    import cProfile  # noqa: PLC0415  only who looks for what is slow
    import pstats  # noqa: PLC0415

    with cProfile.Profile() as profile:
        for _ in range(_TIMES):
            await client.get(path)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(45)


@asynccontextmanager
async def _old_home(folder: Path, *, items: int, days: int) -> AsyncIterator[tuple[wiring.Tasks, Connection]]:
    names = [f"item-{number}" for number in range(items)]
    household = [
        MILK.model_copy(
            update={"id": name, "name": name.title(), "binding": Binding(device=f"scale-{n}", signal="amount")}
        )
        for n, name in enumerate(names)
    ]
    HouseholdFile(folder / HOUSEHOLD_FILE).save(Household(items=tuple(household)))
    config = HubConfig(home=HomeConfig(id="home-1", hub="hub-1", data_dir=str(folder)))
    wall, key = Wall(), load_or_create(folder)
    bridge = FakeBridge(wall)
    with opened(folder, wall) as store:
        _fill(store.connection, items=items, days=days, old=False)
        ledger = EgressLedger(store.connection, clock=store.clock)
        transport = httpx.MockTransport(bridge.reply)
        async with Egress(
            ledger=ledger, key=key, household="home-1", url=URL, timeout_s=5, transport=transport
        ) as egress:
            kept = wire_readings(config, store, registry=Registry(), crash_hook=no_crash)
            gate = Gate(egress, ledger, key)
            tasks = wiring.wire(config, kept, gate=gate, secret=Secrets(), voice=None, crash_hook=no_crash)
            yield tasks, store.connection


def _fill(connection: Connection, *, items: int, days: int, old: bool) -> None:
    """The last days, which the review folds; with `old` what it had folded long ago."""
    bound = {
        "items": items,
        "days": days,
        "end_ms": int(NOW.timestamp() * 1_000),
        "per_day": _READINGS_PER_DAY,
        "step_ms": _STEP_MS,
        "fold_from": (days - _FOLDED_DAYS) * _READINGS_PER_DAY,
        "old": int(old),
    }
    with connection.transaction() as db:
        cache = db.execute("PRAGMA cache_size").get
        db.execute("PRAGMA cache_size = -500000")
        for statement in filter(str.strip, (_FILL if old else f"{_TURNS};\n{_FILL}").split(";\n")):
            db.execute(statement, {name: value for name, value in bound.items() if f":{name}" in statement})
        db.execute(f"PRAGMA cache_size = {cache}")


if __name__ == "__main__":
    main()
