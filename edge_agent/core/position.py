"""The inventory position of an item: what is at home and what is on its way, in packs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import ON_ORDER, IntentRecord, IntentState
from edge_agent.core.messages import StockEstimate

_SEEN_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Position:
    """Packs at home, None where nobody knows, and packs on order."""

    at_home_packs: float | None
    on_order_packs: float

    @property
    def packs(self) -> float:
        """At home and on order; what is unknown counts as nothing."""
        return (self.at_home_packs or 0.0) + self.on_order_packs


def inventory_position(item: Item, estimate: StockEstimate, *, on_order: float) -> Position:
    """The position of `item` with `on_order` in the item's unit on its way."""
    pack_amount = item.product.pack_amount
    at_home = estimate.amount.value / pack_amount if estimate.amount is not None else None
    return Position(at_home_packs=at_home, on_order_packs=max(0.0, on_order) / pack_amount)


def on_order_amount(intents: Iterable[IntentRecord], *, now: datetime) -> float:
    """What the intents of one item still add to the stock, in its unit.

    Goods that a sensor saw arrive are at home already. Goods that only the merchant calls delivered count until the
    sensor had time to see them, so the gap between the two never looks like need.
    """
    return sum(intent.amount for intent in intents if _is_coming(intent, now=now))


def _is_coming(intent: IntentRecord, *, now: datetime) -> bool:
    if intent.arrived_at is not None:
        return False
    just_delivered = intent.state is IntentState.DELIVERED and now - intent.changed_at < _SEEN_WITHIN
    return intent.state in ON_ORDER or just_delivered
