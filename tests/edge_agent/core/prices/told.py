"""Prices as a merchant told them, one a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from edge_agent.core.messages import ItemId, Pack, Price

TODAY = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


def told(
    minor: int,
    *,
    days_ago: float = 0,
    amount: float = 500.0,
    unit: str = "g",
    title: str = "Coffee beans",
    merchant: str = "grocer",
    sku: str = "coffee-1",
    currency: str = "EUR",
    available: bool = True,
    was: int | None = None,
    gtin14: str | None = None,
) -> Price:
    """One price of a pack of coffee."""
    return Price(
        item=ItemId("coffee"),
        merchant=merchant,
        sku=sku,
        unit_price_minor=minor,
        delivery_minor=299,
        currency=currency,
        available=available,
        fetched_at=TODAY - timedelta(days=days_ago),
        list_price_minor=was,
        pack=Pack(title, amount, unit, gtin14),
    )


def daily(minor: Sequence[int], **changes: object) -> list[Price]:
    """Prices of the days before today, the newest one first."""
    return [told(price, days_ago=1 + place, **changes) for place, price in enumerate(minor)]  # type: ignore[arg-type]
