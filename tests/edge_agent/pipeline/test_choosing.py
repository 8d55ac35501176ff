"""An item that is bought by the best offer: chosen among what the household accepts, and the question says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloud_bridge.wire import Intent
from edge_agent.adapters.store.intents import insert_intent
from edge_agent.adapters.store.prompts import insert_prompt
from edge_agent.core.catalogue import Household, MerchantSaid, Preferences
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.authority import verify_authority
from edge_agent.core.messages import Delivery
from edge_agent.core.prompt import PromptState
from tests.edge_agent.pipeline.test_review import MILK_ID, Kitchen
from tests.edge_agent.pipeline.test_substitutes import LOW, bought, give_leave, opened, tell
from tests.edge_agent.samples import MILK, intent, prompt
from tests.edge_agent.substitutes import OAT, SKIMMED, milk

BEST = milk().model_copy(update={"choice": "best_offer"})


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    """Milk by the best offer, skimmed milk or oat drink if that is better."""
    with opened(tmp_path, BEST) as made:
        yield made


def _codes(kitchen: Kitchen) -> list[str]:
    return [reason.code for reason in kitchen.prompt().reasons]


def _have_taken(kitchen: Kitchen, *, merchant: str, days: int, orders: int = 12, charged: int | None = None) -> None:
    """Orders of something else, for 10.16 each as agreed."""
    with kitchen.desk.connection.transaction() as db:
        for number in range(orders):
            here_at = kitchen.clock.now() - timedelta(days=1 + number)
            name = f"{merchant}-{number}"
            insert_prompt(db, prompt(f"p-{name}", item="tea", state=PromptState.APPROVED))
            order = replace(intent(name, of=f"p-{name}", item="tea", state=IntentState.DELIVERED), merchant=merchant)
            insert_intent(
                db,
                replace(
                    order,
                    created_at=here_at - timedelta(days=days),
                    changed_at=here_at,
                    arrived_at=here_at,
                    charged_minor=charged,
                ),
            )


def test_the_cheaper_one_is_asked_for_and_why_is_said(kitchen: Kitchen) -> None:
    """Goods and delivery together, for as much; with the runner-up in the same sentence."""
    tell(kitchen, unit_price_minor=129, delivery_minor=500)
    tell(kitchen, OAT, unit_price_minor=129, delivery_minor=100)
    kitchen.see(*LOW)
    asked = kitchen.prompt()
    assert (asked.offer.title, asked.offer.instead_of) == (OAT.title, MILK.product.title)
    [why] = [reason for reason in asked.reasons if reason.code == "chosen_offer"]
    assert str(why.text).startswith("$6.16 at baker, about 2 days; at grocer as much costs ")


def test_as_listed_stays_as_listed(tmp_path: Path) -> None:
    """Who did not say so gets the bound product, whatever else costs less."""
    with opened(tmp_path, milk()) as kitchen:
        tell(kitchen, unit_price_minor=129, delivery_minor=500)
        tell(kitchen, OAT, unit_price_minor=1, delivery_minor=0)
        kitchen.see(*LOW)
        assert kitchen.prompt().offer.sku == MILK.product.sku
        assert "chosen_offer" not in _codes(kitchen)


def test_a_merchant_that_comes_too_late_is_passed_over(kitchen: Kitchen) -> None:
    """Its own orders have taken nine days; the sentence says so."""
    _have_taken(kitchen, merchant="baker", days=9)
    tell(kitchen, unit_price_minor=129, delivery_minor=500)
    tell(kitchen, OAT, unit_price_minor=1, delivery_minor=0)
    kitchen.see(*LOW)
    asked = kitchen.prompt()
    assert asked.offer.sku == MILK.product.sku
    [why] = [reason for reason in asked.reasons if reason.code == "chosen_offer"]
    assert str(why.text).endswith(("too late.", "later still."))


def test_a_merchant_that_charges_more_than_agreed_competes_at_that(kitchen: Kitchen) -> None:
    """Its list is cheaper; its orders have cost a fifth more than was agreed to, and the question says so."""
    tell(kitchen, unit_price_minor=129, delivery_minor=100)
    tell(kitchen, OAT, unit_price_minor=180, delivery_minor=100)
    _have_taken(kitchen, merchant="grocer", days=2, orders=8)
    _have_taken(kitchen, merchant="baker", days=2, orders=8, charged=1_219)
    kitchen.see(*LOW)
    asked = kitchen.prompt()
    assert asked.offer.sku == MILK.product.sku
    [why] = [reason for reason in asked.reasons if reason.code == "chosen_offer"]
    assert "by what was charged so far" in str(why.text)


def test_a_mandate_draws_the_better_offer_that_it_names(kitchen: Kitchen) -> None:
    """And the bound product where it does not name the better one."""
    give_leave(kitchen, OAT)
    tell(kitchen, unit_price_minor=129, delivery_minor=500)
    tell(kitchen, SKIMMED, unit_price_minor=1, delivery_minor=0)
    tell(kitchen, OAT, unit_price_minor=129, delivery_minor=100)
    kitchen.see(*LOW)
    assert bought(kitchen) == OAT.sku


@pytest.mark.parametrize("state", [IntentState.UNKNOWN, IntentState.PARKED, IntentState.PLACED])
def test_another_merchant_is_not_even_looked_at_while_an_order_may_be_there(
    kitchen: Kitchen, state: IntentState
) -> None:
    """Nothing is asked, and what the page shows stays with the merchant that may have it."""
    tell(kitchen, OAT, unit_price_minor=900)
    tell(kitchen, unit_price_minor=129)
    kitchen.see(*LOW)
    assert kitchen.approve().merchant == "grocer"
    for told in (IntentState.UNKNOWN, state) if state is IntentState.PARKED else (state,):
        kitchen.told(told)
    tell(kitchen, OAT, unit_price_minor=1, delivery_minor=0)
    kitchen.see(400, 300, 200)
    assert kitchen.orders.live_prompt(MILK_ID) is None
    assert len(kitchen.orders.intents(live=False, limit=9)) == 1


def test_what_may_hold_an_allergen_is_not_bought_instead(kitchen: Kitchen) -> None:
    """However cheap; not known is not none, and both are said."""
    free = OAT.model_copy(update={"allergens": ("gluten",)})
    item = BEST.model_copy(update={"substitutes": (SKIMMED, free)})
    kitchen.household.household = Household(items=(item,), preferences=Preferences(avoid_allergens=("gluten",)))
    tell(kitchen, unit_price_minor=129)
    tell(kitchen, SKIMMED, unit_price_minor=1)
    tell(kitchen, OAT, unit_price_minor=1)
    kitchen.see(*LOW)
    assert kitchen.prompt().offer.sku == MILK.product.sku
    assert {"allergens", "allergens_unknown"} <= set(_codes(kitchen))


STD = Delivery("std", 500, "standard", "By post")
LOCKER = Delivery("hub/1", 50, "pick_up_point", "Locker", place="Central station")
FAST = Delivery("fast", 900, "standard", "Courier")


def _accepting(kitchen: Kitchen, **said: object) -> None:
    """What the household says of the grocer."""
    merchant = MerchantSaid(merchant="grocer", **said)  # type: ignore[arg-type]
    kitchen.household.household = kitchen.household.household.model_copy(
        update={"preferences": Preferences(merchants=(merchant,))}
    )


def test_ways_of_delivery_are_compared_and_the_chosen_one_is_signed(kitchen: Kitchen) -> None:
    """The accepted locker costs less; the sentence tells one way from the other, and the receipt names the place."""
    _accepting(kitchen, accepts=("pick_up_point",))
    tell(kitchen, unit_price_minor=129, delivery_minor=500, deliveries=(STD, LOCKER, FAST))
    kitchen.see(*LOW)
    asked = kitchen.prompt()
    assert (asked.offer.delivery_option, asked.offer.delivery_place) == ("hub/1", "Central station")
    assert asked.offer.total_minor == asked.offer.quantity * 129 + 50
    [why] = [reason for reason in asked.reasons if reason.code == "chosen_offer"]
    assert "at grocer (Locker), about 2 days; at grocer (By post) as much costs $4.50 more" in str(why.text)
    leave = kitchen.orders.authority(kitchen.approve().id)
    assert leave is not None
    assert verify_authority(leave, verify=kitchen.desk.key.verify) is None
    assert json.loads(leave.terms)["delivery_option"] == {"id": "hub/1", "kind": "pick_up_point"}
    receipt = json.loads(leave.receipt or b"")
    assert (receipt["delivery_option"], receipt["delivery_place"]) == ("hub/1", "Central station")


def test_a_dearer_way_is_taken_where_only_that_is_in_time(kitchen: Kitchen) -> None:
    """By what is promised: too late is too late, however cheap."""
    today = kitchen.clock.now().date()
    late = replace(STD, latest_on=today + timedelta(days=20))
    soon = replace(FAST, latest_on=today + timedelta(days=1))
    tell(kitchen, unit_price_minor=129, delivery_minor=500, deliveries=(late, soon))
    kitchen.see(*LOW)
    offer = kitchen.prompt().offer
    assert (offer.delivery_option, offer.delivery_latest) == ("fast", soon.latest_on)


def test_what_is_not_accepted_is_not_even_compared(kitchen: Kitchen) -> None:
    """However cheap."""
    tell(kitchen, unit_price_minor=129, delivery_minor=500, deliveries=(STD, LOCKER))
    kitchen.see(*LOW)
    assert kitchen.prompt().offer.delivery_option == "std"


def test_a_product_that_comes_no_accepted_way_is_told_and_not_asked_for(kitchen: Kitchen) -> None:
    """Nobody is asked to agree to what the household's list rules out; what can come is bought instead."""
    tell(kitchen, unit_price_minor=129, delivery_minor=50, deliveries=(LOCKER,))
    kitchen.see(*LOW)
    assert kitchen.orders.live_prompt(MILK_ID) is None
    tell(kitchen, OAT, unit_price_minor=129, delivery_minor=100)
    kitchen.see(*LOW)
    assert kitchen.prompt().offer.sku == OAT.sku
    assert "instead_no_delivery" in _codes(kitchen)


def test_as_listed_comes_by_the_usual_way_and_signs_it(tmp_path: Path) -> None:
    """The cheapest to the door, which is what the merchant would choose; nothing is fetched out of habit."""
    with opened(tmp_path, milk()) as kitchen:
        _accepting(kitchen, accepts=("pick_up_point",))
        tell(kitchen, unit_price_minor=129, delivery_minor=500, deliveries=(FAST, LOCKER, STD))
        kitchen.see(*LOW)
        assert kitchen.prompt().offer.delivery_option == "std"


def test_an_order_below_a_merchants_minimum_loses_to_one_that_it_takes(kitchen: Kitchen) -> None:
    """As the household says of it; what it delivers for nothing is compared as free."""
    _accepting(kitchen, minimum_minor=50_000)
    tell(kitchen, unit_price_minor=1, delivery_minor=0)
    tell(kitchen, OAT, unit_price_minor=129, delivery_minor=100)
    kitchen.see(*LOW)
    assert kitchen.prompt().offer.sku == OAT.sku


def test_a_delivery_that_is_free_from_a_sum_is_compared_as_free(kitchen: Kitchen) -> None:
    """The terms keep the price that was told: what is charged may be less, and never more."""
    _accepting(kitchen, free_from_minor=100)
    tell(kitchen, unit_price_minor=129, delivery_minor=500)
    tell(kitchen, OAT, unit_price_minor=129, delivery_minor=400)
    kitchen.see(*LOW)
    offer = kitchen.prompt().offer
    assert (offer.sku, offer.delivery_minor) == (MILK.product.sku, 500)


def test_a_mandate_draws_by_an_accepted_way_only(kitchen: Kitchen) -> None:
    """The way that it draws by is signed; a question about another one is left to a person."""
    give_leave(kitchen)
    _accepting(kitchen, accepts=("pick_up_point",))
    tell(kitchen, unit_price_minor=129, delivery_minor=500, deliveries=(STD, LOCKER))
    kitchen.see(*LOW)
    [row] = kitchen.orders.outbox(limit=5)
    terms = Intent.model_validate_json(row.body).terms
    assert terms.delivery_option is not None
    assert (terms.leave, terms.delivery_option.id) == ("draw", "hub/1")
