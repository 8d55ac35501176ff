"""Who knows more, the hub or the bridge."""

from __future__ import annotations

import pytest

from edge_agent.core.catalogue import Household, Product
from edge_agent.core.handover import Comparison, HubKnowledge, compare, taken_over
from edge_agent.core.messages import IntentId, ItemId
from tests.edge_agent.outgoing_home import known
from tests.edge_agent.samples import MILK

EVEN = Comparison(unknown=(), overtaken=(), bridge_forgot=False)


def ours(*, acknowledged: int = 0, waiting: dict[int, str] | None = None, ids: str = "") -> HubKnowledge:
    """What a hub knows."""
    named = {number: IntentId(ident) for number, ident in (waiting or {}).items()}
    return HubKnowledge(acknowledged=acknowledged, waiting=named, known={*named.values(), *ids})


@pytest.mark.parametrize(
    ("hub", "bridge_handover", "listed", "wanted"),
    [
        (ours(), 0, [], EVEN),
        (ours(acknowledged=2, ids="ab"), 2, [], EVEN),
        (ours(acknowledged=1, waiting={2: "b"}, ids="a"), 1, [], EVEN),
        (ours(acknowledged=1, waiting={2: "b"}, ids="a"), 2, [known("b", number=2)], EVEN),
        (ours(acknowledged=2, ids="ab"), 1, [], Comparison((), (), bridge_forgot=True)),
        (ours(), 1, [known("a", number=1)], Comparison((known("a", number=1),), (), bridge_forgot=False)),
        (
            ours(waiting={1: "b"}),
            1,
            [known("a", number=1)],
            Comparison((known("a", number=1),), (IntentId("b"),), bridge_forgot=False),
        ),
        (ours(waiting={1: "b"}), 1, [known("a", number=1, hub="hub-2")], EVEN),
    ],
)
def test_what_each_knows_is_held_against_the_other(
    hub: HubKnowledge, bridge_handover: int, listed: list[object], wanted: Comparison
) -> None:
    """Even, sent without an answer, bridge restored, hub restored, hub restored and asked again, another hub."""
    found = compare(hub, bridge_handover=bridge_handover, listed=listed, hub="hub-1")  # type: ignore[arg-type]
    assert found == wanted
    assert found.is_even == (wanted == EVEN)


def test_an_order_that_is_taken_over_counts_as_stock_on_its_way() -> None:
    """Four packs of the item whose product it is; nothing known of a product that is not kept."""
    home = Household(items=(MILK,))
    taken = taken_over(known("a", number=1), household=home)
    assert (taken.item, taken.amount, taken.state) == ("milk", 4 * 1035.0, "held")
    odd = taken_over(known("b", number=2, sku="gone"), household=home)
    assert (odd.item, odd.amount) == ("bridge-b", 0.0)


def test_a_substitute_counts_for_the_item_that_it_stands_in_for() -> None:
    """In its own packs; an item that binds the product itself comes first."""
    oat = Product(title="Oat drink", merchant="grocer", sku="oat", pack_amount=1000.0)
    either = MILK.model_copy(update={"substitutes": (oat,)})
    taken = taken_over(known("a", number=1, sku="oat"), household=Household(items=(either,)))
    assert (taken.item, taken.amount) == ("milk", 4 * 1000.0)
    bound = MILK.model_copy(update={"id": "oat", "product": oat})
    assert taken_over(known("a", number=1, sku="oat"), household=Household(items=(either, bound))).item == "oat"


def test_of_two_items_that_buy_one_product_the_one_without_an_order_gets_it() -> None:
    """The bridge knows no items; both are kept from being asked about where each has one of two orders."""
    home = Household(items=(MILK, MILK.model_copy(update={"id": "milk-below"})))
    assert taken_over(known("a", number=1), household=home).item == "milk"
    assert taken_over(known("b", number=2), household=home, busy={ItemId("milk")}).item == "milk-below"
