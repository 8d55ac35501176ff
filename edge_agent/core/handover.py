"""Who knows more, the hub or the bridge: found before the first order is sent, and after every failure.

The hub numbers its intents without a gap, and each number is signed with the terms. A bridge that holds intents which
the hub does not know talks to a hub that was restored from a backup, or copied; a hub whose last acknowledged number is
above the bridge's talks to a bridge that was restored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cloud_bridge.wire import KnownIntent
from edge_agent.core.catalogue import Household, Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId

TAKEN_OVER = "taken_over"
OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class HubKnowledge:
    """What the hub knows: every intent's id, the last number the bridge acknowledged, and what waits to be sent."""

    acknowledged: int
    waiting: Mapping[int, IntentId]
    known: Collection[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the bridge has that the hub must take over, what may never be sent, and whether the bridge has forgotten."""

    unknown: tuple[KnownIntent, ...]
    overtaken: tuple[IntentId, ...]
    bridge_forgot: bool

    @property
    def is_even(self) -> bool:
        """Whether both know the same."""
        return not (self.unknown or self.overtaken or self.bridge_forgot)


def compare(ours: HubKnowledge, *, bridge_handover: int, listed: Sequence[KnownIntent], hub: str) -> Comparison:
    """Hold the bridge's head against what this hub knows; those of another hub are not its affair."""
    own = [intent for intent in listed if intent.hub == hub]
    return Comparison(
        unknown=tuple(intent for intent in own if intent.intent_id not in ours.known),
        overtaken=tuple(
            ours.waiting[intent.handover]
            for intent in own
            if ours.waiting.get(intent.handover, intent.intent_id) != intent.intent_id
        ),
        bridge_forgot=bridge_handover < ours.acknowledged,
    )


def taken_over(intent: KnownIntent, *, household: Household) -> IntentRecord:
    """An intent of the bridge as a row of this hub, so that its need is not asked about again.

    A product that the household no longer keeps adds to no stock that is known here; it is kept under the bridge's
    name for it.
    """
    item = _item(intent, household)
    return IntentRecord(
        id=IntentId(intent.intent_id),
        prompt=PromptId(f"bridge-{intent.intent_id}"),
        item=ItemId(item.id) if item is not None else unknown_item(intent),
        state=IntentState(intent.state.value),
        version=1,
        merchant=intent.merchant,
        quantity=intent.quantity,
        amount=intent.quantity * item.product.pack_amount if item is not None else 0.0,
        total_minor=intent.total_minor,
        currency=intent.currency,
        created_at=intent.accepted_at,
        changed_at=intent.accepted_at,
        merchant_order_id=intent.merchant_order_id,
        detail=TAKEN_OVER,
    )


def unknown_item(intent: KnownIntent) -> ItemId:
    """A name of its own for what an intent stands for, where no item of the household can have it."""
    return ItemId(f"bridge-{intent.intent_id}")


def _item(intent: KnownIntent, household: Household) -> Item | None:
    bound = (intent.merchant, intent.sku)
    return next((item for item in household.items if (item.product.merchant, item.product.sku) == bound), None)
