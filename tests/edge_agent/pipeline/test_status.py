"""What the order service tells of orders, from its JSON to the stored order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import cast

from cloud_bridge.wire import OrderEvent
from edge_agent.core.intent import IntentState
from edge_agent.core.order_facts import OrderFacts
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.ports import Bridge
from tests.edge_agent.pipeline.desk import open_desk
from tests.edge_agent.samples import NOW, prompt


@dataclass
class Telling:
    """A bridge that has these events."""

    events: list[OrderEvent] = field(default_factory=list)

    def tell(self, intent: str, state: str, **told: object) -> None:
        """One event more, by its JSON."""
        seq = len(self.events) + 1
        at = (NOW + timedelta(days=seq)).isoformat()
        event = {"seq": seq, "intent_id": intent, "state": state, "at": at, **told}
        self.events.append(OrderEvent.model_validate_json(json.dumps(event)))

    async def fetch_events(self, *, after: int) -> tuple[Sequence[OrderEvent], int]:
        """Those that are newer."""
        return self.events[after:], len(self.events)


async def test_what_a_merchant_told_is_kept_with_the_order(tmp_path: Path) -> None:
    """Each fact from the event that tells it; a later one that tells less takes none of them back."""
    with open_desk(tmp_path) as desk:
        desk.orders.add_prompt(prompt())
        order = desk.leave.answering.approve(prompt().id, terms_hash=prompt().terms_hash, by="anna", pin_checked=False)
        assert order is not None
        bridge = Telling()
        status = StatusRecorder(bridge=cast("Bridge", bridge), orders=desk.orders)
        bridge.tell(order.id, "placed", total_minor=1_016, currency="USD", expected_on="2026-03-09")
        bridge.tell(order.id, "shipped", tracking_url="https://shop.example/1", substitute_sku="other")
        bridge.tell(order.id, "partly_delivered", delivered_quantity=1, ordered_quantity=3)
        bridge.tell(order.id, "shipped", delivered_quantity=0)
        bridge.tell(order.id, "delivered", delivered_quantity=4, returned_quantity=1)
        bridge.tell(order.id, "delivered", detail="partly_refunded", refunded_minor=200, returned_quantity=1)
        assert await status.run_once() == 5, "the late one is no news"
        found = desk.orders.intent(order.id)
        assert found is not None
        assert (found.state, found.detail) == (IntentState.DELIVERED, "partly_refunded")
        assert found.facts == OrderFacts(3, 4, 1, 200, "other", date(2026, 3, 9), "https://shop.example/1")
        assert (found.delivered_at, found.returned_at) == (NOW + timedelta(days=5), NOW + timedelta(days=5))
        assert desk.connection.db.execute("SELECT state, amount_minor FROM ledger").fetchone() == ("spent", 816)
