"""One world from one seed: households, bridge, merchants, weather; then calm; then the verdict.

Liveness (I27): once the faults have stopped and `QUIESCE_S` of virtual time have passed, every approval has ended, or
is parked and shown.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.core.intent import IntentState
from edge_agent.ports import Signer
from tests.campaign.simulation.bridge import Front, Replica, Site
from tests.campaign.simulation.home import Home
from tests.campaign.simulation.hub import StandInSigner
from tests.campaign.simulation.judge import Counts, Judge, Need, count_sales
from tests.campaign.simulation.market import open_market
from tests.campaign.simulation.memory_orders import Books
from tests.campaign.simulation.stand_in import stand_in
from tests.campaign.simulation.virtual import JumpyClock, VirtualLoop, virtual_loop
from tests.campaign.simulation.weather import HOUR_S, Weather, forecast

ORDERS = 300
HOMES = 6
BUSY_S = 4 * HOUR_S
QUIESCE_S = 10 * HOUR_S
_OUTAGE_S = 17 * HOUR_S  # longer than half the life of any merchant's key
_BOUGHT = frozenset({IntentState.PLACED, IntentState.SHIPPED, IntentState.DELIVERED, IntentState.PARTLY_DELIVERED})
_ENDED_WITHOUT = frozenset({IntentState.REJECTED, IntentState.EXPIRED, IntentState.CANCELLED})


@dataclass(slots=True)
class Verdict:
    """What one world came to."""

    counts: Counts
    tally: Counter[str]
    faults: list[str]


class World:
    """Everything that one seed makes."""

    def __init__(self, seed: int, loop: VirtualLoop, *, signs: bool, orders: int) -> None:
        self.seed, self.loop, self.signs, self.orders = seed, loop, signs, orders
        self.rng = Random(seed)
        has_outage = self.rng.random() < 0.15
        self.busy_s = BUSY_S + (_OUTAGE_S if has_outage else 0.0)
        storms = forecast(self.rng, busy_s=BUSY_S)
        self.weather = Weather(self.loop, self.rng, storms)
        self.judge = Judge(where=self._where, now_s=self.loop.time, tally=self.weather.tally)
        several = self.rng.random() < 0.5
        server = JumpyClock(self.loop)
        self.books = Books(watch=self.judge.watch, server_now=server.now if several else None)
        self.bridge_clock, self.hub_clock = JumpyClock(self.loop), JumpyClock(self.loop)
        self.stalls = open_market(self.loop, self.weather, clock=server)
        if has_outage:
            start_s = self.weather.between(0, BUSY_S)
            self.rng.choice(self.stalls).line.outage_s = (start_s, start_s + _OUTAGE_S)
        self.signers = {f"home-{n}": self._signer(n) for n in range(HOMES)}
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
        front = Front(self.replicas, self.weather)
        self.homes = [
            Home(name, self.loop, self.weather, self.hub_clock, self.judge, front, signer, new_id=self._new_id)
            for name, signer in self.signers.items()
        ]

    async def run(self) -> Verdict:
        """Live through it, and judge."""
        processes = [self.loop.create_task(replica.run()) for replica in self.replicas]
        for replica, task in zip(self.replicas, processes, strict=True):
            replica.task = task
        for home in self.homes:
            home.task = self.loop.create_task(home.run())
            processes.append(home.task)
        robots = [self.loop.create_task(self._robot(number)) for number in range(self.orders)]
        processes.append(self.loop.create_task(self._meddle()))
        await asyncio.sleep(self.busy_s)
        self.bridge_clock.set_right()
        self.hub_clock.set_right()
        await asyncio.sleep(HOUR_S)
        await self._settle(share=0.5)
        await asyncio.sleep(QUIESCE_S - HOUR_S)
        for home in self.homes:
            home.wake.set()
        await asyncio.sleep(HOUR_S)
        for task in [*processes, *robots]:
            if task.done():
                task.result()
        return self._judge()

    async def _robot(self, number: int) -> None:
        stall = self.rng.choice(self.stalls)
        need = Need(
            sku=f"sku-{number}",
            merchant=stall.name,
            packs=self.rng.randint(1, 4),
            price_minor=self.rng.randint(40, 5_000),
            delivery_minor=stall.delivery_minor,
            at_s=self.weather.between(0, BUSY_S),
        )
        stall.stock(need)
        await self.rng.choice(self.homes).answer(need)

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
        sold = {sale.sku: sale.order_id for stall in self.stalls for sale in stall.sales()}
        for home in self.homes:
            for record in list(home.tables.records.values()):
                if found_only and record.item not in sold:
                    continue
                if record.state is IntentState.PARKED and self.rng.random() < share:
                    await home.settle(record.id, order_id=sold.get(record.item))

    def _judge(self) -> Verdict:
        sales = [sale for stall in self.stalls for sale in stall.sales()]
        counts = count_sales(self.judge, sales)
        bought = {sale.sku for sale in sales}
        for leave in self.judge.leaves.values():
            if leave.seen:
                counts.lost += self._is_lost(leave.intent, bought=leave.sku in bought)
        for stall in self.stalls:
            self.weather.tally[f"class:{stall.merchant.capability.merchant_class}"] += len(stall.sales())
            for mode, times in stall.merchant.met.items():
                self.weather.tally[f"mode:{mode}"] += times
        return Verdict(counts, self.weather.tally, self.judge.faults)

    def _is_lost(self, intent: str, *, bought: bool) -> int:
        """I6, I26, I27: the hub still has it, it has come to an end or is shown, and that end is the true one."""
        record = next((found for home in self.homes if (found := home.tables.records.get(intent))), None)
        if record is None:
            self.judge.fault(f"I6: approved intent {intent} is gone")
            return 1
        if record.state is IntentState.PARKED:
            return 0
        ended = (record.state in _BOUGHT and bought) or (record.state in _ENDED_WITHOUT and not bought)
        if not ended:
            row = next((row for key, row in self.books.orders.items() if key[1] == intent), None)
            at_bridge = row.state if row else "not there"
            where = f"{record.state} at home, {at_bridge} at the bridge"
            self.judge.fault(f"I6: intent {intent} is {where}, bought={bought}")
        return 0 if ended else 1

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
        world = World(seed, loop, signs=signs, orders=orders)
        if signs:
            return loop.run_until_complete(world.run())
        with stand_in():
            return loop.run_until_complete(world.run())
