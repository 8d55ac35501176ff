"""A hub's card that was copied: two hubs with one identity live side by side at one bridge, for days.

Either may be started again at any time, and in every second home the copy's clock is wrong when it boots, far or near,
until somebody sets it right; such a card is copied while the hub is cut off from the bridge, with an order that waits.
The two have one numbering between them, so whoever sends second freezes the household, or
has heard of the other's orders before. In the end the operator lets the household go, the copy is switched off, and the
first hub must know all that was ordered. One unit is one copied card.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import threading
from collections import Counter
from contextlib import AsyncExitStack, chdir, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection as PipeEnd
from pathlib import Path

from cloud_bridge import app as bridge_app
from cloud_bridge.config import BridgeConfig
from cloud_bridge.merchants.simulated_modes import nothing_wrong
from edge_agent.adapters.store.opening import open_store
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.errors import FailClosedError, RetryLaterError
from edge_agent.ports import no_crash
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.kills.campaign import _answer, _world
from tests.campaign.kills.in_process import Browser
from tests.campaign.kills.life import Fate, Home, Plan, _bridge, _ingest, prepare, wire_hub
from tests.campaign.kills.pipe import ask
from tests.campaign.kills.setting import BRIDGE_STORE, COOKIE, PAGE_URL, Clock, hub_config, set_up
from tests.campaign.kills.world import World
from tests.campaign.restores import COURSE

_ALONE_TURNS = (4, 14)
_CUT_OFF_TURNS_MAX = 12
_TOGETHER_TURNS = 14
_WRONG_FOR_TURNS = 6
_TURNS_TO_SETTLE = 16
_RESTART = 0.15
_OFF_BY = tuple(timedelta(hours=hours) for hours in (-24 * 400, -24 * 20, -30, -1, 1, 30, 24 * 20, 24 * 400))
_SPARED = Fate(Plan(point=None, nth=0, turns=0), last_words=lambda _: None)


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Copy `size` cards."""
    del bug
    prepare()
    rng, met, faults = random.Random(seed), Counter[str](), list[str]()
    for number in range(1, size + 1):
        place = folder / f"card-{number}"
        faults += [
            f"seed={seed} card={number}: {fault}" for fault in _one(place, rng=rng, met=met, wrong=number % 2 == 0)
        ]
    return Figures(
        name="clones",
        done=size,
        unit="copied cards",
        doubled=sum("twice" in fault or "on its way" in fault for fault in faults),
        unauthorised=sum("no terms" in fault for fault in faults),
        covered=dict(met),
        wanted=("orders", "frozen", "shown", "restarted", "held_back"),
        faults=tuple(faults),
    )


@dataclass
class Wall:
    """What one hub's clock shows: the time, or one that is off."""

    true: Clock
    off: timedelta = timedelta()
    speed: float = 1.0

    def now(self) -> datetime:
        """What it shows."""
        return self.true.at + self.off

    async def sleep(self, duration_s: float) -> None:
        """Jump."""
        await self.true.sleep(duration_s)


@dataclass
class Careful(Home):
    """A hub that lives on when its sends are stopped, as its supervised loops do; it may be cut off from the bridge."""

    is_cut_off: bool = False

    async def _drain(self) -> None:
        if not self.is_cut_off:
            with suppress(RetryLaterError, FailClosedError):
                await self.tasks._drain()

    async def _follow(self) -> None:
        if not self.is_cut_off:
            await super()._follow()


def _one(place: Path, *, rng: random.Random, met: Counter[str], wrong: bool) -> list[str]:
    original, copy = place / "original", place / "copy"
    original.mkdir(parents=True)
    copy.mkdir()
    world = _world(COURSE, rng)
    card = Card(original, copy, bridge=set_up(original, world.fridges), world=world, rng=rng, met=met)
    ours, theirs = Pipe()
    answering = threading.Thread(target=_answer, args=(world, ours), name="world")
    answering.start()
    try:
        with chdir(original):
            asyncio.run(card.days(theirs, off=rng.choice(_OFF_BY) if wrong else timedelta()))
    finally:
        theirs.close()
        answering.join()
        ours.close()
    met["orders"] += len(world.bought())
    return card.faults


class Card:
    """One card and its copy. `faults` is what went wrong."""

    def __init__(
        self, original: Path, copy: Path, *, bridge: BridgeConfig, world: World, rng: random.Random, met: Counter[str]
    ) -> None:
        self._folders = (original, copy)
        self._bridge = bridge
        self._world = world
        self._rng = rng
        self._met = met
        self.faults: list[str] = []

    async def days(self, pipe: PipeEnd, *, off: timedelta) -> None:
        """Alone, then together, then alone again."""
        original, copy = self._folders
        clock = Clock(ask(pipe, "now"))
        async with AsyncExitStack() as stack:
            desk = await _bridge(pipe, stack, original, config=self._bridge, clock=clock, fate=_SPARED)
            one, two = (Hub(folder, pipe, desk=desk, wall=Wall(clock)) for folder in self._folders)
            for _ in range(self._rng.randint(*_ALONE_TURNS)):
                await one.turn()
            if off:
                await self._until_one_waits(one)
            await one.stop()
            shutil.copytree(original, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("bridge*"))
            two.wall.off = off
            await self._together(one, two)
            await two.stop()
            self._let_go()
            for merchant in self._world.merchants.values():
                merchant.faults = nothing_wrong
            for _ in range(_TURNS_TO_SETTLE):
                await one.turn()
            known = {intent.id for intent in one.home().tasks.orders.intents(live=False, limit=100_000)}
            await one.stop()
        self._judge(known)

    async def _until_one_waits(self, hub: Hub) -> None:
        hub.home().is_cut_off = True
        for _ in range(_CUT_OFF_TURNS_MAX):
            if hub.has_waiting():
                break
            await hub.turn()

    async def _together(self, one: Hub, two: Hub) -> None:
        for turn in range(_TOGETHER_TURNS):
            if turn == _WRONG_FOR_TURNS:
                two.wall.off = timedelta()
            is_first_wrong = turn == 0 and bool(two.wall.off)  # the copy boots now, while an order waits in it
            hub = two if is_first_wrong else self._rng.choice((one, two))
            if self._rng.random() < _RESTART:
                self._met["restarted"] += hub.is_up
                await hub.stop()
            before, sold = len(self._orders()), len(self._world.bought())
            was_frozen = self._is_frozen()
            await hub.turn()
            if hub.wall.off:
                self._met["held_back"] += hub.holds_back()
                if len(self._orders()) > before:
                    self.faults.append(f"a hub whose clock is off by {hub.wall.off} sent an order")
            if was_frozen:
                self._met["shown"] += SafetyCode.HUB_FORKED in {each.code for each in hub.problems()}
                if len(self._world.bought()) > sold:
                    self.faults.append("something was ordered for a household that is frozen")

    def _let_go(self) -> None:
        """What the operator's command does, beside a bridge that runs."""
        self._met["frozen"] += self._is_frozen()
        with closing(sqlite3.connect(self._folders[0] / BRIDGE_STORE)) as db, db:
            db.execute("UPDATE households SET frozen_at = NULL")

    def _judge(self, known: set[str]) -> None:
        orders = self._orders()
        named = {(merchant, order_id) for _, merchant, order_id in orders}
        in_doubt = Counter(merchant for _, merchant, order_id in orders if order_id is None)
        bought = self._world.bought()
        self.faults += [f"order {name}: its article was on its way already" for name in self._world.doubled_needs()]
        references = Counter(sold.reference for sold in bought.values())
        self.faults += [f"ordered twice under {key}" for key, count in references.items() if count > 1]
        for name in bought.keys() - {each for each in bought if tuple(each) in named}:
            in_doubt[name.merchant] -= 1
            if in_doubt[name.merchant] < 0:
                self.faults.append(f"order {name}: the bridge has no terms for it")
        self.faults += [f"intent {each}: the first hub has not heard of it" for each, *_ in orders if each not in known]

    def _orders(self) -> list[tuple[str, str, str | None]]:
        with closing(sqlite3.connect(self._folders[0] / BRIDGE_STORE)) as db:
            return db.execute("SELECT intent_id, merchant, merchant_order_id FROM orders").fetchall()

    def _is_frozen(self) -> bool:
        with closing(sqlite3.connect(self._folders[0] / BRIDGE_STORE)) as db:
            rows = db.execute("SELECT 1 FROM households WHERE frozen_at IS NOT NULL").fetchall()
        return bool(rows)


class Hub:
    """A hub that is started when it is needed, and may be stopped between two turns."""

    def __init__(self, folder: Path, pipe: PipeEnd, *, desk: bridge_app.Bridge, wall: Wall) -> None:
        self._folder = folder
        self._pipe = pipe
        self._desk = desk
        self._stack: AsyncExitStack | None = None
        self._home: Careful | None = None
        self.wall = wall

    async def turn(self) -> None:
        """Some hours of its life."""
        if self._home is None:
            self._home = await self._start()
        await self._home.turn()

    def home(self) -> Careful:
        """Everything of it; it must have been started."""
        assert self._home is not None
        return self._home

    def problems(self) -> tuple[SafetyProblem, ...]:
        """Why it sends nothing."""
        return self.home().tasks.guard.problems()

    def holds_back(self) -> bool:
        """Whether an order waits in it that it does not send because of its clock."""
        doubts = any(each.code is SafetyCode.CLOCK_UNTRUSTED for each in self.problems())
        return doubts and self.has_waiting()

    def has_waiting(self) -> bool:
        """Whether an order is to be sent."""
        return bool(self.home().tasks.orders.outbox(limit=1))

    @property
    def is_up(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._stack is not None

    async def stop(self) -> None:
        """In good order."""
        if self._stack is not None:
            await self._stack.aclose()
        self._stack = self._home = None

    async def _start(self) -> Careful:
        stack = self._stack = AsyncExitStack()
        config, clock = hub_config(self._folder), self.wall.true
        store = stack.enter_context(open_store(self._folder, config, wall=self.wall, ticks_s=clock.ticks_s))
        readings, tasks = await wire_hub(
            stack, self._folder, config, store=store, bridge=self._desk.app, crash_hook=no_crash
        )
        return Careful(
            pipe=self._pipe,
            clock=clock,
            ingest=_ingest(self._pipe, readings, clock=store.clock, fate=_SPARED),
            tasks=tasks,
            page=Browser(tasks.pages, PAGE_URL, COOKIE),
            desk=self._desk,
        )
