"""How many packs of an order came and went back, what they add to the stock, what is still to come, and by which day.

    the order says                               came
    how many were delivered                      so many, never more than were ordered
    delivered, or returned, and no number        all of it
    anything else                                none that is known

A substitute that was sent adds what its own pack holds, where it is one that the item may be bought as; what another
product holds nobody knows, so it adds nothing, and somebody has to count.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import ON_ORDER, IntentRecord, IntentState
from edge_agent.core.prompt import PromptRecord

_CAME = frozenset({IntentState.DELIVERED, IntentState.RETURNED})


def came_packs(order: IntentRecord) -> int:
    """Packs of what was ordered that came, those that went back again included."""
    told = order.facts.delivered_quantity
    if told is None:
        return order.quantity if order.state in _CAME else 0
    return min(told, order.quantity)


def back_packs(order: IntentRecord) -> int:
    """Packs that went back to the merchant, of those that came."""
    told = order.facts.returned_quantity
    if told is None:
        return came_packs(order) if order.state is IntentState.RETURNED else 0
    return min(told, came_packs(order))


def came_at(order: IntentRecord) -> datetime | None:
    """When the last of it came, by the word of the merchant or a person; None where that was not said, or not all came.

    What a sensor saw is `order.arrived_at`: it is in use then, which may be days after it was brought.
    """
    if order.state is IntentState.DELIVERED:
        return order.delivered_at or order.changed_at
    return order.delivered_at if came_packs(order) == order.quantity else None


def agreed_on(order: IntentRecord, prompt: PromptRecord | None) -> date | None:
    """The day that was agreed to: that of the offer, later by the days for which the question had stood.

    None where the offer is not known, or what it asked for goes on a list, which brings nothing.
    """
    if prompt is None or prompt.offer.is_listed:
        return None
    stood = order.created_at - prompt.created_at
    return prompt.offer.deliver_by + timedelta(days=max(0, stood.days))


def pack_amount(order: IntentRecord, item: Item) -> float | None:
    """What a pack of the order adds to the stock, in the item's unit; None where nobody knows."""
    sku = order.facts.substitute_sku
    if sku is None:
        return order.amount / order.quantity
    sent = [one for one in item.products if (one.merchant, one.sku) == (order.merchant, sku)]
    return sent[0].pack_amount if sent else None


def is_to_be_counted(order: IntentRecord, item: Item) -> bool:
    """Whether something else came than was ordered, and nobody knows how much that is."""
    return came_packs(order) > back_packs(order) and pack_amount(order, item) is None


def coming_share(order: IntentRecord) -> float:
    """The part of an order that is still on its way, from 0 to 1: packs that the merchant cancelled never come."""
    if order.state not in ON_ORDER:
        return 0.0
    told = order.facts.ordered_quantity
    still = order.quantity if told is None else min(told, order.quantity)
    return max(0, still - came_packs(order)) / order.quantity
