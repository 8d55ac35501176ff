"""The price of a day, and the position that is needed."""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.deciding.reorder import (
    NEED_PACKS_MAX,
    need_packs,
    poisson_chances,
    price_d,
)

anything = st.floats(allow_nan=True, allow_infinity=True)
chance = st.floats(0, 1)
falling = st.lists(chance, max_size=80).map(lambda chances: sorted(chances, reverse=True))


def test_the_price_is_what_an_order_lasts() -> None:
    """Two packs at a pack in five days are ten days of supply, and slow items are priced at a pack in 90 days."""
    assert price_d(order_packs=2, rate_packs_per_day=0.2) == pytest.approx(10)
    assert price_d(order_packs=1, rate_packs_per_day=0.001) == pytest.approx(90)


def test_need_goes_up_while_a_late_order_is_dearer_than_an_early_one() -> None:
    """At a price of 10 days and a thrift of 0.01, positions with a chance of more than one in ten are too low."""
    chances = (0.6, 0.2, 0.11, 0.09, 0.01)
    assert need_packs(chances, order_packs=1, rate_packs_per_day=0.1, thrift=0.01) == 4


def test_large_packs_of_slow_items_wait_longer() -> None:
    """The same chances ask for less where an order holds more days of supply."""
    chances = poisson_chances(0.3, days=2)
    milk = need_packs(chances, order_packs=1, rate_packs_per_day=0.3, thrift=0.004)
    detergent = need_packs(chances, order_packs=6, rate_packs_per_day=0.02, thrift=0.004)
    assert milk > detergent


@given(falling, anything, anything, anything)
def test_need_is_at_least_one_and_bounded(chances: list[float], packs: float, rate: float, thrift: float) -> None:
    """Whatever comes in, a need is a whole number of packs between 1 and one more than there are chances."""
    need = need_packs(chances, order_packs=packs, rate_packs_per_day=rate, thrift=thrift)
    assert 1 <= need <= min(len(chances) + 1, NEED_PACKS_MAX)


@given(falling, st.floats(0, 1), st.floats(0, 1))
def test_more_thrift_needs_no_more(chances: list[float], one: float, other: float) -> None:
    """Need falls with thrift, and with the price of an order."""
    low, high = sorted((one, other))
    needs = [need_packs(chances, order_packs=3, rate_packs_per_day=0.3, thrift=thrift) for thrift in (low, high)]
    assert needs[0] >= needs[1]
    packs = [need_packs(chances, order_packs=packs, rate_packs_per_day=0.3, thrift=low) for packs in (1, 8)]
    assert packs[0] >= packs[1]


@pytest.mark.parametrize("chances", [(nan, nan), (2.0, 0.5), (inf, 1.0), (-1.0, 0.9), ()])
def test_garbage_never_asks_for_more(chances: tuple[float, ...]) -> None:
    """Chances that are none leave the least position, and a rise ends the count."""
    assert need_packs(chances, order_packs=1, rate_packs_per_day=0.1, thrift=0.001) == 1
    assert need_packs((0.5, 0.1, 0.9, 0.8), order_packs=1, rate_packs_per_day=1.0, thrift=0.01) == 3


def test_poisson_chances_are_poissons() -> None:
    """P(D >= 1) and P(D >= 2) of a mean of 0.6."""
    found = poisson_chances(0.3, days=2)
    assert found[0] == pytest.approx(1 - exp(-0.6))
    assert found[1] == pytest.approx(1 - exp(-0.6) * 1.6)


@given(anything, anything)
def test_poisson_chances_are_sane(rate: float, days: float) -> None:
    """Between 0 and 1 and falling, for any rate and time."""
    found = poisson_chances(rate, days=days, packs_max=60)
    assert len(found) == 60
    assert all(0 <= later <= before <= 1 for before, later in pairwise((1.0, *found)))
