"""Items in shadow: what they would have ordered is kept and followed; nobody is asked, and nothing is ordered."""

from __future__ import annotations

from datetime import datetime

from edge_agent.core.decide import Weighed
from edge_agent.core.deciding import shadow
from edge_agent.core.deciding.shadow import ShadowOrder, ShadowReport
from edge_agent.core.messages import ItemId, PromptId, Propose
from edge_agent.pipeline.options import Need
from edge_agent.ports import ShadowStore

_KEPT = 200  # shadow orders of one item


class Shadowing:
    """Keeps the shadow orders of each item."""

    def __init__(self, store: ShadowStore) -> None:
        self._store = store

    def coming(self, item: ItemId) -> float:
        """What shadow orders would still bring, in the item's unit: as if they were on their way."""
        return shadow.coming_amount(self._store.shadow_orders(item, limit=_KEPT))

    def follow(self, need: Need, weighed: Weighed) -> None:
        """Hold the shadow orders against what the sensor sees now, and note another one where the item is due."""
        for order in self._store.shadow_orders(need.id, limit=_KEPT):
            after = shadow.follow(order, need.item, need.stock, now=need.now)
            if after != order:
                self._store.put_shadow_order(after)
        decision, price = weighed.decision, weighed.case.price
        if isinstance(decision, Propose) and price is not None:
            made = shadow.would_order(need.item, decision, price, lead_d=weighed.case.lead_d, now=need.now)
            self._store.put_shadow_order(made)

    def report(self, item: ItemId, *, now: datetime) -> ShadowReport | None:
        """What shadow would have done lately; None where it would have done nothing."""
        return shadow.report(self._store.shadow_orders(item, limit=_KEPT), now=now)


class KeepsNothing:
    """Fulfils `ports.ShadowStore` and `ports.BundleStore` and keeps nothing: for a home where nobody reads them."""

    def shadow_orders(self, item: ItemId, *, limit: int) -> list[ShadowOrder]:  # noqa: ARG002
        """None."""
        return []

    def put_shadow_order(self, order: ShadowOrder) -> None:
        """Forget it."""

    def put_bundle(self, prompt: PromptId, bundle: bytes, *, at: datetime) -> None:
        """Forget it."""

    def bundle(self, prompt: PromptId) -> bytes | None:  # noqa: ARG002
        """None."""
        return None
