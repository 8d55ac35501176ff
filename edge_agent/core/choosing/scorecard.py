"""How far a merchant can be relied on to send all of it, by the home's own orders; its lead time says how fast."""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.core.deciding.lead_time import ORDERS_MAX
from edge_agent.core.intent import IntentRecord, IntentState

_WHOLE = frozenset({IntentState.DELIVERED})
_NOT_WHOLE = frozenset({IntentState.PARTLY_DELIVERED, IntentState.NEVER_ARRIVED})
_PRIOR_ORDERS = 3.0  # taken to have come whole, so that one order that did not says little


def share_whole(orders: Iterable[IntentRecord], *, merchant: str) -> float:
    """The share of a merchant's orders that came whole. `orders` are newest first, those of others are passed over."""
    ended = [one.state for one in orders if one.merchant == merchant and one.state in _WHOLE | _NOT_WHOLE][:ORDERS_MAX]
    whole = sum(state in _WHOLE for state in ended)
    return (whole + _PRIOR_ORDERS) / (len(ended) + _PRIOR_ORDERS)
