"""One household on a real store that can lose its connection at any moment, with a bridge and a merchant beside it.

The bridge and the merchant here are ground truth: they remember what reached them, and know nothing of the hub's rows.
A crash is a connection that is gone without a commit; what comes after it is a new hub on the same file.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from cloud_bridge.wire import Intent, Terms
from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.orders import Orders, OutboxRow
from edge_agent.adapters.store.policies import Policies
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household, Item, Preferences
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import DrawRequest, Grant, grant
from edge_agent.core.leave.mandate import period_of
from edge_agent.core.leave.terms import offer_for, terms_hash
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import PromptEvent, PromptRecord, PromptState, step
from edge_agent.pipeline.hand_over import HandOver, Home
from edge_agent.ports import CrashPoint
from edge_agent.wiring.leave import LeaveSide, wire_leave
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.pipeline.desk import FixedHousehold, ScriptedBridge, Watch
from tests.edge_agent.samples import MILK, price, propose

ITEMS = tuple(MILK.model_copy(update={"id": f"milk{number}", "mode": "auto"}) for number in range(4))
PEOPLE = {"anna": Role.OWNER, "olga": Role.OWNER, "ben": Role.MEMBER, "kim": Role.CHILD}


class Crash(BaseException):
    """The process is gone."""


class PowerSwitch:
    """A part of every transaction: cuts the power at the n-th begin or commit from when it is set, if it is set."""

    def __init__(self) -> None:
        self.in_n: int | None = None

    def begin(self, db: apsw.Connection) -> None:
        """Before anything is written."""
        self._count()

    def commit(self, db: apsw.Connection) -> None:
        """When everything is written, and nothing is kept."""
        self._count()

    def _count(self) -> None:
        if self.in_n is None:
            return
        self.in_n -= 1
        if self.in_n < 0:
            self.in_n = None
            raise Crash("a transaction")


@dataclass
class Order:
    """What reached the bridge, and what became of it there."""

    terms: Terms
    state: IntentState
    charged_minor: int | None = None


@dataclass
class Outside:
    """The bridge and the merchant: `news` is what the hub has not heard yet, `copies` counts orders at the merchant."""

    orders: dict[str, Order] = field(default_factory=dict)
    copies: Counter[str] = field(default_factory=Counter)
    news: list[tuple[str, IntentState, int | None]] = field(default_factory=list)
    moves: int = 0

    def take(self, body: bytes) -> None:
        """Accept an intent once."""
        terms = Intent.model_validate_json(body).terms
        self.orders.setdefault(terms.intent_id, Order(terms, IntentState.HELD))

    def move(self, intent: str, state: IntentState, *, charged_minor: int | None = None) -> None:
        """The order's next state, which the hub will hear of."""
        order = self.orders[intent]
        self.moves += 1
        order.state = state
        order.charged_minor = order.charged_minor if charged_minor is None else charged_minor
        if state is IntentState.PLACED:
            self.copies[intent] += 1
        self.news.append((intent, state, charged_minor))


@dataclass(frozen=True)
class Granted:
    """A yes of a mandate that has not been drawn."""

    asked: PromptRecord
    item: Item
    request: DrawRequest


class Life:
    """A hub that can be killed and started again. `armed` is where the next crash happens."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.clock = ManualClock()
        self.key: HouseholdKey = load_or_create(folder)
        self.outside = Outside()
        self.crashes: Counter[str] = Counter()
        self.armed: CrashPoint | None = None
        self.switch = PowerSwitch()
        self.start()
        if self.leave.accounts.account(next(iter(PEOPLE))) is None:  # nobody has lived here before
            for name, role in PEOPLE.items():
                self.leave.accounts.put_account(Account(name, role, "hash"))

    def start(self) -> None:
        """Open the store and wire everything anew."""
        self.connection = Connection(self.folder / "hub.sqlite3", parts=(self.switch,)).open()
        self.orders = Orders(self.connection, crash_hook=self._reach)
        self.mandates = Mandates(self.connection)
        watch = Watch()
        self.leave: LeaveSide = wire_leave(
            Home(household="home-1", hub="hub-1"),
            self.connection,
            clock=self.clock,
            orders=self.orders,
            policies=Policies(self.connection, verify=self.key.verify),
            household=FixedHousehold(Household(items=ITEMS)),
            bridge=ScriptedBridge(),
            merchants=watch,
            safety=watch,
            signer=self.key,
            new_id=lambda: f"{self.random.getrandbits(128):032x}",
            wake=lambda: None,
            crash_hook=self._reach,
        )

        self.hand_over = HandOver(
            home=Home(household="home-1", hub="hub-1"),
            orders=self.orders,
            signer=self.key,
            new_id=lambda: f"{self.random.getrandbits(128):032x}",
            wake=lambda: None,
        )

    def restart(self) -> None:
        """What was not committed is gone."""
        self.connection.close()
        self.start()

    def stop(self) -> None:
        """Close the store."""
        self.connection.close()

    def now(self) -> datetime:
        """The effective time."""
        return self.clock.now()

    def question(self, item: Item, *, packs: int) -> PromptRecord:
        """What would be asked about an item now."""
        now = self.now()
        offer = offer_for(item, price(at=now), propose(packs=packs), preferences=Preferences(), now=now)
        return PromptRecord(
            id=PromptId(f"{self.random.getrandbits(64):016x}"),
            item=ItemId(item.id),
            state=PromptState.OPEN,
            version=1,
            offer=offer,
            terms_hash=terms_hash(offer),
            days_of_cover=5.0,
            order_by=now + timedelta(days=1),
            reasons=(),
            created_at=now,
            changed_at=now,
        )

    def granted(self, item: Item, *, packs: int) -> Granted | None:
        """What a mandate allows now for an item that is low, not handed over yet."""
        asked = self.question(item, packs=packs)
        for mandate in self.mandates.mandate_for(asked.item):
            period = period_of(mandate.terms, self.now())
            usage = self.mandates.usage(mandate.id, period.index)
            outcome = grant(
                mandate, offer=asked.offer, item=asked.item, usage=usage, merchant_class="A", now=self.now()
            )
            if isinstance(outcome, Grant):
                amount = asked.offer.total_max_minor
                return Granted(asked, item, DrawRequest(mandate.id, mandate.version, period.index, amount, "USD"))
        return None

    def give(self, granted: Granted) -> IntentRecord:
        """Hand it over, however long ago it was granted."""
        change = step(granted.asked, PromptEvent.APPROVE, now=self.now(), by=f"mandate:{granted.request.mandate}")
        return self.hand_over.give(change, item=granted.item, by=("anna",), draw=granted.request)

    def first_waiting(self) -> OutboxRow | None:
        """The oldest body in the outbox."""
        return next(iter(self.orders.outbox(limit=1)), None)

    def hear(self, row: OutboxRow) -> None:
        """The bridge's receipt for a body reaches the hub; it says held, however far the order has come since."""
        record = self.record(row.intent)
        waits = record is not None and record.state is IntentState.APPROVED
        change = intents.step(record, IntentState.HELD, at=self.now()) if waits and record is not None else None
        self.orders.record_answer(row, change, taken=True)

    def record(self, intent: str) -> IntentRecord | None:
        """An intent as the hub has it."""
        return self.orders.intent(IntentId(intent))

    def _reach(self, point: CrashPoint) -> None:
        self.crashes[f"reached {point}"] += 1
        if point is self.armed:
            self.armed = None
            self.crashes[point] += 1
            raise Crash(point)
