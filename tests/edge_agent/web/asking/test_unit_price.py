"""Prices per kilogram, litre or piece: exact to the minor unit, against the last three, and nothing signed by them."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge_agent.core.messages import Price
from edge_agent.web.asking.unit_price import compared, measure_of
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_offer, sample_prices, sample_prompt


@pytest.mark.parametrize(
    ("unit", "pack", "minor", "told"),
    [
        ("g", 1_035.0, 429, ("kg", 1, 414)),  # 414.49
        ("g", 500.0, 649, ("kg", 1, 1_298)),
        ("mL", 2_500.0, 899, ("L", 1, 360)),  # 359.6, rounded up
        ("mL", 400.0, 1, ("L", 1, 3)),  # 2.5: half is rounded up
        ("{pad}", 16.0, 320, ("pad", 1, 20)),
        ("{wash}", 200.0, 999, ("wash", 100, 500)),  # 4.995 a piece says too little
        ("m", 25.0, 500, ("m", 1, 20)),
        ("g", 0.5, 0, ("kg", 1, 0)),
    ],
)
def test_a_price_is_told_for_what_is_in_the_pack(
    unit: str, pack: float, minor: int, told: tuple[str, int, int]
) -> None:
    """The measure that shops write on their shelves."""
    offer = sample_offer(unit=unit, pack_amount=pack, unit_price_minor=minor)
    measure = measure_of(offer)
    assert measure is not None
    price_minor = measure.price_minor(offer.unit_price_minor, pack_amount=offer.pack_amount)
    assert (measure.unit, measure.number, price_minor) == told


def test_one_piece_in_a_pack_needs_no_second_price() -> None:
    """It would say the same again."""
    assert measure_of(sample_offer(unit="{filter}", pack_amount=1.0)) is None


def test_the_last_three_before_the_offer_are_compared() -> None:
    """Newest first, without the one that the offer was made from, of this product and currency, and sold at all."""
    prices = sample_prices("milk", minor=(429, 419, 999, 405, 399, 300))
    odd: tuple[Price, ...] = (replace(prices[2], available=False), replace(prices[2], sku="other"))
    found = compared(sample_prompt(), (prices[0], prices[1], *odd, *prices[3:]))
    assert found.before_minor == (419, 405, 399)
    assert found.measured_before_minor == (405, 391, 386)
    assert str(found.verdict) == "5 % more than lately"


@pytest.mark.parametrize(
    ("minor", "verdict"), [((429, 429, 429, 429), "the same as lately"), ((429, 500, 500), "14 % less than lately")]
)
def test_a_price_is_judged_in_words(minor: tuple[int, ...], verdict: str) -> None:
    """More, less, or the same."""
    assert str(compared(sample_prompt(), sample_prices("milk", minor=minor)).verdict) == verdict


async def test_the_page_shows_both_before_the_button(owner: httpx.AsyncClient, house: House) -> None:
    """A pack and a kilogram, each beside the last three; and how long the order is held."""
    page = (await owner.get("/prompts/p-milk")).text
    assert "Price per <bdi>kg</bdi></dt><dd data-measure>$4.14" in page
    assert "before: $4.05, $4.05, $3.91" in page
    assert 'data-term="hold">2 minutes' in page
    assert page.index("data-measure") < page.index('data-term="hold"') < page.index("Order and pay")


async def test_ordering_now_is_laid_beside_waiting(owner: httpx.AsyncClient) -> None:
    """When it would come, and how likely the stock is gone before: for both."""
    page = (await owner.get("/prompts/p-milk")).text
    assert "Ordered now, it is here by Wed 4 Mar. The chance that Milk runs out before that is about 53 %." in page
    assert "If you wait until then, an order would come Sat 7 Mar." in page
