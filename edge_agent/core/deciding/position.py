"""The inventory position of an item: what is at home and what is on its way, in packs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.core.arrivals import came_packs, coming_share
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import StockEstimate

_SEEN_WITHIN = timedelta(days=1)
_AT_HOME = frozenset({IntentState.PARTLY_DELIVERED, IntentState.DELIVERED})
_SENT = frozenset({IntentState.SHIPPED, IntentState.PARTLY_DELIVERED, IntentState.DELIVERED})


@dataclass(frozen=True, slots=True)
class Position:
    """Packs at home, None where nobody knows, and packs that are coming; none of them is ever negative.

    `cupboard_packs` are the sealed ones among those at home. `on_order_packs` are ordered and not sent yet,
    `in_transit_packs` sent; `elsewhere_packs` are bought elsewhere and not at home yet.
    """

    at_home_packs: float | None
    on_order_packs: float
    in_transit_packs: float = 0.0
    elsewhere_packs: float = 0.0
    cupboard_packs: float = 0.0

    @property
    def packs(self) -> float:
        """At home and coming; what is unknown counts as nothing."""
        return (self.at_home_packs or 0.0) + self.coming_packs

    @property
    def coming_packs(self) -> float:
        """All that is not at home yet."""
        return self.on_order_packs + self.in_transit_packs + self.elsewhere_packs


def inventory_position(
    item: Item, estimate: StockEstimate, *, on_order: float, in_transit: float = 0.0, elsewhere: float = 0.0
) -> Position:
    """The position of `item` with what is on its way, in the item's unit."""
    pack_amount = item.product.pack_amount
    at_home = max(0.0, estimate.amount.value) / pack_amount if estimate.amount is not None else None
    return Position(
        at_home_packs=at_home,
        on_order_packs=max(0.0, on_order) / pack_amount,
        in_transit_packs=max(0.0, in_transit) / pack_amount,
        elsewhere_packs=max(0.0, elsewhere) / pack_amount,
        cupboard_packs=min(max(0.0, estimate.cupboard_packs), at_home or 0.0),
    )


def on_order_amount(intents: Iterable[IntentRecord], *, now: datetime, is_delivered_home: bool = False) -> float:
    """What the intents of one item still add to the stock, in its unit.

    What came of an order is at home, and the rest of it is still to come, so that a late parcel is never bought again.
    Goods that a sensor saw arrive are at home already. Goods that only the merchant calls delivered are too where the
    estimate knows of deliveries (`is_delivered_home`); else they count until the sensor had time to see them, so the
    gap between the two never looks like need.
    """
    return sum(one.amount * _share(one, now=now, is_delivered_home=is_delivered_home) for one in intents)


def in_transit_amount(intents: Iterable[IntentRecord], *, now: datetime, is_delivered_home: bool = False) -> float:
    """The part of `on_order_amount` that the merchant has sent."""
    sent = [intent for intent in intents if intent.state in _SENT]
    return on_order_amount(sent, now=now, is_delivered_home=is_delivered_home)


def _share(intent: IntentRecord, *, now: datetime, is_delivered_home: bool) -> float:
    """The part of an order that is not at home yet, as far as the estimate knows, from 0 to 1."""
    if intent.arrived_at is not None:
        return 0.0
    if is_delivered_home:
        return coming_share(intent)
    came_at = intent.delivered_at or intent.changed_at
    just_came = came_packs(intent) / intent.quantity if now - came_at < _SEEN_WITHIN else 0.0
    return coming_share(intent) + (just_came if intent.state in _AT_HOME else 0.0)
