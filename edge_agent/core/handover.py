"""Who knows more, the hub or the bridge: found before the first order is sent, and after every failure.

The hub numbers its intents without a gap, and each number is signed with the terms. A bridge that holds intents which
the hub does not know talks to a hub that was restored from a backup, or copied; a hub whose last acknowledged number is
above the bridge's talks to a bridge that was restored.

A hub makes no order of an item that has one. So of two orders of one item the older was closed by the hub before it
made the newer; where the bridge never heard of that (a sensor saw the goods, a person said so), a hub that was restored
does not know it either, and concludes it from the newer one (`closed_since`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud_bridge.wire import KnownIntent
from edge_agent.core.catalogue import Household, Item, Product
from edge_agent.core.intent import ON_ITS_WAY, IntentChange, IntentRecord, IntentState, step
from edge_agent.core.messages import IntentId, ItemId, PromptId

TAKEN_OVER = "taken_over"
OVERTAKEN = "overtaken"
CLOSED_SINCE_BACKUP = "closed_since_backup"


@dataclass(frozen=True, slots=True)
class HubKnowledge:
    """What the hub knows: every intent's id, the last number the bridge acknowledged, and what waits to be sent.

    `busy` are the items with a live order that has left.
    """

    acknowledged: int
    waiting: Mapping[int, IntentId]
    known: Collection[str]
    busy: Collection[ItemId] = ()


@dataclass(frozen=True, slots=True)
class TakenOver:
    """An intent of the bridge as this hub keeps it: its number, its row, and what it may cost at the most."""

    handover: int
    record: IntentRecord
    total_max_minor: int


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


def taken_over(intent: KnownIntent, *, household: Household, busy: Collection[ItemId] = ()) -> IntentRecord:
    """An intent of the bridge as a row of this hub, so that its need is not asked about again.

    A product that the household no longer keeps adds to no stock that is known here; it is kept under the bridge's
    name for it. A substitute counts for the item that it stands in for. The bridge does not know items: where several
    buy the product, it counts for the first that is not `busy`.
    """
    item, product = _bound(intent, household, busy=busy) or (None, None)
    return IntentRecord(
        id=IntentId(intent.intent_id),
        prompt=PromptId(f"bridge-{intent.intent_id}"),
        item=ItemId(item.id) if item is not None else own_item(IntentId(intent.intent_id)),
        state=IntentState(intent.state.value),
        version=1,
        merchant=intent.merchant,
        quantity=intent.quantity,
        amount=intent.quantity * product.pack_amount if product is not None else 0.0,
        total_minor=intent.total_minor,
        currency=intent.currency,
        created_at=intent.accepted_at,
        changed_at=intent.accepted_at,
        merchant_order_id=intent.merchant_order_id,
        detail=TAKEN_OVER,
    )


def closed_since(older: IntentRecord, *, at: datetime) -> IntentChange | None:
    """The step that this hub took with an order before it made a newer one of the same item, and has forgotten.

    None where only the bridge could have ended it: then nobody here knows how it stands.
    """
    if older.state not in ON_ITS_WAY:
        return None
    return step(older, IntentState.DELIVERED, at=at, detail=CLOSED_SINCE_BACKUP)


def own_item(intent: IntentId) -> ItemId:
    """A name of its own for what an order is of, where no item of the household can have it."""
    return ItemId(f"bridge-{intent}")


def _bound(intent: KnownIntent, household: Household, *, busy: Collection[ItemId]) -> tuple[Item, Product] | None:
    """The item that the order is for, as far as can be told, and its product: substitutes come last."""
    fits = [
        (item, product)
        for item in household.items
        for product in item.products
        if (product.merchant, product.sku) == (intent.merchant, intent.sku)
    ]
    ranked = sorted(fits, key=lambda fit: (fit[0].product != fit[1], fit[0].id in busy))
    return ranked[0] if ranked else None
