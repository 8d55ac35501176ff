"""The household's declarations."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from edge_agent.core.catalogue import FreeDelivery, Item, MerchantSaid, Preferences, Product
from tests.edge_agent.samples import MILK


@pytest.mark.parametrize("gtin", ["04006381333931", "00012345678905", None])
def test_a_product_number_with_a_good_check_digit_is_taken(gtin: str | None) -> None:
    """A GTIN that passes the GS1 check digit, or none at all."""
    assert Product.model_validate({**MILK.product.model_dump(), "gtin14": gtin}).gtin14 == gtin


@pytest.mark.parametrize("gtin", ["04006381333932", "4006381333931", "0400638133393x", ""])
def test_a_wrong_product_number_is_refused(gtin: str) -> None:
    """A mistyped number would be ordered from somebody one day, so it is refused when it is written."""
    with pytest.raises(ValidationError, match="gtin14"):
        Product.model_validate({**MILK.product.model_dump(), "gtin14": gtin})


@pytest.mark.parametrize("unit", ["g", "kg", "mL", "L", "[lb_av]", "m", "km", "h", "{pad}", "{page}"])
def test_an_item_is_kept_in_what_can_be_left(unit: str) -> None:
    """Masses, volumes, lengths, times of use, and so many of a thing."""
    assert Item.model_validate(MILK.model_dump() | {"unit": unit}).unit == unit


@pytest.mark.parametrize("unit", ["V", "mV", "kPa", "Cel", "[degF]", "kW.h", "%", "1", "pieces", "ml", "{Pad}", " g"])
def test_a_unit_of_which_nothing_can_be_left_is_refused(unit: str) -> None:
    """Nobody has three volts of milk at home; the error names the field, the unit, and what is allowed."""
    with pytest.raises(ValidationError, match=r"mL.*\{pad\}") as refused:
        Item.model_validate(MILK.model_dump() | {"unit": unit})
    [error] = refused.value.errors()
    assert error["loc"] == ("unit",)
    assert repr(unit) in error["msg"]


def test_a_percentage_is_bound_and_not_kept() -> None:
    """A level in percent fits an item in any unit by `full_amount`, and the error says so."""
    with pytest.raises(ValidationError, match="full_amount"):
        Item.model_validate(MILK.model_dump() | {"unit": "%"})
    assert MILK.binding is not None
    bound = MILK.binding.model_copy(update={"full_amount": 2_000.0})
    assert Item.model_validate(MILK.model_dump() | {"binding": bound.model_dump()}).unit == "g"


def test_an_item_that_names_no_merchant_is_only_watched() -> None:
    """In `shadow`, and with nothing that could be bought instead; half of an article is a slip."""
    nobodys = {**MILK.product.model_dump(), "merchant": "", "sku": ""}
    told = MILK.model_dump() | {"product": nobodys, "substitutes": ()}
    assert not Item.model_validate(told | {"mode": "shadow"}).product.can_be_ordered
    left_out = {name: value for name, value in nobodys.items() if name not in {"merchant", "sku"}}
    assert Item.model_validate(told | {"mode": "shadow", "product": left_out}).product.merchant == ""
    for mode in ("ask", "auto"):
        with pytest.raises(ValidationError, match="needs a product with a merchant"):
            Item.model_validate(told | {"mode": mode})
    with pytest.raises(ValidationError, match="substitutes are for what is ordered"):
        Item.model_validate(told | {"mode": "shadow", "substitutes": (MILK.product.model_dump(),)})
    for half in ("merchant", "sku"):
        with pytest.raises(ValidationError, match="go together"):
            Product.model_validate({**MILK.product.model_dump(), half: ""})


def test_what_is_said_of_a_merchant_goes_before_the_older_sum() -> None:
    """`free_delivery` still counts where nothing else is said."""
    older = (FreeDelivery(merchant="grocer", from_minor=3_000), FreeDelivery(merchant="baker", from_minor=900))
    said = (MerchantSaid(merchant="grocer", free_from_minor=2_000),)
    preferences = Preferences(free_delivery=older, merchants=said)
    found = [preferences.free_from_minor(name) for name in ("grocer", "baker", "butcher")]
    assert found == [2_000, 900, None]
    assert preferences.said_of("butcher") == MerchantSaid(merchant="butcher")


@pytest.mark.parametrize(
    "wrong",
    [
        {"merchants": [{"merchant": "grocer"}, {"merchant": "grocer"}]},
        {"merchants": [{"merchant": "grocer", "accepts": ["standard"]}]},
        {"merchants": [{"merchant": "grocer", "accepts": ["drone"]}]},
        {"merchants": [{"merchant": "grocer", "minimum_minor": 0}]},
        {"merchants": [{"merchant": "grocer", "co2e": [{"grams": 100}]}]},
        {"merchants": [{"merchant": "grocer", "co2e": [{"grams": 1, "source": "a"}, {"grams": 2, "source": "b"}]}]},
        {"merchants": [{"merchant": "grocer", "co2e": [{"kind": "standard", "grams": -1, "source": "a"}]}]},
    ],
)
def test_what_is_wrong_of_a_merchant_is_named(wrong: dict[str, object]) -> None:
    """A merchant once, a figure with its source, and only kinds that ask for leave."""
    with pytest.raises(ValidationError):
        Preferences.model_validate_json(json.dumps(wrong))
