"""What a merchant may be trusted with, and what a configuration may say about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.errors import ConfigurationError
from cloud_bridge.merchants.capabilities import UCP, capability_of
from tests.cloud_bridge.sample_merchant import merchant_config

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, UCP),
        ({"merchant_class": "B"}, replace(UCP, merchant_class=MerchantClass.B)),
        ({"merchant_class": "C"}, replace(UCP, merchant_class=MerchantClass.C)),
        ({"key_life_s": 1_800.0}, replace(UCP, key_life=timedelta(minutes=30))),
        ({"lookup_lag_s": 600.0}, replace(UCP, lookup_lag=timedelta(minutes=10))),
        ({"key_life_s": DAY_S, "lookup_lag_s": 90.0}, UCP),
        ({"key_life_s": DAY_S + 1}, None),
        ({"lookup_lag_s": 89.0}, None),
    ],
)
def test_a_person_may_trust_a_merchant_with_less_and_never_with_more(
    stated: dict[str, object], expected: object
) -> None:
    """A longer life of keys or a shorter lag than what is known of the kind is a wrong configuration."""
    config = merchant_config("https://shop.example").model_copy(update=stated)
    if expected is None:
        with pytest.raises(ConfigurationError, match="merchant can have"):
            capability_of(config)
    else:
        assert capability_of(config) == expected


@pytest.mark.parametrize("kind", list(MerchantClass))
@pytest.mark.parametrize("known", list(MerchantClass))
def test_a_later_class_is_the_more_careful_one(kind: MerchantClass, known: MerchantClass) -> None:
    """C trusts a merchant with nothing, B with a look-up, A with a key."""
    stated, table = replace(UCP, merchant_class=kind), replace(UCP, merchant_class=known)
    assert stated.is_as_careful_as(table) == (kind.value >= known.value)


@pytest.mark.parametrize(
    ("kind", "shows_orders", "asked"),
    [
        (MerchantClass.A, False, True),
        (MerchantClass.B, False, True),
        (MerchantClass.C, False, False),
        (MerchantClass.C, True, True),
    ],
)
def test_who_can_be_asked_about_an_order(kind: MerchantClass, shows_orders: bool, asked: bool) -> None:
    """Class C only where a look-up may show it."""
    capability = replace(UCP, merchant_class=kind, shows_orders=shows_orders)
    assert capability.can_be_asked == asked
    assert capability.is_as_careful_as(replace(capability, shows_orders=False)) == (not shows_orders)
