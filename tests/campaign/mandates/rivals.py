"""True races: processes that draw on the same mandates in one file at once, while one sends and one revokes.

In service there is one hub with one connection; here each process opens the store for itself, without the exclusive
lock, so that nothing but the transactions keeps two draws apart. The merchant is a process of its own and keeps its
own book; another one reads rows and book afterwards and judges (`judging`).
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from random import Random
from typing import Any, Self, cast

import apsw

from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.clock import EffectiveClock
from edge_agent.adapters.egress import Answer, Egress, Purpose
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Preferences
from edge_agent.core.clock_trust import bounds_for
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.mandate import (
    Acceptable,
    AmountRange,
    Budget,
    ExecutionDate,
    MandateDraft,
    MandateEvent,
    MandateItem,
    Recurrence,
    step,
)
from edge_agent.core.leave.period import Frequency
from edge_agent.core.messages import IntentId, MandateId
from edge_agent.errors import BridgeUnreachableError, RefusedError
from edge_agent.ports import CrashPoint
from tests.campaign.approvals.home import LeaveHome, furnished
from tests.campaign.mandates.judging import Verdict, judge
from tests.campaign.mandates.purse import Wall
from tests.edge_agent.samples import MILK

DRAWERS = 3
MANDATES = 9
TRIES = 6  # of each process on each mandate
OWNER = "the-owner"
_BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
_DEAD_AFTER_S = 120.0
_TURN_S = 0.002  # between two looks at what waits to be sent
_LOOKS_MAX = 150
_ROWS = "SELECT count(*) FROM ledger"
_OF_MANDATE = "SELECT count(*) FROM ledger WHERE mandate = ?"
_UNDER_WAY = "SELECT count(*) FROM ledger JOIN outbox USING (intent) WHERE mandate = ? AND claimed_ms IS NOT NULL"
_UNANSWERED = "SELECT count(*) FROM ledger JOIN outbox USING (intent) WHERE mandate = ? AND attempts > 0"
_FORK = multiprocessing.get_context("fork")


class Shared(Connection):
    """The store without its exclusive lock, as no hub opens it."""

    def open(self) -> Self:
        """Open a store that is there already."""
        db = apsw.Connection(str(self._path))
        db.set_busy_timeout(30_000)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON", "trusted_schema=OFF"):
            db.execute(f"PRAGMA {pragma}")  # what a power cut leaves is the matter of `power`
        self._db = db
        return self


@dataclass(slots=True)
class Race:
    """What the processes of one race share: the file, the mandates, and the places where they wait for each other."""

    folder: Path
    seed: int
    mandates: Sequence[MandateId]
    revoked: frozenset[MandateId]
    start: Barrier
    over: Event

    @property
    def store(self) -> Path:
        """The hub's file."""
        return self.folder / "rivals.sqlite3"

    def note(self, name: str, found: object) -> None:
        """Leave what a process found for the judge."""
        (self.folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")


def run(folder: Path, *, seed: int) -> Verdict:
    """One race from a fresh store to its judgement.

    Raises: AssertionError when a process did not come to its end.
    """
    folder.mkdir(parents=True)
    race = _prepare(folder, seed)
    near, far = _FORK.Pipe()
    players: list[tuple[Callable[..., None], tuple[Any, ...]]] = [(_draw, (race, number)) for number in range(DRAWERS)]
    drawers = [_FORK.Process(target=play, args=args) for play, args in [*players, (_revoke, (race,))]]
    courier = _FORK.Process(target=_deliver, args=(race, near))
    merchant = _FORK.Process(target=_sell, args=(race, far))
    for process in (merchant, courier, *drawers):
        process.start()
    near.close()
    far.close()
    try:
        _ended(drawers)
        race.over.set()
        _ended([courier, merchant])
    finally:
        for process in (merchant, courier, *drawers):
            process.kill()
    judging = _FORK.Process(target=_judge, args=(race,))
    judging.start()
    _ended([judging])
    return Verdict.from_json((folder / "verdict.json").read_text(encoding="utf-8"))


def _ended(processes: Sequence[Any]) -> None:
    for process in processes:
        process.join(_DEAD_AFTER_S)
        assert process.exitcode == 0, f"a process of the race ended with {process.exitcode}"


def _prepare(folder: Path, seed: int) -> Race:
    """The store with its mandates, a third of which will be revoked while they are drawn on."""
    rng = Random(seed)
    with _home(folder / "rivals.sqlite3", seed=seed, worker="first", connect=Connection) as (home, _):
        made = [home.leave.mandates.propose(_draft(rng), by=OWNER, pin_checked=False).id for _ in range(MANDATES)]
    revoked = frozenset(made[::3])
    return Race(folder, seed, made, revoked, _FORK.Barrier(DRAWERS + 1), _FORK.Event())


def _draft(rng: Random) -> MandateDraft:
    acceptable = tuple(Acceptable(merchant=shop, sku=MILK.product.sku) for shop in ("grocer", "baker"))
    return MandateDraft(
        items=tuple(MandateItem(item=f"item-{n}", acceptable=acceptable, quantity_max=9) for n in range(40)),
        amount_range=AmountRange(currency="USD", min_minor=100, max_minor=2_000),
        budget=Budget(currency="USD", max_minor=rng.randint(900, 1_800)),
        recurrence=Recurrence(
            frequency=rng.choice([Frequency.ANNUALLY, Frequency.ANNUALLY, Frequency.WEEKLY]),
            max_occurrences=rng.choice([None, None, 4]),
        ),
        execution_date=ExecutionDate(not_after=date(2040, 12, 31)),
        timezone=rng.choice(["UTC", "Europe/Berlin", "Pacific/Kiritimati"]),
    )


@contextmanager
def _home(
    path: Path, *, seed: int, worker: str, connect: Callable[[Path], Connection]
) -> Iterator[tuple[LeaveHome, Wall]]:
    """One process's own hub on the shared file: the same key for all, names and choices of its own."""
    wall = Wall(_BEGAN)
    clock = EffectiveClock(wall, bounds=bounds_for(speed=1.0, timeout_s=10.0), ticks_s=wall.ticks_s)
    clock.resume(None)
    rng = Random(seed)
    with furnished(path, rng=rng, clock=clock, connect=connect) as home:
        rng.seed(f"{seed}-{worker}")
        yield home, wall


# --- the processes ---


def _draw(race: Race, number: int) -> None:
    """Draw on one mandate after the other, at the same time as the others do."""
    met: Counter[str] = Counter()
    with _home(race.store, seed=race.seed, worker=f"draw-{number}", connect=Shared) as (home, wall):
        wall.true += timedelta(minutes=number)
        for mandate in race.mandates:
            wall.true += timedelta(days=1)  # past the cap of draws in a day
            race.start.wait(_DEAD_AFTER_S)
            for _ in range(TRIES):
                outcome = _try(home, mandate)
                met[outcome] += 1
                if outcome == "mandate_missing":
                    break
    race.note(f"draw-{number}", met)


def _try(home: LeaveHome, mandate: MandateId) -> str:
    asked = home.ask(
        f"item-{home.rng.randrange(40)}",
        packs=home.rng.randint(1, 4),
        price_minor=home.rng.randint(40, 200),
        merchant=home.rng.choice(["grocer", "baker"]),
    )
    record = home.leave.mandates.mandate(mandate)
    assert record is not None
    drawing: Any = home.leave.drawing
    store = drawing._mandates
    drawing._mandates = _Rival(store, mandate, home)
    try:
        outcome = drawing.draw(asked, item=home.item(asked.item), preferences=Preferences())
    finally:
        drawing._mandates = store
    return "drawn" if isinstance(outcome, IntentRecord) else str(outcome.code)


class _Rival:
    """A store of mandates that knows one of them, and after half of its looks waits until somebody else has drawn."""

    def __init__(self, store: Any, mandate: MandateId, home: LeaveHome) -> None:  # noqa: ANN401  whatever a home has
        self._store = store
        self._mandate = mandate
        self._home = home

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  as above
        return getattr(self._store, name)

    def mandate_for(self, item: str) -> list[Any]:
        """That one, if it is active."""
        return [record for record in self._store.mandate_for(item) if record.id == self._mandate]

    def usage(self, *asked: Any) -> Any:  # noqa: ANN401  as the port has it
        """What the ledger said; by the time it is answered it may say something else."""
        seen = self._store.usage(*asked)
        if self._home.rng.random() < 0.6:
            _looked(self._home, _ROWS, wanted=1 + _one(self._home, _ROWS))
        return seen


def _looked(home: LeaveHome, sql: str, of: tuple[str, ...] = (), *, wanted: int) -> None:
    """Look until there are so many, or for as long as it is worth waiting for."""
    for _ in range(_LOOKS_MAX):
        if _one(home, sql, of) >= wanted:
            return
        os.sched_yield()


def _one(home: LeaveHome, sql: str, of: tuple[str, ...] = ()) -> int:
    return cast("int", home.connection.db.execute(sql, of).get)


def _revoke(race: Race) -> None:
    """End some of the mandates in the middle of it, and remember what was about to leave at that very moment."""
    ends: list[dict[str, object]] = []
    with _home(race.store, seed=race.seed, worker="revoke", connect=Shared) as (home, wall):
        db = home.connection.db

        def claimed(point: CrashPoint) -> None:
            """Inside the transaction, after which nothing more may be claimed."""
            assert point is CrashPoint.REVOKE_RECEIVED
            sql = "SELECT intent FROM outbox WHERE claimed_ms IS NOT NULL"
            ends[-1]["claimed"] = [row[0] for row in db.execute(sql)]

        store = Mandates(home.connection, crash_hook=claimed)
        for mandate in race.mandates:
            wall.true += timedelta(days=1)
            race.start.wait(_DEAD_AFTER_S)
            if mandate not in race.revoked:
                continue
            _looked(
                home, home.rng.choice([_OF_MANDATE, _UNDER_WAY, _UNANSWERED]), (mandate,), wanted=home.rng.randint(1, 2)
            )
            record = store.mandate(mandate)
            assert record is not None
            ends.append({"mandate": mandate})
            store.change_mandate(step(record, MandateEvent.REVOKE, now=home.clock.now(), by=OWNER))
            ends[-1]["at_ns"] = time.monotonic_ns()
    race.note("revoke", ends)


@dataclass(slots=True)
class _Wire:
    """The gate out of the courier: when each request began to leave, and what the merchant answered."""

    merchant: Pipe
    now: Callable[[], datetime]
    sent: list[tuple[str, int]] = field(default_factory=list)
    placed: dict[str, int | None] = field(default_factory=dict)

    async def send(self, purpose: Purpose, target: str, *, body: bytes = b"", trace: str | None = None) -> Answer:
        """One order to the merchant; it may give no answer."""
        del target
        assert purpose is Purpose.ORDER
        terms = json.loads(body)["terms"]
        self.sent.append((terms["intent_id"], time.monotonic_ns()))
        self.merchant.send(terms)
        answer = self.merchant.recv()
        if answer is None:
            raise BridgeUnreachableError("no answer")
        self.placed[terms["intent_id"]] = answer["charged_minor"]
        receipt = {"intent_id": terms["intent_id"], "state": "held", "accepted_at": self.now().isoformat()}
        return Answer(200, json.dumps(receipt).encode())


def _deliver(race: Race, merchant: Pipe) -> None:
    """Send what waits until the race is over, and let the orders follow what the merchant said."""
    with _home(race.store, seed=race.seed, worker="deliver", connect=Shared) as (home, wall):
        wall.true += timedelta(days=1)
        wire = _Wire(merchant, home.clock.now)
        client = BridgeClient(
            egress=cast("Egress", wire),
            orders=home.orders,
            merchants=Merchants(home.connection),
            clock=home.clock,
            hear_time=lambda _: None,
        )
        turns_left = 20
        with asyncio.Runner() as runner:
            while turns_left:
                turns_left -= race.over.wait(_TURN_S)
                with suppress(BridgeUnreachableError):
                    runner.run(client.drain(check=lambda: None))
                _follow(home, wire)
    merchant.send(None)
    race.note("deliver", wire.sent)


def _follow(home: LeaveHome, wire: _Wire) -> None:
    for intent, charged_minor in list(wire.placed.items()):
        record = home.orders.intent(IntentId(intent))
        assert record is not None
        state = IntentState.REJECTED if charged_minor is None else IntentState.PLACED
        change = intents.step(record, state, at=home.clock.now(), charged_minor=charged_minor)
        with suppress(RefusedError):  # somebody wants it back at this very moment: told again on the next turn
            if change is not None:
                home.orders.change_intents([change], cursor=None)
            del wire.placed[intent]


def _sell(race: Race, courier: Pipe) -> None:
    """The merchant: takes each order once, charges what it likes up to the ceiling, and writes it into its book."""
    rng, book, heard = Random(f"{race.seed}-sell"), dict[str, int | None](), 0
    while (terms := courier.recv()) is not None:
        heard += 1
        intent, most_minor = terms["intent_id"], terms["total_max_minor"]
        if intent not in book:
            book[intent] = None if rng.random() < 0.2 else rng.randint(most_minor // 2, most_minor)
        courier.send(None if rng.random() < 0.5 else {"charged_minor": book[intent]})
    race.note("sell", {"book": book, "heard": heard})


def _judge(race: Race) -> None:
    race.note("verdict", judge(race.folder, race.store).to_fields())
