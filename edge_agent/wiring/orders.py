"""The part of the composition root that sends orders: what keeps them, what takes them out, and what may stop them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.adapters.store.prices_elsewhere import SqlitePricesElsewhere
from edge_agent.adapters.store.set_aside import standing
from edge_agent.config import HubConfig
from edge_agent.folder import data_folder
from edge_agent.pipeline.guard import Guard
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.pipeline.restore import Restore
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.ports import CrashHook, Tracing


@dataclass(frozen=True, slots=True)
class Gate:
    """The one way out of the home, the account that it keeps, and the key that signs what leaves."""

    egress: Egress
    ledger: EgressLedger
    key: HouseholdKey


@dataclass(frozen=True, slots=True)
class OrdersSide:
    """Everything between an approval and the bridge, both ways."""

    orders: Orders
    merchants: Merchants
    policies: Policies
    bridge: BridgeClient
    status: StatusRecorder
    prices: PriceKeeper
    elsewhere: SqlitePricesElsewhere
    restore: Restore
    guard: Guard


def wire_orders(
    config: HubConfig,
    store: OpenStore,
    *,
    gate: Gate,
    household: HouseholdFile,
    tracing: Tracing,
    crash_hook: CrashHook,
) -> OrdersSide:
    """Which adapter fulfils which port."""
    connection, clock = store.connection, store.clock
    orders, merchants = Orders(connection, crash_hook=crash_hook), Merchants(connection)
    policies = Policies(connection, verify=gate.key.verify)
    bridge = BridgeClient(
        egress=gate.egress,
        orders=orders,
        merchants=merchants,
        clock=clock,
        hear_time=clock.compare,
        is_chosen=config.bridge.is_chosen,
        crash_hook=crash_hook,
        tracing=tracing,
    )
    status = StatusRecorder(bridge=bridge, orders=orders)
    restore = Restore(
        hub=config.home.hub,
        bridge=bridge,
        handovers=SqliteHandovers(connection),
        mandates=Mandates(connection),
        household=household,
        status=status,
        clock=clock,
    )
    guard = Guard(
        chain=store.chain,
        clock=clock,
        outgoing=orders,
        policies=policies,
        restore=restore,
        verify=gate.key.verify,
        store_failure=lambda: connection.failure,
        standing=standing(data_folder(config)),
    )
    prices = PriceKeeper(
        bridge=bridge,
        orders=orders,
        household=household,
        clock=clock,
        every_s=config.bridge.prices_every_s,
        elsewhere=(elsewhere := SqlitePricesElsewhere(connection)),
        chance=random.SystemRandom().random,
    )
    return OrdersSide(orders, merchants, policies, bridge, status, prices, elsewhere, restore, guard)
