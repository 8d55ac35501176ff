"""A hub with its real store, rules and pages, wired as in service, on a clock that only a campaign moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.core.catalogue import Household, Item, Preferences
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.terms import offer_for, terms_hash
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.overview import BridgeStatus, ItemOverview
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import Endorsement, PromptRecord
from edge_agent.core.safety import SafetyProblem
from edge_agent.pipeline.hand_over import Home
from edge_agent.ports import Bridge, Clock, CrashHook, no_crash
from edge_agent.wiring.leave import LeaveSide, wire_leave
from tests.edge_agent.samples import MILK, price, prompt, propose
from tests.edge_agent.web.fakes import HomeInMemory

PASSWORD = "correct horse battery"
PIN = "246813"
ITEMS_MAX = 64


class NoBridge:
    """The bridge is away; nothing in these campaigns sends."""

    def status(self) -> BridgeStatus:
        """Away."""
        return BridgeStatus(reachable=False)


@dataclass(slots=True)
class Kitchen:
    """Fulfils `HouseholdStore`: the last items that a campaign asked about, all of them milk."""

    items: dict[str, Item] = field(default_factory=dict)

    def add(self, name: str) -> Item:
        """Have an item of this name."""
        if name not in self.items:
            self.items[name] = MILK.model_copy(update={"id": name})
        if len(self.items) > ITEMS_MAX:
            del self.items[next(iter(self.items))]
        return self.items[name]

    def load(self) -> Household:
        """The household as it stands."""
        return Household.model_construct(items=tuple(self.items.values()), preferences=Preferences())


@dataclass(slots=True)
class Safe:
    """Fulfils `Safety`: nothing is wrong."""

    def problems(self) -> tuple[SafetyProblem, ...]:
        """None."""
        return ()

    def confirm_clock(self, by: str) -> None:
        """Nothing to do."""

    def accept_bridge(self, by: str) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class Classes:
    """Fulfils `MerchantClasses`."""

    known: dict[str, str] = field(default_factory=lambda: {"grocer": "A", "baker": "B", "corner-shop": "C"})

    def merchant_class(self, merchant: str) -> str | None:
        """What the bridge said."""
        return self.known.get(merchant)


class Shown(HomeInMemory):
    """Fulfils `Overview` with what the real store holds."""

    def __init__(self, clock: Clock, orders: Orders) -> None:
        super().__init__(clock)
        self._orders = orders

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""
        return self._orders.prompt(prompt)

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The order that came of a prompt."""
        return self._orders.intent_of(prompt)

    def endorsements(self, prompt: PromptId) -> Sequence[Endorsement]:
        """Who has agreed so far."""
        return self._orders.endorsements(prompt)

    def item(self, item: ItemId) -> ItemOverview | None:
        """Nothing is known of it here."""
        return None


@dataclass(slots=True)
class LeaveHome:
    """Everything that may give leave, over one store."""

    clock: Clock
    orders: Orders
    leave: LeaveSide
    kitchen: Kitchen
    key: HouseholdKey
    rng: Random
    passwords: Argon2Passwords
    connection: Connection
    overview: Shown

    def ask(self, name: str, *, packs: int = 4, price_minor: int = 129, merchant: str = "grocer") -> PromptRecord:
        """A new prompt for an item of this name, not stored yet."""
        self.kitchen.add(name)
        asked = prompt(f"p-{self.rng.getrandbits(64):016x}", item=name)
        now = self.clock.now()
        cost, wanted = price(unit_price_minor=price_minor, delivery_minor=100, at=now), propose(packs=packs)
        made = replace(
            offer_for(MILK, cost, wanted, preferences=Preferences(), now=now), merchant=merchant, sku=MILK.product.sku
        )
        return replace(
            asked, offer=made, terms_hash=terms_hash(made), created_at=now, changed_at=now, order_by=made.expires_at
        )

    def item(self, name: str) -> Item:
        """The item of this name."""
        return self.kitchen.add(name)


@contextmanager
def furnished(
    path: Path,
    *,
    rng: Random,
    clock: Clock,
    crash_hook: CrashHook = no_crash,
    connect: Callable[[Path], Connection] = Connection,
) -> Iterator[LeaveHome]:
    """A home with a person of each role, who share one password; `path` is the store's file, opened by `connect`."""
    kitchen, passwords = Kitchen(), Argon2Passwords(memory_kib=8, passes=1)
    key = HouseholdKey(
        key=Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)), secret=HouseholdSecret(rng.randbytes(32))
    )
    with connect(path) as connection:
        orders = Orders(connection, crash_hook=crash_hook)
        leave = wire_leave(
            Home(household="home-1", hub="hub-1"),
            connection,
            clock=clock,
            orders=orders,
            policies=Policies(connection, verify=key.verify),
            household=kitchen,
            bridge=cast("Bridge", NoBridge()),
            merchants=Classes(),
            safety=Safe(),
            signer=key,
            new_id=lambda: f"{rng.getrandbits(128):032x}",
            wake=lambda: None,
            crash_hook=crash_hook,
        )
        accounts, hashed = Accounts(connection), passwords.hash(PASSWORD)
        if accounts.account(f"the-{Role.OWNER}") is None:
            for role in Role:
                accounts.put_account(Account(f"the-{role}", role, hashed))
        yield LeaveHome(clock, orders, leave, kitchen, key, rng, passwords, connection, Shown(clock, orders))
