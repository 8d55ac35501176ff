"""An item that is bought by the best offer: chosen among what the household accepts, and the question says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.intents import insert_intent
from edge_agent.adapters.store.prompts import insert_prompt
from edge_agent.core.catalogue import Household, Preferences
from edge_agent.core.intent import IntentState
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
