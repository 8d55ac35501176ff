"""The household's declarations."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_agent.core.catalogue import Product
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
