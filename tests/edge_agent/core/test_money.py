"""Minor units to words, exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.money import exponent, format_money


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (0, "USD", "$0.00"),
        (5, "USD", "$0.05"),
        (123_450, "USD", "$1,234.50"),
        (-5, "EUR", "-€0.05"),
        (99, "GBP", "£0.99"),
        (1_200, "JPY", "JPY 1,200"),
        (1_200, "KWD", "KWD 1.200"),
        (12_345, "CLF", "CLF 1.2345"),
        (490, "CHF", "CHF 4.90"),
        (490, "CAD", "CAD 4.90"),
        (-1, "JPY", "-JPY 1"),
    ],
)
def test_amounts_are_written_with_the_currencys_own_places(amount_minor: int, currency: str, text: str) -> None:
    """ISO 4217: none, two, three or four; a dollar sign means one dollar only."""
    assert format_money(amount_minor, currency) == text


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "EUR", "JPY", "TND", "CLF", "SEK"]))
def test_what_is_written_is_the_amount(amount_minor: int, currency: str) -> None:
    """Reading the digits back gives the same minor units: nothing is rounded."""
    text = format_money(amount_minor, currency)
    digits = "".join(char for char in text if char.isdigit())
    assert int(digits) * (-1 if text.startswith("-") else 1) == amount_minor
    places = len(text.rsplit(".", 1)[1]) if "." in text else 0
    assert places == exponent(currency)
