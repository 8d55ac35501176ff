"""The report counts what was bought, by month at home, and nothing that was undone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.report import first_month, report

TODAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def order(
    days_ago: float, *, state: IntentState = IntentState.DELIVERED, charged: int | None = 500, shop: str = "a"
) -> IntentRecord:
    """One order of 600 that was charged with 500."""
    at = NOON - timedelta(days=days_ago)
    return IntentRecord(
        id=IntentId(f"i{days_ago}{shop}{state}"),
        prompt=PromptId("p"),
        item=ItemId("milk"),
        state=state,
        version=1,
        merchant=shop,
        quantity=1,
        amount=1.0,
        total_minor=600,
        currency="EUR",
        created_at=at,
        changed_at=at,
        charged_minor=charged,
    )


def test_months_hold_what_was_charged_or_else_agreed_to() -> None:
    """Newest first; what was undone, or is older than twelve months, is in none."""
    orders = [
        order(0),
        order(0.1, charged=None),
        order(1, shop="b"),
        order(15),
        order(500),
        order(2, state=IntentState.REFUNDED),
        order(3, state=IntentState.REJECTED),
        order(4, state=IntentState.HELD),
    ]
    found = report(orders, spoiled=(), shadows={}, today=TODAY, day_of=lambda at: at.date())
    march, february = found.months
    assert (march.month, march.orders, march.spent_minor, march.agreed_only) == (date(2026, 3, 1), 3, 1_600, 1)
    assert (february.month, february.orders, february.spent_minor) == (date(2026, 2, 1), 1, 500)
    assert (found.undone, found.joined, found.saved_deliveries) == (1, 2, 1)


def test_the_day_is_the_one_at_home() -> None:
    """An order late in the evening of the last day belongs to that month."""
    late = order(9.52)  # 28 February, 23:31 UTC
    found = report([late], spoiled=(), shadows={}, today=TODAY, day_of=lambda at: (at + timedelta(hours=1)).date())
    assert [row.month for row in found.months] == [date(2026, 3, 1)]


def test_the_report_begins_with_a_month() -> None:
    """Twelve of them, this one counted."""
    assert first_month(date(2026, 3, 10)) == date(2025, 4, 1)
    assert first_month(date(2025, 12, 31)) == date(2025, 1, 1)
