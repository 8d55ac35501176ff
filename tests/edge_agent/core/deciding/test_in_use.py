"""An item that went out of use is noticed by its own habit, and an empty shelf is not taken for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.deciding.in_use import out_of_use_since
from edge_agent.core.messages import StockEstimate
from tests.edge_agent.consumables import MILK, START, stock_estimate

PACK = MILK.product.pack_amount


def used(every_d: int, *, then_pause_d: int, packs: float = 1.5) -> StockEstimate:
    """Forty days of use on every so-manieth day, then a pause until today."""
    days = [1.0 if number % every_d == 0 else 0.0 for number in range(41)] + [0.0] * then_pause_d
    return stock_estimate(MILK, packs=packs, use_packs=days)


@pytest.mark.parametrize(
    ("every_d", "pause_d", "is_out"),
    [
        pytest.param(1, 10, False, id="daily, ten days of pause may be a holiday"),
        pytest.param(1, 25, True, id="daily, and nothing for weeks"),
        pytest.param(10, 25, False, id="every ten days: a pause of 25 is none"),
        pytest.param(10, 70, True, id="every ten days, and nothing for ten weeks"),
    ],
)
def test_by_its_own_habit(every_d: int, pause_d: int, is_out: bool) -> None:
    """A pause is held against the pauses before it."""
    assert (out_of_use_since(used(every_d, then_pause_d=pause_d), pack_amount=PACK, now=START) is not None) == is_out


def test_an_empty_shelf_is_no_pause() -> None:
    """What is not there cannot be used."""
    assert out_of_use_since(used(1, then_pause_d=60, packs=0.0), pack_amount=PACK, now=START) is None


def test_a_silent_sensor_is_no_pause() -> None:
    """Time after the last value proves nothing; and an item that nobody ever saw used is not judged."""
    stock = used(1, then_pause_d=0)
    assert out_of_use_since(stock, pack_amount=PACK, now=START + timedelta(days=90)) is None
    assert out_of_use_since(stock_estimate(MILK, packs=1.0), pack_amount=PACK, now=START) is None


def test_the_estimates_own_word_counts() -> None:
    """`last_used_on` is believed where the days say nothing."""
    stock = replace(stock_estimate(MILK, packs=1.0), last_used_on=(START - timedelta(days=90)).date())
    assert out_of_use_since(stock, pack_amount=PACK, now=START) == stock.last_used_on
