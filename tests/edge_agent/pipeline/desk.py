"""The stages of leave around one real store and key, for tests that act as a household."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from cloud_bridge.wire import CancelReceipt, OrderState, Settlement, SettleReceipt
from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.store.chain import Chain, ChainSeal
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import IntentId, ItemId
from edge_agent.core.people import Account, Role
from edge_agent.core.safety import SafetyProblem
from edge_agent.errors import BridgeUnreachableError
from edge_agent.pipeline.hand_over import Home
from edge_agent.ports import CrashPoint
from edge_agent.wiring.leave import LeaveSide, wire_leave
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import MILK

PEOPLE = {"anna": Role.OWNER, "olga": Role.OWNER, "ben": Role.MEMBER, "gus": Role.GUEST, "kim": Role.CHILD}


@dataclass
class FixedHousehold:
    """A household that a test may replace."""

    household: Household = field(default_factory=lambda: Household(items=(MILK,)))

    def load(self) -> Household:
        """The household as it stands."""
        return self.household


@dataclass
class ScriptedBridge:
    """The two questions about one order, answered as a test says; an answer that is not there is a bridge away."""

    cancels: dict[str, CancelReceipt | None] = field(default_factory=dict)
    settled: dict[str, OrderState] = field(default_factory=dict)
    heard: list[Settlement] = field(default_factory=list)

    async def cancel(self, intent: IntentId) -> CancelReceipt | None:
        """The answer of the script."""
        if intent not in self.cancels:
            raise BridgeUnreachableError("away")
        return self.cancels[intent]

    async def settle(self, settlement: Settlement) -> SettleReceipt:
        """The answer of the script."""
        self.heard.append(settlement)
        intent = settlement.verdict.intent_id
        if intent not in self.settled:
            raise BridgeUnreachableError("away")
        state = self.settled[intent]
        return SettleReceipt(intent_id=intent, settled=state is not OrderState.UNKNOWN, state=state)


@dataclass
class Watch:
    """What stands against sending, and what is known of merchants."""

    found: tuple[SafetyProblem, ...] = ()
    classes: dict[str, str] = field(default_factory=lambda: {"grocer": "A"})

    def problems(self) -> tuple[SafetyProblem, ...]:
        """What a test has set."""
        return self.found

    def merchant_class(self, merchant: str) -> str | None:
        """What a test has set."""
        return self.classes.get(merchant)


@dataclass
class Desk:
    """A home with five people, and everything through which they give leave."""

    leave: LeaveSide
    connection: Connection
    orders: Orders
    mandates: Mandates
    clock: ManualClock
    key: HouseholdKey
    household: FixedHousehold
    bridge: ScriptedBridge
    watch: Watch
    wakes: list[int]
    points: list[CrashPoint]
    chain: Chain

    def put(self, name: str, *, role: Role | None = None, pin: bool = False) -> None:
        """Change a person."""
        self.leave.accounts.put_account(Account(name, role or PEOPLE[name], "hash", "pin-hash" if pin else None))

    def events(self) -> list[str]:
        """The audit log."""
        rows = self.connection.db.execute("SELECT json_extract(event, '$.event') FROM audit ORDER BY seq")
        return [row[0] for row in rows]


@contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """A desk in a fresh folder."""
    secret = load_secret(folder)
    with Connection(fresh_store(folder / "hub.sqlite3"), parts=(ChainSeal(secret),)) as connection:
        key, clock, numbers = load_or_create(folder), ManualClock(), count(1)
        points: list[CrashPoint] = []
        orders = Orders(connection, crash_hook=points.append)
        household, bridge, watch, wakes = FixedHousehold(), ScriptedBridge(), Watch(), []
        leave = wire_leave(
            Home(household="home-1", hub="hub-1"),
            connection,
            clock=clock,
            orders=orders,
            policies=Policies(connection, verify=key.verify),
            household=household,
            bridge=bridge,
            merchants=watch,
            safety=watch,
            signer=key,
            new_id=lambda: f"{next(numbers):032x}",
            wake=lambda: wakes.append(1),
            crash_hook=points.append,
        )
        desk = Desk(
            leave, connection, orders, Mandates(connection), clock, key, household, bridge, watch, wakes, points,
            Chain(connection, secret=secret),
        )  # fmt: skip
        for name in PEOPLE:
            desk.put(name)
        yield desk


def milk_id() -> ItemId:
    """The item of the samples."""
    return ItemId(MILK.id)
