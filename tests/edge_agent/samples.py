"""Records that many tests of the hub start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_agent.core.catalogue import Binding, Item, Preferences, Product
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.receipt import consent_hash
from edge_agent.core.leave.terms import Leave, Offer, Terms, offer_for, seal, terms_hash
from edge_agent.core.messages import IntentId, ItemId, Price, PromptId, Propose, Reason
from edge_agent.core.prompt import PromptRecord, PromptState

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

MILK = Item(
    id="milk",
    name="Milk",
    category="milk",
    unit="g",
    product=Product(title="Whole milk 1 L", merchant="grocer", sku="milk-whole-1l", pack_amount=1035.0),
    binding=Binding(device="fridge", signal="milk.amount"),
    room_packs=6,
    prior_use_per_day=800.0,
)


def price(*, unit_price_minor: int = 129, delivery_minor: int = 500, at: datetime = NOW) -> Price:
    """A price list line for milk."""
    return Price(
        item=ItemId("milk"),
        merchant="grocer",
        sku="milk-whole-1l",
        unit_price_minor=unit_price_minor,
        delivery_minor=delivery_minor,
        currency="USD",
        available=True,
        fetched_at=at,
    )


def propose(*, packs: int = 4) -> Propose:
    """A decision to ask for milk."""
    return Propose(
        item=ItemId("milk"),
        packs=packs,
        order_by=NOW + timedelta(days=1),
        days_of_cover=5.0,
        reasons=(Reason("below_reorder_point", "Milk lasts about 2 days"),),
    )


def offer(*, packs: int = 4) -> Offer:
    """The offer for that decision."""
    return offer_for(MILK, price(), propose(packs=packs), preferences=Preferences(), now=NOW)


def prompt(ident: str = "p1", *, item: str = "milk", state: PromptState = PromptState.OPEN) -> PromptRecord:
    """An open prompt for milk."""
    terms = offer()
    return PromptRecord(
        id=PromptId(ident),
        item=ItemId(item),
        state=state,
        version=1,
        offer=terms,
        terms_hash=terms_hash(terms),
        days_of_cover=5.0,
        order_by=NOW + timedelta(days=1),
        reasons=(Reason("below_reorder_point", "Milk lasts about 2 days"),),
        created_at=NOW,
        changed_at=NOW,
    )


def intent(
    ident: str = "i1", *, of: str = "p1", item: str = "milk", state: IntentState = IntentState.APPROVED
) -> IntentRecord:
    """An intent that came of that prompt."""
    return IntentRecord(
        id=IntentId(ident),
        prompt=PromptId(of),
        item=ItemId(item),
        state=state,
        version=1,
        merchant="grocer",
        quantity=4,
        amount=4140.0,
        total_minor=1016,
        currency="USD",
        created_at=NOW,
        changed_at=NOW,
    )


RECEIPT = b'{"kind":"approval"}'


def terms(
    ident: str = "i1",
    *,
    number: int = 1,
    of: Offer | None = None,
    leave: Leave = "approval",
    receipt: bytes = RECEIPT,
    nonce: str | None = None,
) -> Terms:
    """Sealed terms of an offer, under the hand-over number `number`."""
    return seal(
        of or offer(),
        intent_id=IntentId(ident),
        household="home-1",
        hub="hub-1",
        customer_ref="a" * 64,
        nonce=nonce or f"{number:032x}",
        leave=leave,
        consent_hash=consent_hash(receipt),
        handover=number,
    )
