"""One world from one seed: households, bridge, merchants, weather, trouble; then calm; then the verdict.

Liveness (I27): once the faults have stopped and `QUIESCE_S` of virtual time have passed, every approval and draw has
ended, or is parked and shown, and what is known of each order is what its merchant says.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_bridge.core.outcome import Progress
from cloud_bridge.wire import OrderState
from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.core.handover import CLOSED_SINCE_BACKUP, OVERTAKEN
from edge_agent.core.intent import IntentState
from edge_agent.ports import Signer
from tests.campaign.simulation.bridge import Front, Replica, Site
from tests.campaign.simulation.home import Home
from tests.campaign.simulation.hub import Disk
from tests.campaign.simulation.judge import Counts, Judge, Need, Sale, count_sales
from tests.campaign.simulation.leave import Larder, StandInSigner
from tests.campaign.simulation.market import open_market
from tests.campaign.simulation.memory_orders import Books
from tests.campaign.simulation.post import Post
from tests.campaign.simulation.robot import Robot, item_of, reckon
from tests.campaign.simulation.stand_in import stand_in
from tests.campaign.simulation.trouble import Trouble
from tests.campaign.simulation.virtual import JumpyClock, VirtualLoop, virtual_loop
from tests.campaign.simulation.weather import HOUR_S, Weather, forecast

ORDERS = 600
HOMES = 6
BUSY_S = 4 * HOUR_S
QUIESCE_S = 10 * HOUR_S
_OUTAGE_S = 17 * HOUR_S  # longer than half the life of any merchant's key
_AUTO_SHARE = 0.2  # of needs that a mandate is asked for first
_BOUGHT = frozenset({IntentState.PLACED, IntentState.SHIPPED, IntentState.DELIVERED, IntentState.PARTLY_DELIVERED})
_ENDED_WITHOUT = frozenset({IntentState.REJECTED, IntentState.EXPIRED, IntentState.CANCELLED})


@dataclass(slots=True)
class Verdict:
    """What one world came to."""

    seed: int
    counts: Counts
    tally: Counter[str]
    faults: list[str]
    forgiven: Counter[str]


class World:
    """Everything that one seed makes."""

    def __init__(self, seed: int, loop: VirtualLoop, *, signs: bool, orders: int) -> None:
        self.seed, self.loop, self.signs = seed, loop, signs
        self.rng = Random(seed)
        has_outage = self.rng.random() < 0.15
        self.busy_s = BUSY_S + (_OUTAGE_S if has_outage else 0.0)
        storms = forecast(self.rng, busy_s=BUSY_S)
        self.weather = Weather(self.loop, self.rng, storms)
        self.judge = Judge(where=self._where, now_s=self.loop.time, tally=self.weather.tally)
        several = self.rng.random() < 0.5
        server = JumpyClock(self.loop)
        self.books = Books(
            watch=self.judge.watch, accepts=self.judge.accepted, server_now=server.now if several else None
        )
        self.bridge_clock, self.hub_clock = JumpyClock(self.loop), JumpyClock(self.loop)
        self.stalls = open_market(self.loop, self.weather, clock=server)
        if has_outage:
            start_s = self.weather.between(0, BUSY_S)
            self.rng.choice(self.stalls).line.outage_s = (start_s, start_s + _OUTAGE_S)
        self.signers = {f"home-{n}": self._signer(n) for n in range(HOMES)}
        self.needs = {name: self._needs(n, orders) for n, name in enumerate(self.signers)}
        self._open(several=several)

    def _open(self, *, several: bool) -> None:
        site = Site(
            self.loop,
            self.weather,
            self.bridge_clock,
            self.judge,
            self.books,
            keys={name: self._public_key(name) for name in self.signers},
            merchants={stall.name: (stall.merchant, stall.line) for stall in self.stalls},
        )
        self.replicas = tuple(Replica(site) for _ in range(2 if several else 1))
        self.front = Front(self.replicas, self.weather)
        is_lost = self.rng.random() < 0.25
        self.weather.tally["webhook:all_lost"] += is_lost
        for stall in self.stalls:
            stall.merchant.tell = Post(self.loop, self.weather, self.front, stall, is_lost).tell
        classes = {stall.name: stall.merchant.capability.merchant_class for stall in self.stalls}
        self.homes = [self._home(name) for name in self.signers]
        self.hubs = {home.name: [Robot(home, classes.__getitem__)] for home in self.homes}
        needs = {sku: need for each in self.needs.values() for sku, need in each.items()}
        self.trouble = Trouble(self.weather, self.judge, self.books, self.hubs, needs, self._clone)

    async def run(self) -> Verdict:
        """Live through it, and judge."""
        start = self.loop.create_task
        processes = [start(replica.run()) for replica in self.replicas]
        for replica, task in zip(self.replicas, processes, strict=True):
            replica.task = task
        for home in self.homes:
            home.task = start(home.run())
            processes.append(home.task)
        processes += [start(self._meddle()), start(self.trouble.operate())]
        robots = [start(self._live_in(name)) for name in self.needs]
        robots += [start(self._befall())]
        await asyncio.sleep(self.busy_s)
        self.bridge_clock.set_right()
        self.hub_clock.set_right()
        await asyncio.sleep(HOUR_S)
        await self._settle(share=0.5)
        await asyncio.sleep(QUIESCE_S - HOUR_S)
        for home in self.homes:
            home.ask_for_news()
        await asyncio.sleep(HOUR_S)
        for task in [*processes, *robots, *self.trouble.under_way]:
            if task.done():
                task.result()
        return self._judge()

    async def _live_in(self, household: str) -> None:
        """Have each need of a household answered in its time, at whichever of its hubs."""
        needs = sorted(self.needs[household].values(), key=lambda need: need.at_s)
        [robot] = self.hubs[household]
        automatic = [need for need in needs if need.is_auto]
        for half in (automatic[::2], automatic[1::2]):
            if half:
                await robot.give_mandate(half)
        stopped = [mandate for mandate in robot.mandates if self.rng.random() < 0.6]
        tasks = [self.loop.create_task(self._stop_some_time(robot, mandate)) for mandate in stopped]
        for need in needs:
            await asyncio.sleep(max(0.0, need.at_s - self.loop.time()))
            tasks.append(self.loop.create_task(self.rng.choice(self.hubs[household]).answer(need)))
        for task in tasks:
            await task

    async def _stop_some_time(self, robot: Robot, mandate: str) -> None:
        await asyncio.sleep(self.weather.between(0.2, 1.0) * BUSY_S)
        await robot.meddle(mandate)

    async def _befall(self) -> None:
        """Put one hub back from a backup in most worlds, and clone another in some."""
        first, second = self.rng.sample(sorted(self.hubs), 2)
        tasks = []
        if self.rng.random() < 0.7:
            tasks.append(self.loop.create_task(self.trouble.restore(first, busy_s=BUSY_S)))
        if self.rng.random() < 0.5:
            tasks.append(self.loop.create_task(self.trouble.fork(second, busy_s=BUSY_S)))
        for task in tasks:
            await task

    async def _meddle(self) -> None:
        """Kill processes, set clocks wrong and move prices while there is a storm."""
        while True:
            await asyncio.sleep(self.weather.between(30, 600))
            if self.weather.strikes(0.05, "killed_bridge"):
                self.rng.choice(self.replicas).kill()
            if self.weather.strikes(0.25, "killed_hub"):
                self.rng.choice(self.homes).kill()
            if self.weather.strikes(0.04, "bridge_clock_jump"):
                self.bridge_clock.set_right()
                self.bridge_clock.jump(timedelta(seconds=self.weather.between(-3_600, 3_600)))
            if self.weather.strikes(0.04, "hub_clock_jump"):
                self.hub_clock.set_right()
                self.hub_clock.jump(timedelta(seconds=self.weather.between(-86_400, 86_400)))
            if self.weather.strikes(0.2, "settling"):
                await self._settle(share=0.5, found_only=True)
            for stall in self.stalls:
                stall.move_prices()

    async def _settle(self, *, share: float, found_only: bool = False) -> None:
        """A share of what is parked is looked at by a person, who in a storm waits before saying "not there"."""
        sold = {self._intent_of(sale): sale.order_id for stall in self.stalls for sale in stall.sales()}
        for [robot, *_] in list(self.hubs.values()):
            for record in list(robot.home.disk.records.values()):
                if record.state is not IntentState.PARKED or (found_only and record.id not in sold):
                    continue
                if self.rng.random() < share:
                    await robot.settle(record.id, order_id=sold.get(record.id))

    # the verdict

    def _judge(self) -> Verdict:
        sales = [sale for stall in self.stalls for sale in stall.sales()]
        counts = count_sales(self.judge, sales)
        bought = {self._intent_of(sale): sale for sale in sales}
        for leave in self.judge.leaves.values():
            if leave.is_owed:
                counts.lost += self._is_lost(leave.household, leave.intent, sale=bought.get(leave.intent))
            elif leave.seen and not leave.cancelled and leave.intent not in bought:
                self.judge.forgiven["approval_forgotten"] += 1
        for stall in self.stalls:
            self.weather.tally[f"class:{stall.merchant.capability.merchant_class}"] += len(stall.sales())
            for mode, times in stall.merchant.met.items():
                self.weather.tally[f"mode:{mode}"] += times
        self._count_taken_over()
        return Verdict(self.seed, counts, self.weather.tally, self.judge.faults, +self.judge.forgiven)

    def _count_taken_over(self) -> None:
        for home in self.homes:
            for record in home.disk.records.values():
                self.weather.tally["taken_over"] += record.prompt.startswith("bridge-")
                self.weather.tally["overtaken"] += record.detail == OVERTAKEN

    def _is_lost(self, household: str, intent: str, *, sale: Sale | None) -> int:
        """I6, I26, I27: the hub still has it, it has come to an end or is shown, and that end is the true one."""
        [robot, *_] = self.hubs[household]
        record = robot.home.disk.records.get(intent)
        if record is None:
            self.judge.fault(f"I6: approved intent {intent} is gone")
            return 1
        if record.state is IntentState.PARKED:
            return 0
        ended = (record.state in _BOUGHT) if sale is not None else (record.state in _ENDED_WITHOUT)
        if not ended and record.state is IntentState.CANCELLED and self.judge.leaves[intent].is_cloned:
            self.judge.forgiven["cancelled_and_cloned"] += 1  # cancelled at the hub, and sent by its clone
            return 0
        if not ended:
            row = self.books.orders.get((household, intent))
            at_bridge = row.state if row else "not there"
            where = f"{record.state} at home, {at_bridge} at the bridge"
            self.judge.fault(f"I6: intent {intent} is {where}, bought={sale is not None}")
            return 1
        if sale is not None and record.detail != CLOSED_SINCE_BACKUP:
            self._check_progress(household, record.state, sale, intent=intent)
        return 0

    def _check_progress(self, household: str, state: IntentState, sale: Sale, *, intent: str) -> None:
        """However its webhooks fared, an order is known to be as far as its merchant says, and no further."""
        stall = next(stall for stall in self.stalls if stall.name == sale.merchant)
        has_arrived = stall.merchant.progress[sale.order_id] is Progress.DELIVERED
        row = self.books.orders[household, intent]
        if row.merchant_order_id is None:  # a person found it, and nobody can be asked about it
            return
        if (state is IntentState.DELIVERED, row.state is OrderState.DELIVERED) != (has_arrived, has_arrived):
            said = "" if has_arrived else "not "
            self.judge.fault(f"intent {intent} has {said}arrived: {state} at home, {row.state} at the bridge")

    def _intent_of(self, sale: Sale) -> str:
        leave = self.judge.leave_under(sale.reference)
        return "" if leave is None else leave.intent

    # what it is made of

    def _needs(self, number: int, orders: int) -> dict[str, Need]:
        """Every sixth need is this household's."""
        needs = {}
        for n in range(number, orders, HOMES):
            stall = self.rng.choice(self.stalls)
            need = Need(
                sku=f"sku-{n}",
                merchant=stall.name,
                packs=self.rng.randint(1, 4),
                price_minor=self.rng.randint(40, 5_000),
                delivery_minor=stall.delivery_minor,
                at_s=self.weather.between(0, BUSY_S),
                is_auto=self.rng.random() < _AUTO_SHARE,
            )
            stall.stock(need)
            needs[need.sku] = need
        return needs

    def _home(self, name: str) -> Home:
        return Home(
            name,
            self.loop,
            self.weather,
            self.hub_clock,
            self.judge,
            self.front,
            self.signers[name],
            self._new_id,
            Larder({sku: item_of(need) for sku, need in self.needs[name].items()}),
            reckon(self.needs[name], name),
        )

    def _clone(self, home: Home, disk: Disk) -> Home:
        twin = self._home(home.name)
        twin.disk, twin.is_clone = disk, True
        return twin

    def _signer(self, number: int) -> Signer:
        if not self.signs:
            return StandInSigner(f"{self.seed}:{number}".encode())
        return HouseholdKey(
            key=Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32)), secret=HouseholdSecret(bytes(32))
        )

    def _public_key(self, name: str) -> bytes:
        signer = self.signers[name]
        if isinstance(signer, StandInSigner):
            return signer.secret
        assert isinstance(signer, HouseholdKey)
        return signer.resolve_public_key(name).public_bytes_raw()

    def _new_id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def _where(self) -> str:
        return f"world seed {self.seed}, step {self.weather.steps}, {self.loop.time() / HOUR_S:.2f} h"


def live_through(seed: int, *, signs: bool, orders: int = ORDERS) -> Verdict:
    """One world, from its beginning to its verdict."""
    with virtual_loop() as loop:
        if signs:
            return loop.run_until_complete(World(seed, loop, signs=True, orders=orders).run())
        with stand_in():
            return loop.run_until_complete(World(seed, loop, signs=False, orders=orders).run())
