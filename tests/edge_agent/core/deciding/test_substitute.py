"""When something else may be bought, how much of it, and what the offer then says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.decide import decide
from edge_agent.core.deciding.position import inventory_position
from edge_agent.core.deciding.substitute import OUT_OF_STOCK, REFUSED_FOR, is_refused, missing
from edge_agent.core.forecast import built_in
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.receipt import receipt_for
from edge_agent.core.leave.terms import Offer, offer_for, terms_hash
from edge_agent.core.messages import Decision, Price, Propose
from tests.edge_agent.consumables import MILK as USED_MILK
from tests.edge_agent.consumables import START, stock_estimate
from tests.edge_agent.samples import MILK, NOW, intent, offer, price
from tests.edge_agent.substitutes import OAT, SKIMMED, milk

OLDEST = NOW - timedelta(days=3)
REFUSED = replace(intent(state=IntentState.REJECTED), detail=OUT_OF_STOCK)


def proposal(product: Product | None, *, packs: float = 1.0, item: Item = USED_MILK) -> Decision:
    """What is decided on a product in a home that uses 0.8 bound packs a day."""
    stock = stock_estimate(item, packs=packs, use_packs=[0.8] * 30)
    return decide(
        item,
        stock,
        built_in(item, stock),
        position=inventory_position(item, stock, on_order=0.0),
        price=price(at=START),
        preferences=Preferences(),
        quiet_until=None,
        now=START,
        substitute=product,
    )


@pytest.mark.parametrize(
    ("listed", "refused", "code"),
    [
        (price(), False, None),
        (None, False, None),  # no list has come yet: nothing is known
        (replace(price(), available=False), False, "instead_unavailable"),
        (price(at=OLDEST), False, None),
        (price(at=OLDEST - timedelta(seconds=1)), False, "instead_no_price"),
        (price(), True, "instead_refused"),
        (None, True, "instead_refused"),
    ],
)
def test_why_the_bound_product_cannot_be_had(listed: Price | None, refused: bool, code: str | None) -> None:
    """Out of stock, no price any more, or the merchant's own word; nothing else."""
    why = missing(milk(), listed, oldest=OLDEST, is_refused=refused)
    assert (None if why is None else why.code) == code


@pytest.mark.parametrize(
    ("changes", "offered", "refused"),
    [
        ({}, offer(), True),
        ({"detail": "terms_changed"}, offer(), False),
        ({"state": IntentState.CANCELLED}, offer(), False),
        ({"changed_at": NOW - REFUSED_FOR}, offer(), False),
        ({}, replace(offer(), sku=SKIMMED.sku), False),  # what was refused was a substitute
        ({}, replace(offer(), merchant="baker"), False),
        ({}, None, False),
    ],
)
def test_a_merchants_word_holds_for_a_day_and_for_its_product(
    changes: dict[str, object], offered: Offer | None, refused: bool
) -> None:
    """Only the bound product that was refused as out of stock opens the way to another one."""
    last = replace(REFUSED, **changes)  # type: ignore[arg-type]
    assert is_refused(milk(), last, offered=offered, now=NOW) is refused


def test_a_product_stands_once_in_an_item() -> None:
    """The bound product is no substitute of itself, and four are enough."""
    Item.model_validate(MILK.model_dump() | {"substitutes": (SKIMMED, OAT)})
    for wrong in ((MILK.product,), (OAT, OAT), tuple(OAT.model_copy(update={"sku": f"o{n}"}) for n in range(5))):
        with pytest.raises(ValidationError):
            Item.model_validate(MILK.model_dump() | {"substitutes": wrong})


def test_the_offer_names_the_substitute_and_what_it_stands_in_for() -> None:
    """Article, merchant, title and pack are its own; the receipt says instead of what."""
    decision = Propose(MILK.id, packs=4, order_by=NOW, days_of_cover=3.0, reasons=(), product=OAT)  # type: ignore[arg-type]
    made = offer_for(milk(), price(unit_price_minor=200), decision, preferences=Preferences(), now=NOW)
    assert (made.merchant, made.sku, made.title, made.pack_amount) == ("baker", "oat-1l", OAT.title, 1552.5)
    assert (made.quantity, made.instead_of) == (4, MILK.product.title)
    receipt = receipt_for(
        made, item=MILK.id, item_name="Milk", prompt="p1", by=("anna",), mandate="m1", at=NOW, salt="0"  # type: ignore[arg-type]
    )  # fmt: skip
    assert (receipt.title, receipt.instead_of) == (OAT.title, MILK.product.title)


def test_what_a_question_hashed_to_before_still_holds() -> None:
    """An offer that replaces nothing has the hash it had before offers could; one that does has another."""
    assert terms_hash(offer()) == "1d9bf7b779d9d475ccd6611742447b8712414995501639f9670dc3d8ac7f8182"
    assert terms_hash(replace(offer(), instead_of="Milk")) != terms_hash(offer())


def test_half_as_large_packs_are_bought_twice() -> None:
    """The need is the same amount, whatever it is packed in, and the words are those of the packs that are bought."""
    item = USED_MILK
    half = item.product.model_copy(update={"sku": "half", "pack_amount": item.product.pack_amount / 2})
    bound, halves = proposal(None), proposal(half)
    assert isinstance(bound, Propose)
    assert isinstance(halves, Propose)
    assert 2 * bound.packs - 1 <= halves.packs <= 2 * bound.packs + 1
    assert f"{halves.packs} packs more" in halves.reasons[-1].text


def test_a_pack_that_finds_no_room_is_not_bought() -> None:
    """A sack that is larger than the home has room for is no substitute, however long the list."""
    sack = USED_MILK.product.model_copy(update={"sku": "sack", "pack_amount": USED_MILK.product.pack_amount * 50})
    assert not isinstance(proposal(sack), Propose)


@given(share=st.floats(0.1, 8.0), packs=st.floats(0.0, 3.0))
def test_a_substitute_never_overfills_the_home(share: float, packs: float) -> None:
    """By amount there is never more than the room, nor more than a pack of either kind above the bound one's order.

    Smaller packs may fill room that is too small for another bound pack.
    """
    item = USED_MILK
    other = item.product.model_copy(update={"sku": "other", "pack_amount": item.product.pack_amount * share})
    bound, decided = proposal(None, packs=packs), proposal(other, packs=packs)
    if isinstance(decided, Propose):
        assert isinstance(bound, Propose) or bound.reasons[-1].code == "little_room"
        used_meanwhile = 2 * 1.2  # two days of lead time, at more than is used
        assert decided.packs * share <= item.room_packs - packs + used_meanwhile + 1e-6
        if isinstance(bound, Propose):
            assert decided.packs * share <= bound.packs + 1 + share + 1e-6
        assert decided.days_of_cover >= 0
