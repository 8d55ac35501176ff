"""How an ACP order is followed: counts, refunds, promised days and places to look, each told or unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cloud_bridge.core.outcome import Followed, Progress
from cloud_bridge.merchants.acp_orders import Order, followed

ORIGIN = "https://shop.example"
PREPARING, SHIPPED, PARTLY, DELIVERED = (
    Progress.PREPARING,
    Progress.SHIPPED,
    Progress.PARTLY_DELIVERED,
    Progress.DELIVERED,
)


def _told(**members: Any) -> Followed:  # noqa: ANN401  whatever JSON holds
    return followed(Order.model_validate({"id": "ord_1", **members}), origin=ORIGIN)


def _lines(ordered: int, current: int | None = None, fulfilled: int = 0) -> list[dict[str, Any]]:
    quantity = {"ordered": ordered, "current": ordered if current is None else current, "fulfilled": fulfilled}
    return [{"id": "li_1", "title": "Milk", "quantity": quantity}]


def _parcel(status: str, quantity: int | None = None, **more: object) -> dict[str, Any]:
    lines = {} if quantity is None else {"line_items": [{"id": "li_1", "quantity": quantity}]}
    return {"id": "f", "type": "shipping", "status": status, **lines, **more}


def _changed(kind: str, *, status: str = "completed", **more: object) -> dict[str, Any]:
    return {"id": "a", "type": kind, "occurred_at": "2026-03-01T00:00:00Z", "status": status, **more}


@pytest.mark.parametrize(
    ("members", "progress", "ordered", "delivered"),
    [
        ({}, PREPARING, None, None),
        ({"status": "manual_review"}, PREPARING, None, None),
        ({"status": "a word of tomorrow"}, PREPARING, None, None),
        ({"status": "shipped"}, SHIPPED, None, None),
        ({"status": "completed"}, DELIVERED, None, None),
        ({"status": "completed", "line_items": _lines(3)}, DELIVERED, 3, 3),
        ({"status": "canceled", "line_items": _lines(3, 0)}, Progress.CANCELLED, 0, None),
        ({"line_items": _lines(3, 0)}, Progress.CANCELLED, 0, None),
        ({"line_items": _lines(3)}, PREPARING, 3, None),
        ({"line_items": _lines(3, fulfilled=3)}, SHIPPED, 3, None),
        ({"line_items": _lines(3), "fulfillments": [_parcel("in_transit", 3)]}, SHIPPED, 3, 0),
        ({"line_items": _lines(3), "fulfillments": [_parcel("failed", 3)]}, PREPARING, 3, 0),
        ({"line_items": _lines(3), "fulfillments": [_parcel("delivered", 3)]}, DELIVERED, 3, 3),
        ({"line_items": _lines(3), "fulfillments": [_parcel("delivered", 1)]}, PARTLY, 3, 1),
        ({"line_items": _lines(3), "fulfillments": [_parcel("delivered", 1), _parcel("pending", 2)]}, PARTLY, 3, 1),
        ({"line_items": _lines(3, 1), "fulfillments": [_parcel("delivered", 1)]}, DELIVERED, 1, 1),
        ({"fulfillments": [_parcel("delivered")]}, DELIVERED, None, None),
        ({"line_items": _lines(3), "fulfillments": [_parcel("delivered")]}, DELIVERED, 3, 3),
        ({"line_items": _lines(3), "fulfillments": [_parcel("delivered"), _parcel("pending")]}, PARTLY, 3, None),
        ({"fulfillments": [_parcel("", events=[{"id": "e", "type": "delivered"}])]}, DELIVERED, None, None),
        ({"fulfillments": [_parcel("", events=[{"id": "e", "type": "in_transit"}])]}, SHIPPED, None, 0),
    ],
)
def test_what_arrived_is_what_was_delivered(
    members: dict[str, Any], progress: Progress, ordered: int | None, delivered: int | None
) -> None:
    """Fulfilled is on its way; a part is a part; a word that we do not know says nothing."""
    told = _told(**members)
    assert (told.progress, told.ordered, told.delivered) == (progress, ordered, delivered)


@pytest.mark.parametrize(
    ("adjustments", "current", "ordered", "returned"),
    [
        ([_changed("return", line_items=[{"id": "li_1", "quantity": 1}])], 2, 3, 1),
        ([_changed("return", line_items=[{"id": "li_1", "quantity": 1}])], 3, 3, 1),
        ([_changed("return", status="pending", line_items=[{"id": "li_1", "quantity": 1}])], 3, 3, 0),
        ([_changed("cancellation", line_items=[{"id": "li_1", "quantity": 2}])], 1, 1, 0),
        ([], 2, 2, 0),
    ],
)
def test_a_return_is_no_cancellation(adjustments: list[object], current: int, ordered: int, returned: int) -> None:
    """Whether the merchant takes what went back off the order or leaves it there."""
    told = _told(status="completed", line_items=_lines(3, current), adjustments=adjustments)
    assert (told.ordered, told.returned) == (ordered, returned)


@pytest.mark.parametrize(
    ("members", "refunded", "progress"),
    [
        ({}, None, DELIVERED),
        ({"adjustments": []}, 0, DELIVERED),
        ({"adjustments": [_changed("refund", amount=100), _changed("refund", amount=-50)]}, 150, DELIVERED),
        ({"adjustments": [_changed("refund", amount=100, status="pending")]}, 0, DELIVERED),
        ({"adjustments": [_changed("credit", amount=100)]}, 0, DELIVERED),
        ({"totals": [{"type": "total", "amount": 858}, {"type": "amount_refunded", "amount": 200}]}, 200, DELIVERED),
        (
            {"totals": [{"type": "total", "amount": 858}, {"type": "amount_refunded", "amount": 858}]},
            858,
            Progress.REFUNDED,
        ),
        ({"adjustments": [_changed("return", line_items=[{"id": "li_1", "quantity": 2}])]}, 0, Progress.RETURNED),
    ],
)
def test_what_was_paid_back_is_what_is_completed(
    members: dict[str, Any], refunded: int | None, progress: Progress
) -> None:
    """Not what is pending, and no store credit; nothing told is unknown, and never zero."""
    told = _told(status="completed", line_items=_lines(2), **members)
    assert (told.refunded_minor, told.progress) == (refunded, progress)


def test_the_last_day_that_is_promised_is_the_day() -> None:
    """The order's own promise, or the latest of what is still to come; what is no time says nothing."""
    promised = {"earliest": "2026-03-02T08:00:00Z", "latest": "2026-03-04T20:00:00+01:00"}
    later = {"earliest": "2026-03-06T08:00:00Z", "latest": "2026-03-07T08:00:00Z"}
    parcels = [_parcel("pending", estimated_delivery=promised), _parcel("pending", estimated_delivery=later)]
    assert _told(estimated_delivery=promised, fulfillments=parcels).expected_on == date(2026, 3, 4)
    assert _told(fulfillments=parcels).expected_on == date(2026, 3, 7)
    assert _told(fulfillments=[_parcel("delivered", estimated_delivery=later)]).expected_on is None
    assert _told(estimated_delivery={"latest": "soon"}).expected_on is None


def test_a_place_to_look_is_the_parcels_page_or_the_orders() -> None:
    """Where neither may be shown to a person there is none."""
    page, parcel = f"{ORIGIN}/orders/1", _parcel("shipped", tracking_url="https://carrier.example/1")
    bare = _parcel("shipped", tracking_url="http://carrier.example/1")
    assert _told(fulfillments=[parcel], permalink_url=page).tracking_url == "https://carrier.example/1"
    assert _told(fulfillments=[bare], permalink_url=page).tracking_url == page
    assert _told(fulfillments=[bare], permalink_url="http://shop.example/1").tracking_url is None
    own = _parcel("shipped", tracking_url=f"{ORIGIN}/track/1")
    assert _told(fulfillments=[own], permalink_url=page).tracking_url == f"{ORIGIN}/track/1"
