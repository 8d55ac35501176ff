"""What a merchant offers for one product, and whether it still is what the household agreed to. Minor units."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_bridge.core.order import Detail
from cloud_bridge.wire import Terms


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask a merchant for; `delivery_ref` names an address that the merchant's configuration holds."""

    sku: str
    quantity: int
    delivery_ref: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced session at the merchant. The connector has checked that the parts make the total.

    `delivery_minor` is everything that is not goods: delivery, tax and fees, less discounts.
    """

    session_id: str
    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    delivery_minor: int
    total_minor: int
    currency: str


def broken_term(quote: Quote, terms: Terms) -> Detail | None:
    """Why this quote may not be paid under these terms, or None.

    A dearer unit or delivery is fine under the ceiling, which holds the household's tolerance; nothing else may differ.
    """
    same = (quote.sku, quote.quantity, quote.currency) == (terms.sku, terms.quantity, terms.currency)
    if not same or quote.total_minor > terms.total_max_minor:
        return Detail.TERMS_CHANGED
    return None
