"""By which of a merchant's ways of delivery a pack may come, and how long each takes.

Whatever is brought to the door is accepted, but for what comes at once: somebody must be there. That, and what a person
must fetch, is only used where the household has said so of that merchant. A way whose kind nobody tells counts as one
to the door, since it is what the merchant would be left to choose.
"""

from __future__ import annotations

from dataclasses import replace

from edge_agent.core.catalogue import ON_REQUEST, DeliveryKind, Preferences
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.messages import Delivery, Price

_TO_BE_FETCHED: tuple[DeliveryKind, ...] = ("pick_up_point", "nearest_store")
_WITHIN_D: dict[DeliveryKind, float] = {"instant": 0.0, "same_day": 1.0}


def is_accepted(kind: DeliveryKind | None, *, merchant: str, preferences: Preferences) -> bool:
    """Whether the household lets goods of this merchant come by a way of this kind."""
    return kind not in ON_REQUEST or kind in preferences.said_of(merchant).accepts


def ways(price: Price, *, preferences: Preferences, is_compared: bool) -> tuple[Price, ...]:
    """The price by each way that may be used, the cheapest first; as it is where the merchant names no ways.

    Where they are not compared: by the cheapest one to the door, which is what the merchant would choose, or the
    cheapest at all where none comes to the door. Empty: the merchant offers ways, and none is accepted.
    """
    if not price.deliveries:
        return (price,)
    accepted = [
        each
        for each in sorted(price.deliveries, key=lambda one: (one.price_minor, one.id, one.kind or ""))
        if is_accepted(each.kind, merchant=price.merchant, preferences=preferences)
    ]
    if not is_compared:
        to_the_door = [each for each in accepted if each.kind not in _TO_BE_FETCHED]
        accepted = (to_the_door or accepted)[:1]
    return tuple(price.by(each) for each in accepted)


def lead_by(way: Delivery | None, price: Price, *, learned: LeadTime) -> LeadTime:
    """How long an order takes by this way, at a merchant whose orders took as `learned`.

    What the merchant promises counts, until the last day of it, and is as unsure as its orders have been. Where it
    promises nothing, the kind says what is meant by it, and else its orders do.
    """
    if way is None:
        return learned
    if way.latest_on is not None:
        promised_d = float(max(0, (way.latest_on - price.fetched_at.date()).days))
        return replace(learned, mean_d=promised_d)
    if way.kind in _WITHIN_D:
        return replace(learned, mean_d=_WITHIN_D[way.kind])
    return learned


def co2e_g(price: Price, *, preferences: Preferences) -> int | None:
    """What a parcel emits that comes this way, in grams, as the household typed it; None: it has not.

    What was typed for the merchant and kind counts, then for the merchant, then what any delivery to the door emits.
    """
    kind = None if price.delivery is None else price.delivery.kind
    typed = {each.kind: each.grams for each in preferences.said_of(price.merchant).co2e}
    general = None if kind in _TO_BE_FETCHED else preferences.delivery_co2e_g
    return typed.get(kind, typed.get(None, general))
