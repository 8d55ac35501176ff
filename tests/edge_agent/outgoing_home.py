"""A hub's sending half on a real store, with clocks and a wire that a test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from cloud_bridge.wire import (
    PATH_EVENTS,
    PATH_HEAD,
    EventPage,
    Head,
    KnownIntent,
    OrderEvent,
    OrderState,
    Problem,
    Receipt,
)
from cloud_bridge.wire import Intent as WireIntent
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.adapters.store.set_aside import standing
from edge_agent.config import HubConfig
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.prompt import PromptEvent, step
from edge_agent.core.safety import SafetyProblem
from edge_agent.pipeline.guard import Guard
from edge_agent.pipeline.hand_over import HandOver, Home
from edge_agent.pipeline.restore import Restore
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.ports import NO_TRACING, CrashHook, Tracing, no_crash
from tests.edge_agent.samples import MILK, NOW, prompt

URL = "http://127.0.0.1:8490"
Answering = Callable[[httpx.Request], httpx.Response]


@dataclass
class Wall:
    """A wall clock that a test sets, and a steady one beside it."""

    shown: datetime = NOW
    ticked_s: float = 0.0
    speed: float = 1.0

    def now(self) -> datetime:
        """What it shows."""
        return self.shown

    async def sleep(self, duration_s: float) -> None:
        """Move on at once."""
        self.passes(seconds=duration_s)
        await asyncio.sleep(0)

    def passes(self, **delta: float) -> None:
        """Time goes by on both."""
        self.shown += timedelta(**delta)
        self.ticked_s += timedelta(**delta).total_seconds() / self.speed

    def ticks_s(self) -> float:
        """The clock that nobody sets."""
        return self.ticked_s


@dataclass
class FakeBridge:
    """The other end of the wire: it keeps what it takes, and tells how far it has come."""

    wall: Wall
    known: list[KnownIntent] = field(default_factory=list)
    news: list[OrderEvent] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    frozen: bool = False
    at: datetime | None = None
    answer: Answering | None = None

    def reply(self, request: httpx.Request) -> httpx.Response:
        """Answer as the bridge would, or as the test says."""
        self.asked.append(request)
        if self.answer is not None:
            return self.answer(request)
        if request.url.path == PATH_HEAD:
            return self._head(int(request.url.params["after"]))
        if request.url.path == PATH_EVENTS:
            return self._tell(int(request.url.params["after"]))
        return self._take(request)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.url.path for request in self.asked]

    def _head(self, after: int) -> httpx.Response:
        head = Head(
            at=self.at or self.wall.now(),
            handover=max((each.handover for each in self.known), default=0),
            event_seq=len(self.known),
            frozen=self.frozen,
            intents=tuple(each for each in self.known if each.handover > after)[:100],
        )
        return httpx.Response(200, content=head.model_dump_json())

    def _tell(self, after: int) -> httpx.Response:
        events = tuple(event for event in self.news if event.seq > after)
        page = EventPage(events=events, next_after=events[-1].seq if events else after)
        return httpx.Response(200, content=page.model_dump_json())

    def _take(self, request: httpx.Request) -> httpx.Response:
        terms = WireIntent.model_validate_json(request.content).terms
        if any(each.handover == terms.handover and each.intent_id != terms.intent_id for each in self.known):
            self.frozen = True
        if self.frozen:
            return refused(409, "forked")(request)
        if all(each.intent_id != terms.intent_id for each in self.known):
            if max((each.handover for each in self.known), default=0) > int(request.url.params["head"]):
                return refused(409, "behind")(request)
            self.known.append(known(terms.intent_id, number=terms.handover, sku=terms.sku))
        receipt = Receipt(intent_id=terms.intent_id, state=OrderState.HELD, accepted_at=NOW)
        return httpx.Response(200, content=receipt.model_dump_json())


def known(ident: str, *, number: int, sku: str = MILK.product.sku, hub: str = "hub-1") -> KnownIntent:
    """An intent as the bridge lists it."""
    return KnownIntent(
        intent_id=ident,
        hub=hub,
        handover=number,
        merchant="grocer",
        sku=sku,
        quantity=4,
        currency="USD",
        total_minor=1016,
        total_max_minor=1066,
        deliver_by=NOW.date(),
        state=OrderState.HELD,
        accepted_at=NOW,
    )


def refused(status: int, code: str) -> Answering:
    """The bridge's own refusal."""
    return lambda _: httpx.Response(status, content=Problem(code=code, detail="no").model_dump_json())


@dataclass
class FixedHousehold:
    """Documents that a test declares."""

    household: Household

    def load(self) -> Household:
        """As declared."""
        return self.household


@dataclass
class OutgoingHome:
    """Everything between an approval and the wire."""

    store: OpenStore
    key: HouseholdKey
    wall: Wall
    bridge: FakeBridge
    client: BridgeClient
    orders: Orders
    ledger: EgressLedger
    merchants: Merchants
    household: FixedHousehold
    restore: Restore
    guard: Guard
    numbers: Iterator[int]
    tracing: Tracing

    def approve(self, item: str = "milk") -> IntentId:
        """Anna approves a prompt for this item; its order waits in the outbox."""
        number = next(self.numbers)
        asked = replace(prompt(f"p{number}"), item=ItemId(item))
        self.orders.add_prompt(asked)
        hand_over = HandOver(
            home=Home(household="home-1", hub="hub-1"),
            orders=self.orders,
            signer=self.key,
            new_id=lambda: f"{next(self.numbers):032x}",
            wake=lambda: None,
            tracing=self.tracing,
        )
        bought = MILK.model_copy(update={"id": item})
        return hand_over.give(step(asked, PromptEvent.APPROVE, now=NOW, by="anna"), item=bought, by=("anna",)).id

    def ask(self, item: str) -> PromptId:
        """A question for this item, which nobody has answered."""
        asked = replace(prompt(f"p{next(self.numbers)}"), item=ItemId(item))
        self.orders.add_prompt(asked)
        return asked.id

    async def turn(self) -> int:
        """What the drain task does once."""
        if self.restore.is_due:
            await self.restore.run_once()
        return await self.client.drain(check=self.guard.check)

    def intent(self, ident: str) -> IntentRecord:
        """One order of the hub."""
        record = self.orders.intent(IntentId(ident))
        assert record is not None
        return record

    def state(self, ident: str) -> IntentState:
        """Where an order stands."""
        return self.intent(ident).state

    def sent(self) -> list[str]:
        """The ids of the orders that went out."""
        bodies = [request.content for request in self.bridge.asked if request.url.path == "/v1/intents"]
        return [WireIntent.model_validate_json(body).terms.intent_id for body in bodies]


@contextmanager
def opened(folder: Path, wall: Wall, *, crash_hook: CrashHook = no_crash) -> Iterator[OpenStore]:
    """The store in `folder`, by the clocks of `wall`."""
    with open_store(folder, HubConfig(), wall=wall, ticks_s=wall.ticks_s, crash_hook=crash_hook) as store:
        yield store


@asynccontextmanager
async def outgoing_home(
    folder: Path,
    *,
    wall: Wall | None = None,
    bridge: FakeBridge | None = None,
    pages_max: int = 100,
    is_chosen: bool = True,
    crash_hook: CrashHook = no_crash,
    tracing: Tracing = NO_TRACING,
) -> AsyncIterator[OutgoingHome]:
    """The sending half over the store in `folder`."""
    wall = wall or Wall()
    bridge = bridge or FakeBridge(wall)
    key = load_or_create(folder)
    with opened(folder, wall, crash_hook=crash_hook) as store:
        ledger = EgressLedger(store.connection, clock=store.clock)
        egress = Egress(
            ledger=ledger,
            key=key,
            household="home-1",
            url=URL,
            timeout_s=5,
            transport=httpx.MockTransport(bridge.reply),
            crash_hook=crash_hook,
        )
        async with egress:
            yield _wired(
                store, key=key, wall=wall, bridge=bridge, egress=egress, ledger=ledger, kept=standing(folder),
                pages_max=pages_max, is_chosen=is_chosen, crash_hook=crash_hook, tracing=tracing,
            )  # fmt: skip


def _wired(
    store: OpenStore,
    *,
    key: HouseholdKey,
    wall: Wall,
    bridge: FakeBridge,
    egress: Egress,
    ledger: EgressLedger,
    kept: tuple[SafetyProblem, ...],
    pages_max: int,
    is_chosen: bool,
    crash_hook: CrashHook,
    tracing: Tracing,
) -> OutgoingHome:
    orders, merchants = Orders(store.connection), Merchants(store.connection)
    household = FixedHousehold(Household(items=(MILK,)))
    client = BridgeClient(
        egress=egress,
        orders=orders,
        merchants=merchants,
        clock=store.clock,
        hear_time=store.clock.compare,
        is_chosen=is_chosen,
        crash_hook=crash_hook,
        tracing=tracing,
    )
    restore = Restore(
        hub="hub-1",
        bridge=client,
        handovers=SqliteHandovers(store.connection),
        mandates=Mandates(store.connection),
        household=household,
        status=StatusRecorder(bridge=client, orders=orders),
        clock=store.clock,
        pages_max=pages_max,
    )
    guard = Guard(
        chain=store.chain,
        clock=store.clock,
        outgoing=orders,
        policies=Policies(store.connection, verify=key.verify),
        restore=restore,
        verify=key.verify,
        store_failure=lambda: store.connection.failure,
        standing=kept,
    )
    counted = iter(range(1, 1_000_000))
    return OutgoingHome(
        store, key, wall, bridge, client, orders, ledger, merchants, household, restore, guard, numbers=counted,
        tracing=tracing,
    )  # fmt: skip
