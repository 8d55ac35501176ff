"""The price of a day, the position that is needed, and the days on which an order is sensible."""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.reorder import (
    NEED_PACKS_MAX,
    need_packs,
    order_window,
    poisson_chances,
    price_d,
    used_again,
    waiting_chances,
)

anything = st.floats(allow_nan=True, allow_infinity=True)
chance = st.floats(0, 1)
falling = st.lists(chance, max_size=80).map(lambda chances: sorted(chances, reverse=True))
rising = st.lists(chance, min_size=3, max_size=30).map(sorted)


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


def test_waiting_looks_past_one_busy_day() -> None:
    """Today one in ten, then nothing for a week: the chance a day of waiting is far below today's tenth."""
    gone = (0.05, 0.1, *([0.1] * 6))
    within = [(one, 0.0) for one in gone]
    assert waiting_chances(within, lead_d=2)[0] < 0.04
    assert waiting_chances(within[:2], lead_d=2)[0] == pytest.approx(0.1)


@given(st.floats(0.001, 0.5), st.integers(1, 7))
def test_waiting_changes_nothing_where_the_chance_is_the_same_every_day(rate: float, lead_d: int) -> None:
    """Without memory there is nothing to wait for: the chance of the lead time counts."""
    within = [poisson_chances(rate, days=days, packs_max=1) for days in range(1, 15)]
    assert waiting_chances(within, lead_d=lead_d)[0] == pytest.approx(1 - exp(-rate * lead_d))


def test_waiting_chances_need_the_lead_time() -> None:
    """Fewer days than the lead time say nothing of it."""
    with pytest.raises(ValueError, match="lead time of 3 days"):
        waiting_chances([(0.1,), (0.2,)], lead_d=3)


@given(st.lists(st.tuples(chance, chance), min_size=1, max_size=14), st.data())
def test_waiting_chances_are_chances(within: list[tuple[float, float]], data: st.DataObject) -> None:
    """Any table gives numbers between 0 and 1."""
    lead_d = data.draw(st.integers(1, len(within)))
    assert all(0 <= found <= 1 for found in waiting_chances(within, lead_d=lead_d))


def test_the_window_lies_around_the_day_that_costs_least() -> None:
    """Surely finished on day ten, two days of lead: ordered on day eight, or earlier where that is allowed."""
    used_up = [0.0] * 9 + [1.0] * 5
    sure = order_window(used_up, lead_d=2, order_packs=1, rate_packs_per_day=0.1, thrift=0.01, allowance=0)
    assert (sure.earliest_d, sure.best_d, sure.latest_d) == (8, 8, 8)
    assert sure.early_cost == pytest.approx(80)
    easy = order_window(used_up, lead_d=2, order_packs=1, rate_packs_per_day=0.1, thrift=0.01, allowance=35)
    assert (easy.earliest_d, easy.best_d) == (5, 8)


@given(rising, st.floats(0, 100), st.floats(0, 100))
def test_a_larger_allowance_widens_the_window(used_up: list[float], one: float, other: float) -> None:
    """The best day is inside, and what is allowed more leaves out no day."""
    small, large = (
        order_window(used_up, lead_d=2, order_packs=2, rate_packs_per_day=0.2, thrift=0.005, allowance=allowance)
        for allowance in sorted((one, other))
    )
    assert large.earliest_d <= small.earliest_d <= small.best_d <= small.latest_d <= large.latest_d
    assert small.early_cost >= 0


def test_an_item_is_used_again_at_the_pace_of_the_known_days() -> None:
    """One in ten a week is a little over half in eight weeks; inside the known days they are taken as they are."""
    within = [0.02, 0.03, 0.05, 0.06, 0.07, 0.09, 0.1]
    assert used_again(within, days=56) == pytest.approx(1 - 0.9**8)
    assert used_again(within, days=3) == pytest.approx(0.05)
    assert used_again([0.0] * 7, days=56) == 0
    with pytest.raises(ValueError, match="no chance of use"):
        used_again([], days=7)
