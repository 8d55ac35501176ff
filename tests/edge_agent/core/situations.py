"""Situations for tests of what decides: milk in a fridge, unless told otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from math import sqrt
from statistics import NormalDist

from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.deciding.back_off import Quiet
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.position import inventory_position
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.messages import Batch, Forecast, ItemId, Price, StockEstimate
from tests.edge_agent.consumables import MILK, START, stock_estimate

USUAL = Preferences()
_QUANTILES = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
_HORIZONS_D = (1, 2, 4, 7, 14, 28)


def forecast_of(stock: StockEstimate, *, rate: float) -> Forecast:
    """Demand at a rate in packs a day that is known to two fifths: gamma quantiles, whatever the built-in rule is."""
    rows = []
    for days in _HORIZONS_D:
        mean = max(rate * days, 1e-9)
        shape = mean**2 / (0.5 * mean + (0.4 * mean) ** 2)
        roots = (1 - 1 / (9 * shape) + NormalDist().inv_cdf(level) / (3 * sqrt(shape)) for level in _QUANTILES)
        rows.append(tuple(mean * max(0.0, root) ** 3 for root in roots))
    empty = tuple(30.0 + place for place in range(len(_QUANTILES)))
    return Forecast(stock.item, stock.as_of, _QUANTILES, _HORIZONS_D, tuple(rows), empty, "test")


def listed(item: Item, *, unit_price_minor: int = 129, delivery_minor: int = 0, currency: str = "USD") -> Price:
    """A price list line of an item's product."""
    product = item.product
    return Price(
        ItemId(item.id), product.merchant, product.sku, unit_price_minor, delivery_minor, currency, True, START
    )  # fmt: skip


def situation(
    item: Item = MILK,
    *,
    packs: float | None = 1.0,
    on_order_packs: float = 0.0,
    rate: float = 0.8,
    trust: float = 0.95,
    spoils: tuple[tuple[float, int], ...] = (),
    best_before_d: float | None = None,
    opened_for_d: float | None = None,
    price: Price | None = None,
    preferences: Preferences = USUAL,
    presence: Presence | None = None,
    lead_time: LeadTime | None = None,
    quiet: Quiet | None = None,
    budget_left_minor: int | None = None,
    substitute: Product | None = None,
    now: datetime = START,
    **changes: object,
) -> Situation:
    """An item with so many packs at home and a month of steady use; `spoils` are packs and days until they do.

    `changes` are fields of the item.
    """
    item = item.model_copy(update={"best_before_d": best_before_d, "opened_for_d": opened_for_d, **changes})
    pack = item.product.pack_amount
    stock = stock_estimate(item, packs=packs, use_packs=[rate] * 30, trust=trust)
    batches = tuple(Batch(part * pack, START.date() + timedelta(days=days), opened=False) for part, days in spoils)
    stock = replace(stock, spoils=batches)
    return Situation(
        item=item,
        estimate=stock,
        forecast=forecast_of(stock, rate=rate),
        position=inventory_position(item, stock, on_order=on_order_packs * pack),
        price=price or listed(item),
        preferences=preferences,
        now=now,
        lead_time=lead_time or LeadTime(float(preferences.lead_time_d)),
        presence=presence or Presence(preferences),
        quiet=quiet,
        budget_left_minor=budget_left_minor,
        substitute=substitute,
    )
