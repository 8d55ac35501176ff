"""The part of the composition root that gives leave: people, policy, mandates, approvals, and words afterwards.

Apart from the rest, so that whatever drives a hub without its sockets wires exactly what a household runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.leave_ports import MerchantClasses
from edge_agent.pipeline.afterwards import Afterwards
from edge_agent.pipeline.answer import Answering
from edge_agent.pipeline.draw import Drawing
from edge_agent.pipeline.hand_over import HandOver, Home
from edge_agent.pipeline.mandates import MandateDesk
from edge_agent.pipeline.people import HouseholdPeople, HouseholdPolicies
from edge_agent.ports import NO_TRACING, Bridge, Clock, CrashHook, HouseholdStore, Safety, Signer, Tracing, no_crash


@dataclass(frozen=True, slots=True)
class LeaveSide:
    """Everything through which somebody says yes, no or stop."""

    accounts: Accounts
    answering: Answering
    afterwards: Afterwards
    drawing: Drawing
    mandates: MandateDesk
    people: HouseholdPeople
    policies: HouseholdPolicies


def wire_leave(
    home: Home,
    connection: Connection,
    *,
    clock: Clock,
    orders: Orders,
    policies: Policies,
    household: HouseholdStore,
    bridge: Bridge,
    merchants: MerchantClasses,
    safety: Safety,
    signer: Signer,
    new_id: Callable[[], str],
    wake: Callable[[], None],
    tracing: Tracing = NO_TRACING,
    crash_hook: CrashHook = no_crash,
) -> LeaveSide:
    """Which adapter fulfils which port."""
    accounts = Accounts(connection)
    mandates = Mandates(connection, crash_hook=crash_hook)
    hand_over = HandOver(home=home, orders=orders, signer=signer, new_id=new_id, wake=wake, tracing=tracing)
    afterwards = Afterwards(
        household=home.household,
        clock=clock,
        orders=orders,
        accounts=accounts,
        bridge=bridge,
        signer=signer,
        new_id=new_id,
    )
    return LeaveSide(
        accounts=accounts,
        answering=Answering(
            clock=clock,
            household=household,
            orders=orders,
            accounts=accounts,
            policies=policies,
            hand_over=hand_over,
            afterwards=afterwards,
            crash_hook=crash_hook,
        ),
        afterwards=afterwards,
        drawing=Drawing(
            orders=orders,
            mandates=mandates,
            merchants=merchants,
            signer=signer,
            safety=safety,
            hand_over=hand_over,
        ),
        mandates=MandateDesk(
            home=home,
            clock=clock,
            mandates=mandates,
            accounts=accounts,
            policies=policies,
            signer=signer,
            new_id=new_id,
        ),
        people=HouseholdPeople(accounts),
        policies=HouseholdPolicies(accounts=accounts, policies=policies, signer=signer, clock=clock),
    )
