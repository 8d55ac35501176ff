"""Whether some mandate fits an item, so that `auto` has something to order by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from edge_agent.core.catalogue import Item
from edge_agent.core.leave.mandate import MandateRecord, MandateState, is_over
from edge_agent.core.messages import ItemId


def fitting(item: Item, mandates: Iterable[MandateRecord], *, now: datetime) -> MandateRecord | None:
    """The first active mandate that allows one of the item's products; None: nothing would be ordered unasked."""
    return next((record for record in mandates if _fits(item, record, now=now)), None)


def _fits(item: Item, record: MandateRecord, *, now: datetime) -> bool:
    entry = record.terms.entry(ItemId(item.id))
    if entry is None or record.state is not MandateState.ACTIVE or is_over(record.terms, now=now):
        return False
    allowed = {(one.merchant, one.sku) for one in entry.acceptable}
    return any((product.merchant, product.sku) in allowed for product in item.products)
