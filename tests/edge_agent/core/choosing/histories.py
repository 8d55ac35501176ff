"""Orders with one merchant, as they could have gone: made by kind, for examples and for properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from edge_agent.core.choosing.dealing import Dealing
from edge_agent.core.intent import CANCELLED_BY_MERCHANT, IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.order_facts import OrderFacts
from tests.edge_agent.core.deciding.test_position import ORDER

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DUE_D = 2  # days from an order to the day that was agreed to
S = IntentState


def day_of(made: datetime, days: int) -> date:
    """The day so many days after an order."""
    return (made + timedelta(days=days)).date()


def gone(
    number: int = 0,
    *,
    state: IntentState = S.DELIVERED,
    days: int = 1,
    charged: int | None = 500,
    detail: str | None = None,
    packs: int | None = None,
    sku: str | None = None,
    ago_d: int = 40,
) -> Dealing:
    """An order of 5.00 for two packs that ended so many days after it was made; due after two, never above 5.50."""
    made = NOW - timedelta(days=ago_d, minutes=number)
    return Dealing(
        replace(
            ORDER,
            id=IntentId(f"i{number}"),
            state=state,
            created_at=made,
            changed_at=made + timedelta(days=days),
            charged_minor=charged,
            detail=detail,
            facts=OrderFacts(delivered_quantity=packs, substitute_sku=sku),
        ),
        due_on=day_of(made, DUE_D),
        total_max_minor=550,
    )


def came(number: int = 0, *, days: int = 1, charged: int | None = 500) -> Dealing:
    """All of it came after so many days."""
    return gone(number, days=days, charged=charged)


def short(number: int = 0, *, days: int = 1, charged: int | None = 500) -> Dealing:
    """One of two packs came, and that was all."""
    return gone(number, days=days, packs=1, charged=charged)


def swapped(number: int = 0, *, days: int = 1, charged: int | None = 500) -> Dealing:
    """Something else came."""
    return gone(number, days=days, sku="other-1", charged=charged)


def lost(number: int = 0, *, days: int = 30) -> Dealing:
    """It never arrived; given up after so many days."""
    return gone(number, state=S.NEVER_ARRIVED, days=days)


def called_off(number: int = 0) -> Dealing:
    """The merchant took it, and called it off."""
    return gone(number, state=S.CANCELLED, detail=CANCELLED_BY_MERCHANT, charged=None)


def risen(number: int = 0) -> Dealing:
    """Refused, because it had become dearer."""
    return gone(number, state=S.REJECTED, detail="terms_changed", charged=None)


def sold_out(number: int = 0) -> Dealing:
    """Refused, because the merchant had none."""
    return gone(number, state=S.REJECTED, detail="out_of_stock", charged=None)


def paid_back(number: int = 0) -> Dealing:
    """The money came back, and nobody said whether the goods had come."""
    return gone(number, state=S.REFUNDED)


def coming(number: int = 0, *, ago_d: int = 1) -> Dealing:
    """On its way since so many days."""
    return gone(number, state=S.SHIPPED, ago_d=ago_d, days=0)


def taken_back(number: int = 0) -> Dealing:
    """A person cancelled it."""
    return gone(number, state=S.CANCELLED, detail="cancelled_by_household", charged=None)
