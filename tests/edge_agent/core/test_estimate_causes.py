"""What makes an estimate wrong or wide, cause by cause: ghosts, what nobody told, doses, creeping zeros."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from edge_agent.core.catalogue import Item
from edge_agent.core.estimate import Row, estimate, fold
from edge_agent.core.messages import Range, Reading, StockEstimate
from tests.edge_agent.core.test_estimate_classes import (
    FLAG,
    LEVEL,
    PACK,
    WASHES,
    codes,
    found,
    left,
    rows,
    soap,
    told,
)


def bounds(stock: StockEstimate) -> Range:
    """The interval, which must be known."""
    assert stock.amount is not None
    return stock.amount


def four(row: Row) -> tuple[int, datetime, Reading, int]:
    """A row with the number of its binding."""
    return row if len(row) == 4 else (*row, 0)


def falling(first: float, *, by: float, times: int, every: int = 6) -> list[float]:
    """A level that falls by a dose every so many hours."""
    return [first - by * (hour // every) for hour in range(times * every)]


# --- ghosts in the cupboard ---


def test_a_shop_pack_after_goods_were_thrown_away_leaves_no_ghost() -> None:
    """All went at a stroke, a pack was told and stands there now: it is that pack, and not what was lifted."""
    readings = rows([1_050.0] * 3 + [0.0] * 30 + [1_000.0] * 3)
    stock = found(soap(LEVEL), readings, told("bought", 1.0, after_h=31))
    assert left(stock) == pytest.approx(1_000, abs=5)
    assert stock.cupboard_packs == 0.0


def test_goods_that_came_during_a_false_zero_stand_beside_what_was_there() -> None:
    """The sensor speaks again and says both: no refill from nowhere, which would swallow the next delivery."""
    readings = rows([2_000.0] * 3 + [0.0] * 20 + [2_950.0] * 10)
    stock = found(soap(LEVEL), readings, told("delivered", 1.0, after_h=10), told("delivered", 2.0, after_h=30))
    assert left(stock) == pytest.approx(2_950 + 2_000, abs=5)
    assert stock.refills == ()


def test_a_glass_poured_as_the_bottle_is_put_back_takes_nothing_from_the_cupboard() -> None:
    """What comes back is what was lifted, though less than a half of it is left when a second value confirms it."""
    readings = rows([4_555.0] * 4 + [3_990.0, 3_990.0, 4_446.0, 4_200.0, 4_200.0])
    assert found(soap(LEVEL), readings, told("delivered", 2.0, after_h=1.5)).cupboard_packs == 2.0


def test_what_was_left_in_the_cupboard_while_the_tray_stood_empty_was_not_there() -> None:
    """Empty for a day with three packs by the books, then filled by the one that was bought: the three are gone."""
    readings = rows([500.0] * 4 + [450.0, 400.0, 200.0, 0.0] + [0.0] * 24 + [1_000.0] * 3)
    events = told("delivered", 3.0, after_h=0.5), told("bought", 1.0, after_h=30)
    stock = found(soap(LEVEL), readings, *events)
    assert left(stock) == pytest.approx(1_000, abs=5)


def test_a_tray_that_wanders_about_nothing_is_left_empty_too() -> None:
    """Some grams up and down are no use: half a day after it was empty, the cupboard is doubted."""
    nothing = [0.0, 6.0, 2.0, 9.0, 0.0, 4.0] * 4
    stock = found(soap(LEVEL), rows([300.0] * 4 + nothing), told("delivered", 2.0, after_h=0.5))
    assert "cupboard_doubtful" in codes(stock)
    assert bounds(stock).low < 5


def test_goods_past_their_date_leave_the_cupboard_and_may_be_there() -> None:
    """Hardly anybody says what was thrown away: the value is without them, the interval holds them."""
    item = soap(LEVEL, best_before_d=6.0)
    readings = rows(falling(900.0, by=20.0, times=36))
    stock = found(item, readings, told("delivered", 2.0, after_h=1.5))
    assert left(stock) == pytest.approx(200, abs=5)
    assert bounds(stock).high >= 2_200


# --- what nobody told ---


def test_a_delivery_told_after_a_smaller_rise_may_be_other_goods() -> None:
    """One pack was seen, four are told the next morning: three more or four more."""
    readings = rows([100.0] * 4 + [1_100.0] * 16)
    amount = bounds(found(soap(LEVEL), readings, told("delivered", 4.0, after_h=15.5)))
    assert amount.value == pytest.approx(4_100, abs=5)
    assert amount.high >= 5_090


def test_where_packs_were_found_that_nobody_told_another_may_be_there() -> None:
    """Two such packs in three weeks: after a fortnight more the interval holds a third; at first it does not."""
    once = [*([1_300.0] * 48), *falling(1_250.0, by=50.0, times=20, every=8)]
    readings = rows([300.0] * 4 + once + once)
    late = rows([1_300.0] * 24 * 16, first=len(readings) + 1)
    later: list[Row] = [
        (n, at + len(readings) * timedelta(hours=1), seen, place) for n, at, seen, place in (four(row) for row in late)
    ]
    soon, after = found(soap(LEVEL), readings + later[:24]), found(soap(LEVEL), readings + later)
    assert bounds(soon).high < left(soon) + 0.3 * PACK
    assert bounds(after).high >= left(after) + PACK


def test_washes_beyond_all_that_came_show_goods_that_nobody_told() -> None:
    """200 mL were there, 600 were counted since: a pack came, of which 600 may be left."""
    counts = [100.0 + hour for hour in range(13)]
    amount = bounds(found(soap(WASHES), rows(counts, unit="{cycle}"), told("corrected", 200.0)))
    assert amount.low == 0.0
    assert 590 <= amount.high <= 900


def test_a_tank_filled_as_never_before_may_leave_a_rest_in_its_pack() -> None:
    """920 of 1,000 were seen to go in: the rest is in the tank by now, or in the cupboard."""
    stock = found(soap(LEVEL), rows([80.0] * 4 + [1_000.0] * 4), told("delivered", 1.0, after_h=1.5))
    amount = bounds(stock)
    assert amount.value == pytest.approx(1_000, abs=5)
    assert amount.high >= 1_080


def test_the_rest_of_a_begun_pack_is_poured_in() -> None:
    """A small rise is drift, but not where just so much stood in the cupboard."""
    stock = found(soap(LEVEL), rows([140.0] * 4 + [200.0] * 4), told("corrected", 220.0, after_h=1.5))
    assert (left(stock), stock.cupboard_packs) == (200.0, 0.0)


# --- doses ---


def test_who_fills_it_up_has_often_just_used_it() -> None:
    """A dose of 100 may hide in a refill: the interval of what is left in the cupboard holds it."""
    readings = rows([*falling(900.0, by=100.0, times=8), *([1_500.0] * 4)])
    amount = bounds(found(soap(LEVEL), readings, told("delivered", 3.0, after_h=1.5)))
    assert amount.low < amount.value - 70
    assert amount.high > amount.value + 70


def test_what_one_wash_uses_varies() -> None:
    """After twenty washes of about 50 mL, some 400 may be off by a tenth of a pack."""
    counts = [100.0 + hour for hour in range(21)]
    amount = bounds(found(soap(WASHES), rows(counts, unit="{cycle}"), told("corrected", 3_000.0)))
    assert amount.value == pytest.approx(2_000, abs=1)
    assert 90 < amount.high - amount.value < 200


def test_what_one_wash_uses_may_be_off_as_a_whole() -> None:
    """Of sixteen times as many washes the interval is more than four times as wide."""
    few, many = (
        bounds(
            found(soap(WASHES), rows([100.0 + n for n in range(washes + 1)], unit="{cycle}"), told("corrected", 9e4))
        )
        for washes in (20, 320)
    )
    assert many.high - many.value > 6 * (few.high - few.value)


# --- a zero that creeps ---

CREEPING = [3_000.0 + 4.0 * hour + (-1) ** hour * 2.0 for hour in range(72)]


def test_a_level_that_creeps_up_is_not_believed() -> None:
    """Goods do not come by the gram: what has crept is taken off, and trust falls."""
    stock = found(soap(LEVEL, unit="g"), rows([3_000.0, 3_002.0] * 12 + CREEPING, unit="g"))
    assert codes(stock) == {"creeps"}
    assert stock.trust < 0.5
    assert left(stock) == pytest.approx(3_000, abs=40)
    assert bounds(stock).low <= 3_000 <= bounds(stock).high
    assert stock.refills == ()


def test_a_zero_that_is_put_right_again_is_no_use() -> None:
    """The value falls at a stroke by what it had crept, more than anybody uses at once."""
    crept = [3_000.0 + 8.0 * hour + (-1) ** hour * 2.0 for hour in range(72)]
    readings = rows([3_000.0, 3_002.0] * 12 + crept + [3_001.0, 2_999.0] * 12, unit="g")
    stock = found(soap(LEVEL, unit="g"), readings)
    assert codes(stock) == set()
    assert left(stock) == pytest.approx(3_000, abs=10)
    assert sum(used for _, used in stock.daily_use) < 0.03 * PACK


# --- flags teach ---


def flagged(*, days: int, item: Item) -> StockEstimate:
    """Warned, filled with a pack, and warned again after so many days."""
    words = ["ok", "low", *(["ok"] * 24 * days), "low"]
    readings = rows(words, unit="")
    return estimate(fold(None, readings, item=item), item=item, now=readings[-1][1])


def test_a_warning_teaches_the_use() -> None:
    """A pack from one warning to the next: in ten days as guessed, in four days two and a half times that."""
    slow, fast = flagged(days=10, item=soap(FLAG)), flagged(days=4, item=soap(FLAG))
    assert slow.use_per_day is not None
    assert fast.use_per_day is not None
    assert slow.use_per_day.value == pytest.approx(100, rel=0.1)
    assert fast.use_per_day.value > 150


def test_a_warning_after_goods_came_teaches_nothing() -> None:
    """They may have been poured in meanwhile, so nobody knows how much was used."""
    words = ["ok", "low", *(["ok"] * 24 * 4), "low"]
    stock = found(soap(FLAG), rows(words, unit=""), told("delivered", 2.0, after_h=40))
    assert stock.use_per_day is not None
    assert stock.use_per_day.value == pytest.approx(100, rel=0.05)
