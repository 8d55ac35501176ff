"""The JSON that hub and bridge exchange, word for word: what one writes the other reads, now and as it was before."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from cloud_bridge.wire import EventPage, OrderEvent, OrderState

AT = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
BEFORE_DELIVERIES_WERE_COUNTED: dict[str, Any] = {
    "seq": 7,
    "intent_id": "i-1",
    "state": "partly_delivered",
    "at": "2026-03-04T10:00:00Z",
    "merchant_order_id": "o-1",
    "total_minor": 858,
    "currency": "USD",
    "detail": None,
    "handoff_url": None,
}
TOLD: dict[str, Any] = {
    "delivered_quantity": 1,
    "returned_quantity": 0,
    "refunded_minor": 100,
    "substitute_sku": "milk-organic-1l",
    "expected_on": "2026-03-09",
    "tracking_url": "https://shop.example/orders/1",
}


def test_an_event_is_written_as_before_where_nothing_more_is_told() -> None:
    """A hub of the last version refuses fields that it does not know."""
    event = OrderEvent(
        seq=7,
        intent_id="i-1",
        state=OrderState.PARTLY_DELIVERED,
        at=AT,
        merchant_order_id="o-1",
        total_minor=858,
        currency="USD",
    )
    assert json.loads(event.model_dump_json()) == BEFORE_DELIVERIES_WERE_COUNTED
    assert OrderEvent.model_validate_json(json.dumps(BEFORE_DELIVERIES_WERE_COUNTED)) == event


def test_what_a_merchant_told_is_written_where_it_is_set() -> None:
    """A zero was told; what is left out was not."""
    golden = json.dumps({"events": [{**BEFORE_DELIVERIES_WERE_COUNTED, **TOLD}], "next_after": 7})
    page = EventPage.model_validate_json(golden)
    assert page.events[0].expected_on == date(2026, 3, 9)
    assert json.loads(page.model_dump_json()) == json.loads(golden)


@pytest.mark.parametrize(
    "wrong",
    [
        {"delivered_quantity": -1},
        {"delivered_quantity": 1.0},
        {"returned_quantity": 10_000},
        {"refunded_minor": "100"},
        {"substitute_sku": "a b"},
        {"expected_on": "soon"},
        {"tracking_url": "javascript:alert(1)"},
        {"tracking_url": "https://shop.example/ 1"},
        {"shipped_quantity": 1},
    ],
)
def test_what_is_no_fact_is_refused(wrong: dict[str, Any]) -> None:
    """Strict on both sides."""
    with pytest.raises(ValidationError):
        OrderEvent.model_validate_json(json.dumps({**BEFORE_DELIVERIES_WERE_COUNTED, **wrong}))
