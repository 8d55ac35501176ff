"""What the bridge says of intents, applied in order, with the cursor, in one transaction a page."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from cloud_bridge.wire import KnownIntent, OrderEvent, OrderState
from edge_agent.core import intent as intents
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.order_facts import OrderFacts
from edge_agent.ports import Bridge, OrderStore

log = logging.getLogger(__name__)

_PAGES_MAX = 50


class StatusRecorder:
    """Fetches order events by cursor and lets the intents follow. Old news changes nothing."""

    def __init__(self, *, bridge: Bridge, orders: OrderStore) -> None:
        self._bridge = bridge
        self._orders = orders

    async def run_once(self) -> int:
        """Apply everything that is new; returns how many intents moved.

        Raises: BridgeUnreachableError; what was applied until then stays applied.
        """
        moved = 0
        for _ in range(_PAGES_MAX):
            after = self._orders.status_cursor()
            events, cursor = await self._bridge.fetch_events(after=after)
            if self._orders.status_cursor() != after:
                continue  # orders were taken over from the bridge meanwhile: their news are asked for from the start
            if not events:
                break
            moved += len(self._apply(events, cursor=cursor))
        return moved

    def accepted(self, listed: Sequence[KnownIntent]) -> None:
        """The bridge has these: what nothing was heard of yet is held there. That it has taken an order is no event."""
        changes = []
        for intent in listed:
            record = self._orders.intent(IntentId(intent.intent_id))
            if record is not None and record.state is IntentState.APPROVED and intent.state is OrderState.HELD:
                change = intents.step(record, IntentState.HELD, at=intent.accepted_at)
                changes += [change] if change is not None else []
        self._orders.change_intents(changes, cursor=None)

    def _apply(self, events: Sequence[OrderEvent], *, cursor: int) -> list[IntentRecord]:
        known: dict[str, IntentRecord] = {}
        changes: list[IntentChange] = []
        for event in events:
            record = known.get(event.intent_id) or self._orders.intent(IntentId(event.intent_id))
            if record is None:
                log.warning("event_without_intent intent=%s", event.intent_id)
                continue
            change = _step(record, event)
            if change is not None:
                changes.append(change)
                known[event.intent_id] = change.after
        return self._orders.change_intents(changes, cursor=cursor)


def _step(record: IntentRecord, event: OrderEvent) -> IntentChange | None:
    change = intents.step(
        record,
        IntentState(event.state.value),
        at=event.at,
        merchant_order_id=event.merchant_order_id,
        charged_minor=event.total_minor,
        currency=event.currency,
        detail=event.detail,
        handoff_url=event.handoff_url,
        facts=OrderFacts(
            ordered_quantity=event.ordered_quantity,
            delivered_quantity=event.delivered_quantity,
            returned_quantity=event.returned_quantity,
            refunded_minor=event.refunded_minor,
            substitute_sku=event.substitute_sku,
            expected_on=event.expected_on,
            tracking_url=event.tracking_url,
        ),
    )
    if change is not None:
        log.info("intent=%s state=%s detail=%s", record.id, change.after.state, event.detail or "-")
    return change
