"""One handful of orders at one merchant: handed in, hurt for a while, left in peace, followed to the door, and judged.

The bridge dies where its plan says so, and each time a new connector, worker and tracker go on from the store alone.
Time is set by hand, so an hour of waiting takes none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import httpx
from starlette.applications import Starlette

from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.config import WorkerConfig
from cloud_bridge.core.order import PLACING
from cloud_bridge.ports import CrashPoint, Delivery
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import Intent, OrderState
from tests.campaign.merchants.judge import Handful
from tests.campaign.merchants.shops import DELIVERY_MINOR, PRICE_MINOR, Sale, Shop
from tests.campaign.merchants.wire import Fault, Nap, Wire
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, HandClock, Killed, Rig, Signer

TOLERANCE_MINOR = 10
_TROUBLED_ROUNDS, _CALM_ROUNDS = 10, 60
_DEATHS_MAX = 40  # of one handful: more would be a bridge that never comes to anything
_ASLEEP_S = WorkerConfig().lease_s + 60
_NOTHING = {"unit_price_minor": 0, "delivery_minor": 0, "total_minor": 0, "total_max_minor": 0}
_URL = f"http://bridge.example/webhooks/{MERCHANT}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What befalls a handful beside what waits on the wire. Rounds count from 0; None: it does not happen.

    `cancels_in`: somebody takes an order back in that round. `steps`: by how much the clock jumps before which round.
    `beside`: a second bridge works on the same store. `settles`: a person says what became of parked orders.
    `follows`: goods arrive, and faults go on while the orders are followed. `tells`: the merchant sends webhooks.
    """

    cancels_in: int | None = None
    steps: dict[int, timedelta] = field(default_factory=dict)
    beside: bool = False
    settles: bool = False
    follows: bool = False
    tells: bool = False


class _Anybody:
    """Every delivery is the merchant's own: who may send one is tested elsewhere."""

    async def check(self, delivery: Delivery) -> None:
        """It is."""


class Life:
    """What waits on the wire at the beginning waits for the time of trouble."""

    def __init__(
        self, shop: Shop, store: SqlOrderStore, clock: HandClock, *, wire: Wire, plan: Plan, rng: Random
    ) -> None:
        self._shop = shop
        self._store = store
        self._clock = clock
        self._wire = wire
        self._plan = plan
        self._rng = rng
        self._signer = Signer()
        self._round = 0
        self._deaths = 0
        self._intents: list[Intent] = []
        self._taken_back: set[str] = set()
        self._delivered: set[str] = set()
        self._before: set[str] = set()

    async def run(self, *, count: int, follow_faults: Callable[[], None]) -> Handful:
        """Go through it with so many orders; `follow_faults` arms the wire for the time of following."""
        self._before = {sale.order_id for sale in await asyncio.to_thread(self._shop.sales)}
        self._intents = [self._intent(packs) for packs in range(1, count + 1)]
        await self._alive(self._hand_in)
        await self._alive(self._troubled)
        await self._calm()
        if self._plan.follows or self._plan.tells:
            await self._to_the_door(follow_faults)
        return await self._ended()

    # what is done with a living bridge

    async def _hand_in(self, rig: Rig) -> None:
        for intent in self._intents:
            await rig.intake.accept(intent, caller=HOUSEHOLD)

    async def _troubled(self, rig: Rig) -> None:
        while self._round < _TROUBLED_ROUNDS:
            await self._cancel(rig)
            self._clock.at += self._plan.steps.pop(self._round, timedelta())
            due = await self._store.next_due(PLACING)
            if due is None:
                return
            self._round += 1
            self._clock.at = max(self._clock.at, due)
            await self._one_round(rig)
            if self._plan.settles:
                self._clock.pass_(hours=25)
                await self._settle(rig)

    async def _one_round(self, rig: Rig) -> None:
        if self._wire.nap_at is not None:
            async with self._shop.connect(self._wire) as merchant:
                await self._while_one_naps(rig, self._rig(merchant))
        elif self._plan.beside:
            self._wire.met["two_bridges"] += 1
            async with self._shop.connect(self._wire) as merchant, asyncio.TaskGroup() as both:
                both.create_task(rig.placing.run_once())
                both.create_task(self._rig(merchant).placing.run_once())
        else:
            await rig.placing.run_once()

    async def _while_one_naps(self, rig: Rig, other: Rig) -> None:
        """One falls asleep before a request; past its lease the other goes on as far as it can; then it wakes up."""
        nap = self._wire.nap = Nap()
        async with asyncio.TaskGroup() as group:
            napper = group.create_task(rig.placing.run_once())
            asleep = group.create_task(nap.begun.wait())
            await asyncio.wait({napper, asleep}, return_when=asyncio.FIRST_COMPLETED)
            asleep.cancel()
            if nap.begun.is_set():
                self._clock.pass_(seconds=_ASLEEP_S)
                await other.place(rounds_max=_TROUBLED_ROUNDS)
                nap.over.set()

    async def _cancel(self, rig: Rig) -> None:
        if self._plan.cancels_in != self._round:
            return
        intent_id = self._intents[0].terms.intent_id
        if intent_id in self._taken_back:
            return
        receipt = await rig.intake.cancel(intent_id, caller=HOUSEHOLD)
        self._wire.met["cancelled_in_the_hold" if receipt.cancelled else "cancelled_too_late"] += 1
        if receipt.cancelled:
            self._taken_back.add(intent_id)

    async def _settle(self, rig: Rig) -> None:
        """A person looks at the merchant's own pages, and says what stands there."""
        for intent in self._intents:
            terms = intent.terms
            order = await self._store.find(HOUSEHOLD, terms.intent_id)
            if order is None or order.state is not OrderState.PARKED:
                continue
            sale = next((sale for sale in await self._sold() if sale.quantity == terms.quantity), None)
            verdict = self._signer.settlement(
                terms.intent_id,
                said_at=self._clock.now(),
                found=sale is not None,
                merchant_order_id=None if sale is None else sale.order_id,
            )
            self._wire.met["settled_by_a_person"] += 1
            await rig.intake.settle(verdict, intent_id=terms.intent_id, caller=HOUSEHOLD)

    async def _calm(self) -> None:
        """The faults stop, the shelves are full, and there is time."""
        self._wire.calm()
        await asyncio.to_thread(self._shop.set_price, PRICE_MINOR)
        await asyncio.to_thread(self._shop.set_stock, 500)
        await self._alive(lambda rig: rig.place(rounds_max=_CALM_ROUNDS))

    async def _to_the_door(self, follow_faults: Callable[[], None]) -> None:
        sold = {sale.order_id for sale in await self._sold()}
        orders = [await self._store.find(HOUSEHOLD, intent.terms.intent_id) for intent in self._intents]
        ours = [each.merchant_order_id for each in orders if each is not None and each.state is OrderState.PLACED]
        placed = [order_id for order_id in ours if order_id in sold]
        follow_faults()
        for happens in (self._shop.ship, self._shop.deliver):
            for order_id in placed:
                await asyncio.to_thread(happens, order_id)
                await self._tell(order_id)
            await self._alive(lambda rig: rig.follow())
        self._wire.calm()
        for _ in range(2):
            await self._alive(lambda rig: rig.follow())
        self._delivered.update(placed)

    async def _tell(self, order_id: str) -> None:
        """A webhook, until it is answered; and once more."""
        if not self._plan.tells:
            return
        body = self._shop.webhook(order_id)

        async def post(rig: Rig) -> None:
            door = MerchantDoor(
                merchants={MERCHANT: rig.merchant},
                verifiers={MERCHANT: _Anybody()},
                store=self._store,
                clock=self._clock,
                followed=asyncio.Event(),
                profile=lambda _merchant, _version: None,
                public_url="http://bridge.example",
                crash=self._wire.crash,
            )
            app = Starlette(routes=door.routes())
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
                for _ in range(2):
                    (await client.post(_URL, content=body)).raise_for_status()
            self._wire.met["webhook"] += 1

        await self._alive(post)

    # the bridge, and its deaths

    async def _alive(self, act: Callable[[Rig], Awaitable[None]]) -> None:
        """Do something until it is done: a bridge that died over it is started anew."""
        done = False
        while not done:
            try:
                async with self._shop.connect(self._wire) as merchant:
                    await self._store.resume(now=self._clock.now())
                    await act(self._rig(merchant))
                done = True
            except* Killed:
                self._deaths += 1
                if self._deaths > _DEATHS_MAX:
                    raise

    def _rig(self, merchant: object) -> Rig:
        return Rig(self._store, self._clock, self._signer, merchant, self._wire.crash)  # type: ignore[arg-type]

    # what was asked for, and what came of it

    def _intent(self, packs: int) -> Intent:
        total = packs * PRICE_MINOR + DELIVERY_MINOR
        money = {"total_minor": total, "total_max_minor": total + TOLERANCE_MINOR} if self._shop.sells else _NOTHING
        now = self._clock.now()
        return self._signer.intent(
            quantity=packs,
            offer_expires_at=now + timedelta(days=5),
            deliver_by=(now + timedelta(days=8)).date(),
            hold_s=self._rng.choice((0, 120)) if self._plan.cancels_in is None else 120,
            **money,
        )

    async def _sold(self) -> list[Sale]:
        return [sale for sale in await asyncio.to_thread(self._shop.sales) if sale.order_id not in self._before]

    async def _ended(self) -> Handful:
        events = await self._store.events_after(HOUSEHOLD, after=0, limit=500)
        ids = [intent.terms.intent_id for intent in self._intents]
        return Handful(
            terms=[intent.terms for intent in self._intents],
            orders={intent_id: await self._store.find(HOUSEHOLD, intent_id) for intent_id in ids},
            events={intent_id: [each for each in events if each.intent_id == intent_id] for intent_id in ids},
            sold=await self._sold(),
            delivered=self._delivered,
            taken_back=self._taken_back,
            moved_while_sending=self._wire.moved_while_sending,
        )


def follow_deaths(wire: Wire, deaths: dict[CrashPoint, int], *, faults: dict[int, Fault]) -> Callable[[], None]:
    """Arms the wire for the time of following: requests are counted from there."""

    def arm() -> None:
        wire.deaths.update(deaths)
        wire.waiting.update({wire.requests + after: fault for after, fault in faults.items()})

    return arm
