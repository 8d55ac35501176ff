"""Items without a sensor: unknown until somebody tells, then on the cycle that was stated, tuned by what people say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import Item
from edge_agent.core.deciding.cycles import cycle_estimate, tuned
from edge_agent.core.messages import ItemId, StockEstimate
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Opened,
    Scanned,
    StockEvent,
    ThrownAway,
)
from tests.edge_agent.consumables import MILK, START, stock_estimate

PACK = 500.0
SALT = Item(
    id="salt",
    name="Salt",
    category="dishwasher_salt",
    unit="g",
    product=MILK.product.model_copy(update={"sku": "salt", "pack_amount": PACK}),
    cycle_days=20.0,
    room_packs=4,
    prior_use_per_day=PACK / 20,
)
IDENT = ItemId("salt")


def day(number: float) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=number)


def bought(at_d: float, packs: float) -> BoughtElsewhere:
    """Anna bought some."""
    return BoughtElsewhere(IDENT, day(at_d), "anna", packs)


def counted(at_d: float, packs: float) -> Corrected:
    """Anna counted."""
    return Corrected(IDENT, day(at_d), "anna", packs * PACK)


def stock(*events: StockEvent, at_d: float) -> StockEstimate:
    """The estimate so many days after the start."""
    return cycle_estimate(SALT, events, folded=stock_estimate(SALT, packs=None, at=START), now=day(at_d))


def test_before_anybody_told_anything_it_is_unknown() -> None:
    """Unknown is not empty, and has no trust."""
    found = stock(at_d=30)
    assert (found.amount, found.trust) == (None, 0.0)


def test_it_goes_down_by_the_cycle_that_was_stated() -> None:
    """Two packs of twenty days: half of them is left after twenty days, none after sixty."""
    for at_d, packs in ((0, 2.0), (20, 1.0), (30, 0.5), (60, 0.0)):
        found = stock(counted(0, 2.0), at_d=at_d)
        assert found.amount is not None
        assert found.amount.value / PACK == pytest.approx(packs)
        assert found.amount.low <= found.amount.value <= found.amount.high


@pytest.mark.parametrize(
    ("events", "faster"),
    [
        pytest.param((counted(0, 2.0), counted(20, 0.2)), True, id="less is left than was reckoned"),
        pytest.param((counted(0, 2.0), counted(20, 1.8)), False, id="more is left than was reckoned"),
        pytest.param((counted(0, 2.0), bought(15, 2.0)), True, id="somebody bought early"),
        pytest.param((counted(0, 2.0), Opened(IDENT, day(8), "anna")), True, id="a pack was finished early"),
    ],
)
def test_what_people_tell_tunes_it(events: tuple[StockEvent, ...], faster: bool) -> None:
    """Towards what was seen, and not all the way at once."""
    rate = tuned(SALT, events, now=day(40)).rate_packs_per_day
    assert (1 / 20 < rate < 1 / 12) if faster else (1 / 40 < rate < 1 / 20)


def test_a_count_weighs_more_than_a_purchase() -> None:
    """The same early need, told in two ways."""
    by_count = tuned(SALT, [counted(0, 2.0), counted(15, 0.5)], now=day(15)).rate_packs_per_day
    by_purchase = tuned(SALT, [counted(0, 2.0), bought(15, 2.0)], now=day(15)).rate_packs_per_day
    assert by_count > by_purchase > 1 / 20


def test_its_own_deliveries_teach_nothing() -> None:
    """What the hub ordered came because of what was reckoned: no proof of anything."""
    events = [counted(0, 2.0), *(Delivered(IDENT, day(10 * number), "hub", 1.0) for number in range(1, 8))]
    assert tuned(SALT, events, now=day(90)).rate_packs_per_day == pytest.approx(1 / 20)


def test_what_was_thrown_away_was_not_used() -> None:
    """It is gone, and the cycle stays."""
    found = tuned(SALT, [counted(0, 3.0), ThrownAway(IDENT, day(1), "anna", 1.5 * PACK)], now=day(1))
    assert found.left(day(1)) == pytest.approx(3.0 - 1 / 20 - 1.5)
    assert found.rate_packs_per_day == pytest.approx(1 / 20)


def test_a_spare_that_was_there_slows_it_down() -> None:
    """Declined since there is a spare: more is left than was reckoned, and the cycle is longer."""
    reckoned = tuned(SALT, [counted(0, 2.0)], now=day(35))
    told = tuned(SALT, [counted(0, 2.0)], spare_at=[day(35)], now=day(35))
    assert reckoned.left(day(35)) == pytest.approx(0.25)
    assert told.left(day(35)) == pytest.approx(1.5)
    assert told.rate_packs_per_day < reckoned.rate_packs_per_day
    assert tuned(SALT, [], spare_at=[day(1)], now=day(2)).packs is None


def test_it_learns_a_household_that_is_twice_as_fast() -> None:
    """Counted every ten days for half a year, the cycle is ten days instead of twenty."""
    events: list[StockEvent] = [counted(0, 2.0)]
    for turn in range(1, 18):
        events += [counted(10 * turn, 1.0), bought(10 * turn + 0.1, 1.0)]
    assert tuned(SALT, events, now=day(180)).rate_packs_per_day == pytest.approx(1 / 10, rel=0.15)


def test_trust_fades_when_nobody_looks() -> None:
    """After some cycles without a word it says so, and asks instead of ordering."""
    fresh, old = (stock(counted(0, 2.0), at_d=at_d) for at_d in (20, 200))
    assert fresh.trust == 0.9
    assert not fresh.doubts
    assert old.trust < 0.3
    assert old.doubts[0].text == "Salt has no sensor, and nobody has said for 200 days how much there is."


_EVENTS = st.one_of(
    st.builds(counted, st.floats(0, 100), st.floats(0, 50)),
    st.builds(bought, st.floats(0, 100), st.floats(0.1, 20)),
    st.builds(lambda at_d: Opened(IDENT, day(at_d), "anna"), st.floats(0, 100)),
    st.builds(lambda at_d, packs: Scanned(IDENT, day(at_d), "anna", packs), st.floats(0, 100), st.floats(-5, 5)),
    st.builds(lambda at_d, amount: ThrownAway(IDENT, day(at_d), "anna", amount), st.floats(0, 100), st.floats(0, 1e5)),
)


@given(events=st.lists(_EVENTS, max_size=12), at_d=st.floats(0, 500))
@settings(max_examples=150, deadline=None)
def test_it_stays_sane_whatever_is_told(events: list[StockEvent], at_d: float) -> None:
    """In any order: never negative, a rate above zero, a range around the value."""
    found = stock(*events, at_d=at_d)
    assert found.use_per_day is not None
    assert 0 < found.use_per_day.low <= found.use_per_day.value <= found.use_per_day.high
    if found.amount is not None:
        assert 0 <= found.amount.low <= found.amount.value <= found.amount.high + 1e-9
