"""What no price overrules: allergens that the household avoids, and an order whose outcome is not known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from edge_agent.core.catalogue import Allergen, Preferences, Product
from edge_agent.core.choosing.accepting import ALLERGENS, pinned, refused
from edge_agent.core.intent import LIVE, IntentState
from tests.edge_agent.samples import intent

OAT = Product(title="Oat drink", merchant="grocer", sku="oat", pack_amount=1.0)


@pytest.mark.parametrize(
    ("allergens", "avoided", "code"),
    [
        (None, (), None),
        (("gluten",), (), None),
        ((), ("gluten",), None),
        (("nuts",), ("gluten",), None),
        (("nuts", "gluten"), ("gluten",), "allergens"),
        (None, ("gluten",), "allergens_unknown"),
    ],
)
def test_what_is_not_known_to_be_free_of_it_is_not_accepted(
    allergens: tuple[Allergen, ...] | None, avoided: tuple[Allergen, ...], code: str | None
) -> None:
    """Not known is not none."""
    why = refused(OAT.model_copy(update={"allergens": allergens}), preferences=Preferences(avoid_allergens=avoided))
    assert (None if why is None else why.code) == code


def test_the_household_s_file_names_allergens() -> None:
    """Of a product and of the household; a word that is none of them is refused."""
    said = {"title": "Oat drink", "merchant": "grocer", "sku": "oat", "pack_amount": 1.0, "allergens": ["gluten"]}
    assert Product.model_validate_json(json.dumps(said)).allergens == ("gluten",)
    assert Preferences.model_validate_json('{"avoid_allergens": ["nuts"]}').avoid_allergens == ("nuts",)
    with pytest.raises(ValidationError):
        Preferences.model_validate_json('{"avoid_allergens": ["nut"]}')


def test_every_allergen_has_its_word() -> None:
    """So that a refusal can name it."""
    for each in ALLERGENS:
        why = refused(OAT.model_copy(update={"allergens": (each,)}), preferences=Preferences(avoid_allergens=(each,)))
        assert why is not None
        assert each in str(why.text)


@pytest.mark.parametrize("state", list(IntentState))
def test_a_need_stays_with_the_merchant_that_may_have_its_order(state: IntentState) -> None:
    """Live or in doubt: no other one meanwhile."""
    order = replace(intent(state=state), merchant="market")
    assert pinned([replace(order, state=IntentState.REJECTED), order]) == ("market" if state in LIVE else None)
