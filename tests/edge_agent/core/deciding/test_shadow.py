"""What shadow would have done, held against what the household did: no more is claimed than the sensor saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from edge_agent.core.deciding.shadow import ShadowOrder, coming_amount, follow, report, would_order
from edge_agent.core.messages import ItemId, Propose, Refill, StockEstimate
from tests.edge_agent.consumables import MILK, START, stock_estimate
from tests.edge_agent.core.test_decide import price

PACK = MILK.product.pack_amount
PROPOSED = Propose(ItemId("milk"), packs=4, order_by=START, days_of_cover=6.0, reasons=())
MADE = would_order(MILK, PROPOSED, price(MILK), lead_d=2.0, now=START)


def seen(at_d: float, *, packs: float, refilled_at_d: float | None = None) -> tuple[StockEstimate, datetime]:
    """What the sensor shows so many days later."""
    now = START + timedelta(days=at_d)
    stock = stock_estimate(MILK, packs=packs, at=now)
    if refilled_at_d is None:
        return stock, now
    refill = Refill(at=START + timedelta(days=refilled_at_d), amount=3 * PACK)
    return replace(stock, refills=(refill,)), now


def after(*looks: tuple[StockEstimate, datetime]) -> ShadowOrder:
    """The order after some looks."""
    order = MADE
    for stock, now in looks:
        order = follow(order, MILK, stock, now=now)
    return order


def test_what_it_would_have_cost() -> None:
    """Packs, money, and when it would have been there; it counts as on its way."""
    assert (MADE.packs, MADE.total_minor, MADE.due_at) == (4, 516, START + timedelta(days=2))
    assert coming_amount([MADE]) == 4 * PACK


def test_days_without_it_are_counted_once_it_would_have_been_there() -> None:
    """An empty shelf before that could not have been helped; each day counts once."""
    order = after(seen(1.0, packs=0.0), seen(2.5, packs=0.0), seen(2.9, packs=0.0), seen(3.5, packs=0.01))
    assert len(order.empty_on) == 2


def test_the_households_own_purchase_ends_it() -> None:
    """Bought in time by themselves: nothing was avoided; bought before it would have come: one order too many."""
    in_time, before = after(seen(3.0, packs=3.0, refilled_at_d=2.5)), after(seen(3.0, packs=3.0, refilled_at_d=1.0))
    assert (in_time.is_double, before.is_double) == (False, True)
    assert coming_amount([in_time, before]) == 0.0
    assert follow(before, MILK, *seen(9.0, packs=0.0)[:1], now=START + timedelta(days=9)) == before


def test_the_report_of_two_months() -> None:
    """Orders, packs, money, days avoided and doubles; what is older is not told."""
    avoided = after(seen(2.5, packs=0.0), seen(3.5, packs=0.0), seen(4.0, packs=3.0, refilled_at_d=3.9))
    old = replace(MADE, at=START - timedelta(days=80))
    found = report([avoided, old], now=START + timedelta(days=5))
    assert found is not None
    assert (found.orders, found.packs, found.total_minor, found.avoided_days, found.doubles) == (1, 4, 516, 2, 0)
    assert report([old], now=START) is None
