"""The inventory position: at home and on the way, never counted twice, never forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.deciding.position import inventory_position, on_order_amount
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.order_facts import NOTHING_TOLD, OrderFacts
from tests.edge_agent.consumables import MILK, START, stock_estimate

ORDER = IntentRecord(
    id=IntentId("i1"),
    prompt=PromptId("p1"),
    item=ItemId("milk"),
    state=IntentState.PLACED,
    version=1,
    merchant="grocer",
    quantity=2,
    amount=2070.0,
    total_minor=500,
    currency="USD",
    created_at=START,
    changed_at=START,
)


def test_position_is_in_packs() -> None:
    """At home and on order add up, in packs."""
    position = inventory_position(MILK, stock_estimate(MILK, packs=1.5), on_order=2070.0)
    assert (position.at_home_packs, position.on_order_packs, position.packs) == (1.5, 2.0, 3.5)


def test_unknown_stock_is_said_and_counts_as_nothing() -> None:
    """What nobody knows is None, not zero packs."""
    position = inventory_position(MILK, stock_estimate(MILK, packs=None), on_order=1035.0)
    assert (position.at_home_packs, position.packs) == (None, 1.0)


@pytest.mark.parametrize(
    ("state", "coming"),
    [
        (IntentState.APPROVED, True),
        (IntentState.HELD, True),
        (IntentState.UNKNOWN, True),
        (IntentState.PARKED, True),
        (IntentState.SHIPPED, True),
        (IntentState.REJECTED, False),
        (IntentState.CANCELLED, False),
        (IntentState.NEVER_ARRIVED, False),
    ],
)
def test_what_is_on_order(state: IntentState, coming: bool) -> None:
    """Everything that may still arrive counts, an outcome that nobody knows too."""
    assert on_order_amount([replace(ORDER, state=state)], now=START) == (2070.0 if coming else 0.0)


def test_goods_that_a_sensor_saw_are_at_home() -> None:
    """An arrival that the sensor counted is not counted again."""
    assert on_order_amount([replace(ORDER, arrived_at=START)], now=START) == 0.0


@pytest.mark.parametrize(("hours", "amount"), [(1, 2070.0), (23, 2070.0), (25, 0.0)])
def test_delivered_goods_count_until_the_sensor_had_time(hours: float, amount: float) -> None:
    """Between the merchant's word and the sensor's there is no need."""
    delivered = replace(ORDER, state=IntentState.DELIVERED)
    assert on_order_amount([delivered], now=START + timedelta(hours=hours)) == amount


@pytest.mark.parametrize(
    ("state", "delivered", "coming"),
    [
        (IntentState.PLACED, None, 2070.0),
        (IntentState.SHIPPED, 0, 2070.0),
        (IntentState.PARTLY_DELIVERED, 1, 1035.0),
        (IntentState.PARTLY_DELIVERED, None, 2070.0),
        (IntentState.PARTLY_DELIVERED, 2, 0.0),
        (IntentState.DELIVERED, 1, 0.0),
        (IntentState.NEVER_ARRIVED, 1, 0.0),
        (IntentState.RETURNED, 2, 0.0),
    ],
)
def test_what_did_not_come_yet_is_still_on_its_way(state: IntentState, delivered: int | None, coming: float) -> None:
    """The rest of an order is counted until it comes or is given up: a late parcel is not bought again."""
    order = replace(ORDER, state=state, facts=OrderFacts(delivered_quantity=delivered))
    assert on_order_amount([order], now=START, is_delivered_home=True) == coming
    whole = replace(order, state=IntentState.SHIPPED, facts=NOTHING_TOLD)
    assert on_order_amount([order], now=START) <= on_order_amount([whole], now=START), "never more than was ordered"


@pytest.mark.parametrize(
    ("ordered", "delivered", "coming"), [(None, None, 2070.0), (1, None, 1035.0), (1, 1, 0.0), (0, None, 0.0)]
)
def test_packs_that_the_merchant_called_off_are_not_on_their_way(
    ordered: int | None, delivered: int | None, coming: float
) -> None:
    """They never come, so they hide no need; how many there are nobody says counts as all of them."""
    facts = OrderFacts(ordered_quantity=ordered, delivered_quantity=delivered)
    order = replace(ORDER, state=IntentState.SHIPPED, facts=facts)
    assert on_order_amount([order], now=START, is_delivered_home=True) == coming
