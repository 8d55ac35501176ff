"""Goes through handful after handful of orders at each kind of merchant, what was met least being planned most.

One unit is one order. A kind is done when it had its orders, or its time. A handful is deterministic in its seed, kind
and number as far as the counterpart is: a real shop answers when it answers.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.campaign.bugs import Bug, planted
from tests.campaign.figures import Figures
from tests.campaign.merchants.judge import Verdict, judge
from tests.campaign.merchants.life import Life, Plan, follow_deaths
from tests.campaign.merchants.shops import PRICE_MINOR, SHOPS, Shop
from tests.campaign.merchants.wire import Fault, Wire
from tests.cloud_bridge.rig import HandClock

_ORDERS_MAX = 3
_WOUNDS_MAX = 3
_REQUESTS = 12  # of an order and a half at the merchants that want the most
_A_LITTLE_DEARER, _DEARER = PRICE_MINOR + 3, PRICE_MINOR + 100
_FAULTS_KEPT = 20
_STEPS = (timedelta(hours=-2), timedelta(minutes=-5), timedelta(hours=1), timedelta(hours=13), timedelta(days=2))
_WEBHOOK_POINTS = frozenset({CrashPoint.WEBHOOK_READ, CrashPoint.WEBHOOK_KEPT})
_LOST = frozenset({Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.SILENT_AFTER, Fault.FAILED_AFTER, Fault.TRUNCATED})

NAPS, BESIDE, CANCELLED, SETTLED, CLOCK, WEBHOOK = (
    "napped_past_the_lease",
    "two_bridges",
    "cancelled_in_the_hold",
    "settled_by_a_person",
    "clock_step",
    "webhook",
)


COUNTS = tuple(name for name in Verdict.__slots__ if name != "faults")


@dataclass
class Tally:
    """What came of one kind. `met` counts faults by name."""

    wanted: tuple[str, ...]
    met: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, name: str) -> int:
        """The sum of one count over all handfuls."""
        return sum(int(getattr(verdict, name)) for verdict in self.verdicts)

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong, and something was done."""
        return bool(self.verdicts) and not self.faults

    @property
    def missed(self) -> tuple[str, ...]:
        """What was never met."""
        return tuple(name for name in self.wanted if not self.met[name])

    def told(self) -> dict[str, Any]:
        """For the JSON object."""
        return {
            **{name: self.count(name) for name in COUNTS},
            "faults_met": dict(sorted(self.met.items())),
            "never_met": self.missed,
            "wrong": self.faults[:_FAULTS_KEPT],
            "seconds": round(self.seconds, 1),
        }


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Buy `size` orders, as many at each kind whose counterpart is installed."""
    present = [kind for kind, shop in SHOPS.items() if shop.missing() is None]
    each = -(-size // len(present))
    with planted(bug):
        tallies = {kind: at_kind(kind, orders=each, seed=seed, folder=folder / kind) for kind in present}
    return figures(tallies)


def figures(tallies: dict[str, Tally]) -> Figures:
    """All kinds together; what was met and wanted has its kind before it."""
    total = Counter[str]()
    for tally in tallies.values():
        total.update({name: tally.count(name) for name in COUNTS})
    return Figures(
        name="merchants",
        done=total["orders"],
        unit="orders over all kinds of merchants",
        lost=total["lost"] + total["unsettled"],
        doubled=total["doubled"],
        unauthorised=total["without_leave"],
        overcharged=total["over_ceiling"],
        parked=total["parked"],
        forgiven={"charged_beyond_quote": total["charged_beyond_quote"]},
        covered={f"{kind}: {name}": count for kind, tally in tallies.items() for name, count in tally.met.items()},
        wanted=tuple(f"{kind}: {name}" for kind, tally in tallies.items() for name in tally.wanted),
        faults=tuple(fault for tally in tallies.values() for fault in tally.faults),
    )


def at_kind(kind: str, *, orders: int, seed: int, folder: Path, seconds: float = inf) -> Tally:
    """Start the kind's counterpart, buy there, and stop it."""
    folder.mkdir(parents=True)
    with SHOPS[kind].running(folder) as process:
        return go_through(kind, SHOPS[kind].shop(process), orders=orders, seed=seed, folder=folder, seconds=seconds)


def go_through(kind: str, shop: Shop, *, orders: int, seed: int, folder: Path, seconds: float = inf) -> Tally:
    """Buy so many orders, or for so many seconds, at a counterpart that runs."""
    tally, started_s = Tally(wanted=tuple(names(shop))), monotonic()
    empty = folder / "empty.sqlite3"
    Database(f"sqlite:///{empty}").open().close()
    while tally.count("orders") < orders and monotonic() - started_s < seconds:
        number = len(tally.verdicts)
        with _store(empty, folder / "bridge.sqlite3") as (store, clock):
            verdict = asyncio.run(_handful(shop, store, clock, tally=tally, rng=Random(f"{seed}/{kind}/{number}")))
        tally.verdicts.append(verdict)
        tally.faults += [f"seed {seed} {kind} handful {number}: {fault}" for fault in verdict.faults]
    tally.seconds = monotonic() - started_s
    return tally


def names(shop: Shop) -> Iterator[str]:
    """Everything that a long run meets at this shop."""
    yield from sorted(shop.faults)
    yield from (f"died_at_{point}" for point in CrashPoint if shop.tells or point not in _WEBHOOK_POINTS)
    yield from (BESIDE, CANCELLED, SETTLED, CLOCK)
    yield from (WEBHOOK,) if shop.tells else ()
    yield from (NAPS,) if Fault.LOST_BEFORE in shop.faults else ()  # there is a wire to nap at


@contextmanager
def _store(empty: Path, file: Path) -> Iterator[tuple[SqlOrderStore, HandClock]]:
    """A store that nobody has used, and its clock."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    shutil.copy(empty, file)
    clock = HandClock()
    with Database(f"sqlite:///{file}") as database:
        yield SqlOrderStore(database, shown=lambda _real: clock.now()), clock


async def _handful(shop: Shop, store: SqlOrderStore, clock: HandClock, *, tally: Tally, rng: Random) -> Verdict:
    await asyncio.to_thread(shop.begin, clock)
    wire = Wire(shop, shop.merchant_class, (_A_LITTLE_DEARER, _DEARER), met=tally.met)
    odds = [1 / (1 + tally.met[name]) ** 2 for name in tally.wanted]
    wounds = set(rng.choices(tally.wanted, odds, k=rng.randint(1, _WOUNDS_MAX)))
    arm_following = _arm(wire, wounds, rng, faults=shop.faults)
    plan = _plan(wounds, rng)
    tally.met.update([CLOCK] * len(plan.steps))
    life = Life(shop, store, clock, wire=wire, plan=plan, rng=rng)
    return judge(await life.run(count=rng.randint(1, _ORDERS_MAX), follow_faults=arm_following))


def _plan(wounds: set[str], rng: Random) -> Plan:
    """What the household, the clock and a second bridge do. Some wounds need another to be met at all."""
    tells = bool(wounds & {WEBHOOK, *(f"died_at_{point}" for point in _WEBHOOK_POINTS)})
    died_at_closed = f"died_at_{CrashPoint.CLOSED}" in wounds
    cancels = {CANCELLED: rng.choice((0, 0, 1, 2))} if CANCELLED in wounds else {}
    return Plan(
        cancels_in=1 if died_at_closed else cancels.get(CANCELLED),
        steps={rng.randrange(4): rng.choice(_STEPS)} if CLOCK in wounds else {},
        beside=BESIDE in wounds,
        settles=bool(wounds & {SETTLED, f"died_at_{CrashPoint.SETTLED}"}),
        follows=tells or f"died_at_{CrashPoint.FOLLOWED}" in wounds or rng.random() < 0.2,
        tells=tells,
    )


def _arm(wire: Wire, wounds: set[str], rng: Random, *, faults: frozenset[Fault]) -> Callable[[], None]:
    """Put faults and deaths on the wire, and say what puts those of the time of following there."""
    later_deaths: dict[CrashPoint, int] = {}
    later_faults: dict[int, Fault] = {}
    for point in CrashPoint:
        if f"died_at_{point}" not in wounds:
            continue
        if point is CrashPoint.FOLLOWED or point in _WEBHOOK_POINTS:
            later_deaths[point] = 1
        else:
            wire.deaths[point] = rng.choice((1, 1, 2))
    for fault in sorted(wounds & faults):
        _put(wire, Fault(fault), later_faults, rng)
    if CrashPoint.CLOSED in wire.deaths:
        wire.deaths |= {CrashPoint.CLOSED: 1, CrashPoint.SESSION_SAVED: 1}
    if CrashPoint.LOOKED_UP in wire.deaths:
        wire.at_sending = [Fault.LOST_AFTER]
    wire.outage = bool(wounds & {SETTLED, f"died_at_{CrashPoint.SETTLED}"})
    if wire.outage:
        wire.deaths.pop(CrashPoint.CLOSED, None)
        wire.at_sending = [rng.choice(sorted(_LOST & faults))]
    if NAPS in wounds:
        wire.nap_at = rng.randint(0, _REQUESTS // 2)
    return follow_deaths(wire, later_deaths, faults=later_faults)


def _put(wire: Wire, fault: Fault, later: dict[int, Fault], rng: Random) -> None:
    """Somewhere on the way to the order, right after an attempt was recorded, or while it is followed."""
    drawn = rng.random()
    if drawn < 0.45:
        wire.at_sending.append(fault)
    elif drawn < 0.9:
        wire.waiting[rng.randint(1, _REQUESTS)] = fault
    else:
        later[rng.randint(1, 3)] = fault
