"""The JSON that hub and bridge exchange, word for word: what one writes the other reads, now and as it was before."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from cloud_bridge.core.leave import canonical
from cloud_bridge.wire import (
    DELIVERY_OPTIONS_MAX,
    DeliveryChoice,
    DeliveryOption,
    EventPage,
    OrderEvent,
    OrderState,
    PriceLine,
    Terms,
)
from edge_agent.core.leave.terms import canonical as hub_canonical

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
    "ordered_quantity": 2,
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


LINE: dict[str, Any] = {
    "sku": "milk-whole-1l",
    "title": "Whole milk 1 L",
    "unit_price_minor": 179,
    "delivery_minor": 500,
    "currency": "USD",
    "available": True,
}
OPTIONS: list[dict[str, Any]] = [
    {"id": "std", "price_minor": 500},
    {
        "id": "store-7/today",
        "kind": "pick_up_point",
        "price_minor": 0,
        "title": "Locker at the station",
        "earliest_on": "2026-03-04",
        "latest_on": "2026-03-05",
        "place": "Central station",
    },
]


def test_ways_of_delivery_are_written_where_there_are_any() -> None:
    """A line without them is word for word what a hub from before reads; one with them holds what was told, no more."""
    bare = PriceLine.model_validate_json(json.dumps(LINE))
    assert json.loads(bare.model_dump_json()) == LINE
    told = PriceLine.model_validate_json(json.dumps({**LINE, "delivery_options": OPTIONS}))
    assert json.loads(told.model_dump_json()) == {**LINE, "delivery_options": OPTIONS}
    assert told.delivery_options[1].choice == DeliveryChoice(id="store-7/today", kind="pick_up_point")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "a b"},
        {"id": "x" * 129},
        {"id": "\u00fc"},
        {"kind": "drone"},
        {"price_minor": -1},
        {"title": "a\nb"},
        {"place": ""},
        {"latest_on": "soon"},
    ],
)
def test_a_way_of_delivery_that_cannot_be_shown_and_signed_is_refused(wrong: dict[str, Any]) -> None:
    """Its name is plain ASCII, its words are one line, its kind one of the five."""
    with pytest.raises(ValidationError):
        DeliveryOption.model_validate_json(json.dumps({**OPTIONS[1], **wrong}))


def test_a_line_has_so_many_ways_and_no_more() -> None:
    """A list is bounded."""
    ways = [{"id": f"way-{n}", "price_minor": n} for n in range(DELIVERY_OPTIONS_MAX + 1)]
    assert PriceLine.model_validate_json(json.dumps({**LINE, "delivery_options": ways[1:]})).delivery_options
    with pytest.raises(ValidationError):
        PriceLine.model_validate_json(json.dumps({**LINE, "delivery_options": ways}))


# As a hub wrote them, and the bytes that it signed, before ways of delivery were known.
TERMS_AS_WRITTEN = (
    '{"version":2,"intent_id":"i-1","household":"our-home","hub":"hub","merchant":"grocer","sku":"milk-whole-1l",'
    '"quantity":2,"unit_price_minor":179,"delivery_minor":500,"total_minor":858,"total_max_minor":900,'
    '"currency":"USD","delivery_ref":"home",'
    '"customer_ref":"abababababababababababababababababababababababababababababababab",'
    '"deliver_by":"2026-03-09","offer_expires_at":"2026-03-07T10:00:00Z",'
    '"nonce":"efefefefefefefefefefefefefefefef","hold_s":120,"leave":"approval",'
    '"consent_hash":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","handover":7}'
)
TERMS_AS_SIGNED = (
    b'{"consent_hash":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","currency":"USD",'
    b'"customer_ref":"abababababababababababababababababababababababababababababababab",'
    b'"deliver_by":"2026-03-09","delivery_minor":500,"delivery_ref":"home","handover":7,"hold_s":120,'
    b'"household":"our-home","hub":"hub","intent_id":"i-1","leave":"approval","merchant":"grocer",'
    b'"nonce":"efefefefefefefefefefefefefefefef","offer_expires_at":"2026-03-07T10:00:00Z","quantity":2,'
    b'"sku":"milk-whole-1l","total_max_minor":900,"total_minor":858,"unit_price_minor":179,"version":2}'
)


def test_terms_that_were_signed_before_are_the_same_bytes() -> None:
    """An order that lies in an outbox or a store is signed by what it was signed by then, on both sides."""
    terms = Terms.model_validate_json(TERMS_AS_WRITTEN)
    assert terms.model_dump_json() == TERMS_AS_WRITTEN
    assert canonical(terms) == hub_canonical(terms) == TERMS_AS_SIGNED


@pytest.mark.parametrize(
    ("agreed", "signed"),
    [
        ({"id": "std"}, b'"delivery_option":{"id":"std"}'),
        ({"id": "std", "kind": "standard"}, b'"delivery_option":{"id":"std","kind":"standard"}'),
    ],
)
def test_the_way_that_was_agreed_to_is_in_what_is_signed(agreed: dict[str, str], signed: bytes) -> None:
    """Its name, and its kind where the merchant tells one."""
    terms = Terms.model_validate_json(json.dumps({**json.loads(TERMS_AS_WRITTEN), "delivery_option": agreed}))
    with_way = TERMS_AS_SIGNED.replace(b',"delivery_ref"', b"," + signed + b',"delivery_ref"')
    assert canonical(terms) == hub_canonical(terms) == with_way
