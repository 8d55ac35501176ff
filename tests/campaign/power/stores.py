"""The hub's stores on one connection, opened as the hub opens them, with a clock that only the scenario moves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Self

from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.chain import Chain, ChainSeal
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.trust import HighWater, high_water
from tests.campaign.power.books import Books
from tests.edge_agent.clock import ManualClock

OPENING = "opening"

_SECRET = HouseholdSecret(b"s" * 32)


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that writes to the hub's store. `adapters.store.opening` puts the same parts together."""

    clock: ManualClock
    connection: Connection
    chain: Chain
    orders: Orders
    mandates: Mandates
    policies: Policies
    readings: SqliteReadings
    accounts: Accounts
    egress: EgressLedger

    @classmethod
    def at(cls, path: Path) -> Self:
        """The stores of a file that is not open yet."""
        clock = ManualClock()
        connection = Connection(path, parts=(ChainSeal(_SECRET), HighWater(clock.now, speed=1.0)))
        return cls(
            clock=clock,
            connection=connection,
            chain=Chain(connection, secret=_SECRET),
            orders=Orders(connection),
            mandates=Mandates(connection),
            policies=Policies(connection, verify=lambda _message, _signature: True),
            readings=SqliteReadings(connection),
            accounts=Accounts(connection),
            egress=EgressLedger(connection, clock=clock),
        )

    def open(self) -> str:
        """Open, migrate, go on from the greatest time that was reached, as the hub does before all else."""
        self.connection.open()
        reached = high_water(self.connection.db) or self.clock.now()
        self.clock.advance(seconds=max(0.0, (reached - self.clock.now()).total_seconds()))
        return OPENING


@dataclass(frozen=True, slots=True)
class Scene:
    """What an act needs: the stores, the seed's generator, and the books for what was promised."""

    stores: Stores
    rng: Random
    books: Books
