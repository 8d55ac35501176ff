"""An order that is still held is taken back by this hub itself, when its goods were bought elsewhere meanwhile.

Three things must hold: the order has not been sent (the order service has the last word on that, and what is being sent
is never touched); something came after the order was made, as a sensor saw or a person said; and there is enough
without the order. What came cannot be the order's own goods, since it was not sent. It costs nobody anything: it is no
cancellation of the household's, and nothing is quiet for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import Refill
from edge_agent.core.stock_events import BoughtElsewhere, Scanned, StockEvent

BOUGHT_ELSEWHERE = "bought_elsewhere"
_NOT_SENT = frozenset({IntentState.APPROVED, IntentState.HELD})


def is_bought_elsewhere(
    order: IntentRecord,
    *,
    refills: Sequence[Refill],
    bought_at: datetime | None,
    spare_packs: float,
    pack_amount: float,
) -> bool:
    """Whether the order is not needed any more.

    `spare_packs` are beyond the point at which to order, this order among them, in packs of the bound product;
    `bought_at` is when a person last said that packs came in, `pack_amount` what such a pack holds.
    """
    if order.state not in _NOT_SENT or order.withdrawn_for is not None or order.amount <= 0:
        return False
    since = order.created_at
    is_seen = any(step.at > since for step in refills)
    is_said = bought_at is not None and bought_at > since
    return (is_seen or is_said) and spare_packs >= order.amount / pack_amount


def last_bought_at(told: Iterable[StockEvent]) -> datetime | None:
    """When a person last said that packs came in that this hub did not order."""
    came = [
        event.at
        for event in told
        if isinstance(event, BoughtElsewhere) or (isinstance(event, Scanned) and event.packs > 0)
    ]
    return max(came, default=None)
