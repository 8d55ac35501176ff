"""Perfect stocktaking, to tell what is owed to decisions alone: the hub is shown the truth of every ware.

Not a policy of the campaign: it is for finding out whether the estimate or the decision makes a home fare badly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import Batch, ItemId, Range, Refill, StockEstimate
from tests.campaign.homes.world import Stock, World

_DAYS_KEPT = 120
_RATE_DAYS = 28
_HALF_WIDTH_PACKS = 0.005


class Oracle:
    """Stands in for `pipeline.stocktaking.Stocktaking`."""

    def __init__(self, world: Callable[[], World]) -> None:
        self._world = world

    def take(self, items: Sequence[Item], *, now: datetime) -> list[tuple[Item, StockEstimate]]:
        """What is left of each item, exactly."""
        return [(item, _estimate(self._world().stocks[item.id], item=item, now=now)) for item in items]


def _estimate(stock: Stock, *, item: Item, now: datetime) -> StockEstimate:
    days = sorted((day, used) for day, used in stock.used_on.items() if day < now.date())[-_DAYS_KEPT:]
    recent = [used for _, used in days[-_RATE_DAYS:]]
    rate = (4 * item.prior_use_per_day + sum(recent)) / (4 + len(recent))
    margin, pack = _HALF_WIDTH_PACKS * item.product.pack_amount, item.product.pack_amount
    used = [day for day, amount in days if amount > 0]
    return StockEstimate(
        item=ItemId(item.id),
        unit=item.unit,
        as_of=now,
        amount=Range(stock.amount, max(0.0, stock.amount - margin), stock.amount + margin),
        use_per_day=Range(rate, 0.8 * rate, 1.25 * rate),
        trust=1.0,
        daily_use=tuple(days),
        refills=tuple(Refill(at, packs * pack, at - timedelta(hours=1)) for at, packs in stock.received[-16:]),
        cupboard_packs=stock.cupboard / pack,
        spoils=tuple(Batch(pile.amount, pile.best_before, opened=False) for pile in stock.piles),
        last_used_on=used[-1] if used else None,
    )
