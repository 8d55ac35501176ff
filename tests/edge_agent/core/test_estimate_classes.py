"""The stock estimate by class of signal, with several sensors, with facts, and with each fault of a sensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimate import Row, StockState, estimate, fold
from edge_agent.core.messages import ItemId, Presence, Reading, StockEstimate
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Opened,
    Scanned,
    StockEvent,
    ThrownAway,
)
from tests.edge_agent.consumables import MILK, START

PACK = 1_000.0
HOUR = timedelta(hours=1)
ID = ItemId("soap")
LEVEL = Binding(device="washer", signal="detergent.remaining")
OTHER_WASHER = Binding(device="washer_2", signal="detergent.remaining")
PERCENT = Binding(device="washer", signal="softener.remaining", full_amount=2_000.0)
WASHES = Binding(device="washer", signal="cycle.count", kind="counter", amount_per_count=50.0)
HOURS_USED = Binding(
    device="aircon", signal="filter.time_used", kind="run_time", amount_per_hour=1.0, full_amount=1_000.0
)
HOURS = Binding(device="burner", signal="fuel.time_used", kind="run_time", amount_per_hour=10.0)
PAGES_LEFT = Binding(device="printer", signal="drum.count_left", kind="counter", amount_per_count=2.0)
FLAG = Binding(device="washer", signal="detergent.state", kind="flag", low_amount=200.0)


def soap(*bindings: Binding, **told: object) -> Item:
    """An item of 1,000 mL packs, of which 100 mL a day are used, with these sensors."""
    product = MILK.product.model_copy(update={"pack_amount": PACK})
    first, *more = bindings or (None,)
    changes = {"id": "soap", "name": "Soap", "unit": "mL", "product": product, "binding": first, "room_packs": 9}
    return MILK.model_copy(
        update={**changes, "more_bindings": tuple(more), "prior_use_per_day": 100.0, "cycle_days": 10.0, **told}
    )


def reading(value: float | str | None, unit: str = "mL") -> Reading:
    """What a sensor said; None: nothing that can be trusted."""
    presence = Presence.UNKNOWN if value is None else Presence.VALUE
    return Reading("x", presence, value, unit)


def rows(values: Iterable[float | str | None], *, unit: str = "mL", place: int = 0, first: int = 1) -> list[Row]:
    """Readings of one binding, one an hour."""
    return [(first + n, START + n * HOUR, reading(value, unit), place) for n, value in enumerate(values)]


def told(kind: str, number: float = 0.0, *, after_h: float = 0.5) -> StockEvent:
    """What somebody said."""
    at = START + after_h * HOUR
    match kind:
        case "corrected":
            return Corrected(ID, at, "anna", number)
        case "bought":
            return BoughtElsewhere(ID, at, "anna", number)
        case "scanned":
            return Scanned(ID, at, "anna", number)
        case "thrown":
            return ThrownAway(ID, at, "anna", number)
        case "opened":
            return Opened(ID, at, "anna")
        case _:
            return Delivered(ID, at, "hub", number)


def found(
    item: Item, readings: Sequence[Row], *events: StockEvent, after_h: float | None = None, is_home_quiet: bool = False
) -> StockEstimate:
    """The estimate after all of it; at the last reading, or so many hours after the start."""
    state = fold(None, readings, item=item, events=list(enumerate(events, start=1)))
    last = readings[-1][1] if readings else START
    return estimate(
        state, item=item, now=last if after_h is None else START + after_h * HOUR, is_home_quiet=is_home_quiet
    )


def left(stock: StockEstimate) -> float:
    """The amount, which must be known."""
    assert stock.amount is not None
    return stock.amount.value


def codes(stock: StockEstimate) -> set[str]:
    """What is doubted."""
    return {doubt.code for doubt in stock.doubts}


# --- classes ---


@pytest.mark.parametrize(
    ("item", "readings", "amount"),
    [
        pytest.param(soap(LEVEL), rows([900, 850, 850]), 850.0, id="a level"),
        pytest.param(soap(PERCENT), rows([50, 45, 45], unit="%"), 900.0, id="a percentage"),
        pytest.param(soap(HOURS_USED), rows([100, 300, 300], unit="h"), 700.0, id="hours of a fresh part"),
        pytest.param(soap(HOURS_USED), rows([6_000, 6_000], unit="min"), 900.0, id="minutes of it"),
        pytest.param(soap(HOURS_USED), rows([1_200, 1_200], unit="h"), 0.0, id="a part used for too long is used up"),
        pytest.param(soap(PAGES_LEFT), rows([300, 200, 200], unit="{page}"), 400.0, id="what is left, in pages"),
    ],
)
def test_a_signal_that_tells_what_is_left(item: Item, readings: list[Row], amount: float) -> None:
    """Levels, and counts of what a part has given or still gives."""
    assert left(found(item, readings)) == pytest.approx(amount, abs=1)


@pytest.mark.parametrize(
    ("item", "readings"),
    [
        pytest.param(soap(WASHES), rows([812, 813, 820], unit="{cycle}"), id="a counter"),
        pytest.param(soap(HOURS), rows([1, 2, 3], unit="h"), id="a run time"),
        pytest.param(soap(FLAG), rows(["ok", "ok"], unit=""), id="a flag that never warned"),
        pytest.param(soap(LEVEL), rows([None, None]), id="a level that says nothing"),
        pytest.param(soap(HOURS_USED), rows([100], unit="%"), id="hours in percent"),
        pytest.param(soap(), [], id="no sensor"),
        pytest.param(soap(LEVEL, OTHER_WASHER), rows([900, 900]), id="one washer of two"),
    ],
)
def test_what_only_tells_use_leaves_the_amount_unknown(item: Item, readings: list[Row]) -> None:
    """Nobody said how much there was: unknown is never zero, and not trusted."""
    stock = found(item, readings)
    assert (stock.amount, stock.trust) == (None, 0.0)


@pytest.mark.parametrize(
    ("counts", "amount"),
    [
        pytest.param([812, 814], 1_900.0, id="two washes"),
        pytest.param([812, 813, 0, 1], 1_900.0, id="reset to 0"),
        pytest.param([65_534, 65_535, 1], 1_900.0, id="wrapped"),
        pytest.param([812, 9e9, 813], 1_950.0, id="one absurd value"),
        pytest.param([812, 500_000, 500_001], 1_950.0, id="another counter from there on"),
        pytest.param([812, None, 814], 1_900.0, id="unknown in between"),
        pytest.param([812, 0, 0, 812, 813], 1_950.0, id="lost its count for a while"),
    ],
)
def test_a_counter_takes_from_what_was_counted(counts: list[float | None], amount: float) -> None:
    """After a count of 2 packs, each wash takes 50 mL; what no household does is not counted."""
    stock = found(soap(WASHES), rows(counts, unit="{cycle}"), told("corrected", 2_000.0, after_h=0.2))
    assert left(stock) == pytest.approx(amount, abs=1)


def test_a_flag_sets_the_amount_when_it_turns() -> None:
    """Warned: 200 mL are left. Filled: a pack more. In between nobody knows better than the rate."""
    warned = rows(["ok", "low", "low"], unit="")
    assert left(found(soap(FLAG), warned)) == pytest.approx(200.0, abs=10)
    filled = found(soap(FLAG), rows(["ok", "low", "ok"], unit=""))
    assert left(filled) == pytest.approx(1_200.0, abs=15)
    assert [refill.amount for refill in filled.refills] == [PACK]
    assert left(found(soap(FLAG), rows(["ok", "empty"], unit=""))) == 0.0


def test_use_of_a_counter_is_booked_by_day() -> None:
    """Two washes a day are 100 mL a day."""
    counts = [100.0 + 2 * (hour // 24) for hour in range(24 * 12)]
    stock = found(soap(WASHES), rows(counts, unit="{cycle}"), told("corrected", 3_000.0))
    assert stock.use_per_day is not None
    assert stock.use_per_day.value == pytest.approx(100.0, rel=0.1)
    assert stock.last_used_on == date(2026, 3, 11)


# --- the cupboard ---


def test_an_appliance_is_filled_from_the_cupboard() -> None:
    """Two packs come, one is poured in: as much as before, no refill from outside, one pack in the cupboard."""
    stock = found(soap(LEVEL), rows([100, 100, 100, 1_100, 1_100]), told("delivered", 2.0, after_h=1.5))
    assert left(stock) == pytest.approx(2_100)
    assert (stock.cupboard_packs, stock.refills) == (1.0, ())


def test_what_the_sensor_saw_first_counts_once() -> None:
    """Goods put on the tray before the delivery is told are those of the delivery."""
    stock = found(soap(LEVEL), rows([100, 100, 100, 2_100, 2_100]), told("delivered", 2.0, after_h=10))
    assert left(stock) == pytest.approx(2_100)
    assert stock.cupboard_packs == 0.0
    assert [refill.amount for refill in stock.refills] == [pytest.approx(2_000)]


def test_a_glass_that_was_drunk_meanwhile_leaves_no_crumb_in_the_cupboard() -> None:
    """A pack that was put on the tray went as a whole, though it was used from before a second value confirmed it."""
    readings = rows([100, 100, 100, 1_100, 960, 960])
    assert left(found(soap(LEVEL), readings, told("delivered", 1.0, after_h=1.5))) == pytest.approx(960)


def test_two_washers_draw_from_one_shelf() -> None:
    """Both tanks and the cupboard add up; a refill of either takes from the same packs."""
    item = soap(LEVEL, OTHER_WASHER)
    both = rows([100, 100, 100, 1_100, 1_100]) + rows([500, 500, 500, 400, 400], place=1, first=6)
    both.sort(key=lambda row: row[1])
    readings: list[Row] = [(number, *row[1:]) for number, row in enumerate(both, start=1)]
    stock = found(item, readings, told("delivered", 3.0, after_h=1.5))
    assert left(stock) == pytest.approx(1_100 + 400 + 2_000)
    assert stock.cupboard_packs == 2.0


def test_a_count_puts_the_rest_in_the_cupboard() -> None:
    """Of three packs in all the appliance holds a half."""
    stock = found(soap(LEVEL), rows([500, 500, 500]), told("corrected", 3_000.0, after_h=1.5))
    assert left(stock) == pytest.approx(3_000)
    assert stock.cupboard_packs == pytest.approx(2.5)


def test_a_count_below_the_sensor_puts_its_zero_right() -> None:
    """The person is right, readings after it count from there, and the doubt is said."""
    stock = found(soap(LEVEL), rows([900, 900, 900, 850, 850]), told("corrected", 300.0, after_h=2.5))
    assert left(stock) == pytest.approx(250)
    assert codes(stock) == {"counted_less"}


@pytest.mark.parametrize(
    ("events", "amount"),
    [
        pytest.param([told("corrected", 2_000.0)], 2_000.0, id="counted"),
        pytest.param([told("corrected", 2_000.0), told("bought", 1.0)], 3_000.0, id="bought"),
        pytest.param([told("corrected", 2_000.0), told("scanned", 1.0)], 3_000.0, id="scanned in"),
        pytest.param([told("corrected", 2_400.0), told("scanned", -1.0)], 2_000.0, id="an empty pack scanned out"),
        pytest.param([told("corrected", 2_100.0), told("opened")], 2_000.0, id="a new pack opened"),
        pytest.param([told("corrected", 2_000.0), told("thrown", 500.0)], 1_500.0, id="thrown away"),
        pytest.param([told("corrected", 0.0)], 0.0, id="counted nothing"),
    ],
)
def test_without_a_sensor_people_tell_what_is_left(events: list[StockEvent], amount: float) -> None:
    """Facts add up; time takes the use of the cycle from them."""
    assert left(found(soap(), [], *events, after_h=0.5)) == pytest.approx(amount, abs=1)
    later = found(soap(), [], *events, after_h=0.5 + 24)
    assert left(later) == pytest.approx(max(0.0, amount - 100), abs=1)
    assert later.amount is not None
    assert later.amount.low <= max(0.0, amount - 110)


def test_two_counts_tell_the_use_of_an_item_without_a_sensor() -> None:
    """2,000 mL in ten days are 200 a day, whatever the household guessed."""
    counts = [told("corrected", 3_000.0 - 200.0 * day, after_h=24.0 * day) for day in (0, 5, 10)]
    stock = found(soap(), [], *counts, after_h=240)
    assert stock.use_per_day is not None
    assert stock.use_per_day.value == pytest.approx(170, abs=25)


def test_the_first_goods_make_an_unknown_stock_known() -> None:
    """They were bought because little was left; how little, the interval says."""
    amount = found(soap(), [], told("delivered", 2.0)).amount
    assert amount is not None
    assert 2_000 <= amount.value <= 2_500
    assert amount.low <= 2_000


def test_batches_are_dated_and_the_oldest_is_used_first() -> None:
    """Of five packs in two deliveries, what is left is the newer one and a part of the older."""
    item = soap(LEVEL, best_before_d=10.0, opened_for_d=3.0)
    readings = rows([0, 0, 0, 2_000, 2_000] + [2_000] * 40 + [5_000, 5_000, 3_500, 3_500])
    stock = found(item, readings, told("delivered", 2.0, after_h=2.5), told("delivered", 3.0, after_h=44.5))
    assert [(round(batch.amount), batch.best_before.day, batch.opened) for batch in stock.spoils] == [
        (500, 5, True),
        (3_000, 12, False),
    ]


# --- faults ---


def noisy_use(hours: int, *, noise: float = 3.0, seed: int = 1) -> list[float]:
    """A jar of 3,000 mL of which 40 are used in an hour of two, with a sensor that scatters."""
    rng = np.random.default_rng(seed)
    return [float(round(3_000 - 20 * (hour // 2) * 0.4 + rng.normal(0, noise))) for hour in range(hours)]


def test_a_stuck_sensor_is_doubted_and_reckoned_on() -> None:
    """A sensor that always scatters and now says the same for days: the amount falls with the use, trust with it."""
    values = noisy_use(100)
    stock = found(soap(LEVEL), rows(values + [values[-1]] * 96))
    assert codes(stock) == {"stuck"}
    assert stock.trust < 0.5
    assert left(stock) < values[-1] - 150
    assert stock.amount is not None
    assert stock.amount.low < stock.amount.value < stock.amount.high


def test_a_value_stands_still_in_a_quiet_home() -> None:
    """Where nothing else is used either, nobody is there, and no sensor is blamed."""
    values = noisy_use(100)
    stock = found(soap(LEVEL), rows(values + [values[-1]] * 96), is_home_quiet=True)
    assert codes(stock) == set()


def test_washes_without_a_drop_show_a_stuck_level() -> None:
    """The counter of the same washer says that soap was used: what it says is taken off."""
    item = soap(LEVEL, WASHES)
    levels = [1_500.0, 1_450.0, 1_450.0, *[1_450.0] * 8]
    counts = [100.0, 101.0, 101.0, *(102.0 + n for n in range(8))]
    readings: list[Row] = []
    for hour, (amount, count) in enumerate(zip(levels, counts, strict=True)):
        at = START + hour * HOUR
        readings += [(2 * hour + 1, at, reading(amount), 0), (2 * hour + 2, at, reading(count, "{cycle}"), 1)]
    stock = found(item, readings)
    assert codes(stock) == {"stuck"}
    assert left(stock) == pytest.approx(1_025, abs=30)


def test_sensors_that_contradict_each_other_are_both_in_the_interval() -> None:
    """The first one stands, the doubt names both, and trust falls."""
    item = soap(LEVEL, PERCENT)
    readings: list[Row] = []
    for hour in range(6):
        at = START + hour * HOUR
        readings += [(2 * hour + 1, at, reading(900.0), 0), (2 * hour + 2, at, reading(10.0, "%"), 1)]
    stock = found(item, readings)
    assert codes(stock) == {"contradictory"}
    assert stock.amount is not None
    assert stock.amount.low <= 200
    assert stock.amount.high >= 900
    assert stock.trust < 0.5


def test_sensors_that_agree_are_weighed() -> None:
    """Two that tell the same do not lower the trust."""
    item = soap(LEVEL, PERCENT)
    readings: list[Row] = []
    for hour in range(8):
        at = START + hour * HOUR
        readings += [(2 * hour + 1, at, reading(900.0), 0), (2 * hour + 2, at, reading(45.0, "%"), 1)]
    stock = found(item, readings)
    assert codes(stock) == set()
    assert left(stock) == pytest.approx(900, abs=2)
    assert stock.trust > 0.8


def test_a_full_jar_that_is_gone_at_a_stroke_is_doubted() -> None:
    """A part that nobody ever set up says 0 for every amount: the stock is not empty for that."""
    stock = found(soap(LEVEL), rows([2_000.0] * 5 + [0.0] * 10))
    assert codes(stock) == {"gone"}
    assert left(stock) > 1_800
    assert stock.amount is not None
    assert stock.amount.low == 0.0
    back = found(soap(LEVEL), rows([2_000.0] * 5 + [0.0] * 10 + [1_990.0] * 2))
    assert (codes(back), back.refills) == (set(), ())
    assert left(back) == pytest.approx(1_990)


def test_a_silent_sensor_says_so() -> None:
    """After a day of silence the doubt says for how long."""
    stock = found(soap(LEVEL), rows([900.0] * 5), after_h=4 + 60)
    assert codes(stock) == {"stale"}
    assert "2 days" in stock.doubts[0].text or "3 days" in stock.doubts[0].text


def test_one_message_heard_twice_confirms_nothing() -> None:
    """Two gateways hear one junk value within seconds: it is still one."""
    readings = rows([1_500.0] * 4)
    at = readings[-1][1] + HOUR
    heard: list[Row] = [(5 + n, at + n * timedelta(seconds=2), reading(0.0), 0) for n in range(5)]
    after: list[Row] = [(10, at + HOUR, reading(1_500.0), 0)]
    assert left(found(soap(LEVEL), readings + heard)) == 1_500
    assert left(found(soap(LEVEL), readings + heard + after)) == 1_500


def test_a_sensor_that_begins_to_shake_is_averaged_and_makes_no_goods() -> None:
    """Scatter of a quarter of a pack: no refill out of it, and the interval knows."""
    rng = np.random.default_rng(5)
    shaky = [float(max(0.0, 3_000 + rng.normal(0, 250))) for _ in range(24 * 10)]
    stock = found(soap(LEVEL), rows([3_000.0] * 48 + shaky))
    assert stock.amount is not None
    assert stock.amount.low < 3_000 < stock.amount.high
    assert stock.amount.high - stock.amount.low > 100


def test_a_refused_binding_says_nothing() -> None:
    """Its readings count as folded, what it told before is forgotten, and the amount is unknown."""
    item, readings = soap(LEVEL), rows([900.0] * 4)
    before = fold(None, readings, item=item)
    state = fold(before, rows([800.0] * 2, first=5), item=item, refused=frozenset({0}))
    stock = estimate(state, item=item, now=START)
    assert (stock.amount, state.reading_id) == (None, 6)


def test_a_thousand_units_in_a_day_are_no_order_of_a_counter() -> None:
    """What cannot be is left out: the stock stands."""
    stock = found(soap(WASHES), rows([0, 1_000, 2_000, 3_000], unit="{cycle}"), told("corrected", 2_000.0))
    assert left(stock) >= 0


# --- laws ---

VALUES = st.one_of(
    st.none(),
    st.floats(-2_000, 20_000),
    st.sampled_from([0.0, 100.0, 1_000.0, 1_000.0, 1e9, float("nan"), float("inf")]),
    st.sampled_from(["ok", "low", "empty", "word"]),
)
UNITS = st.sampled_from(["mL", "mL", "%", "h", "{cycle}", "", "g"])
ITEMS = st.sampled_from(
    [
        soap(),
        soap(LEVEL),
        soap(LEVEL, WASHES, FLAG),
        soap(WASHES, HOURS),
        soap(FLAG, WASHES),
        soap(LEVEL, OTHER_WASHER, PERCENT),
        soap(HOURS_USED, best_before_d=5.0, opened_for_d=2.0),
        soap(FLAG),
    ]
)
KINDS = st.sampled_from(["corrected", "bought", "scanned", "thrown", "opened", "delivered"])


@st.composite
def lives(draw: st.DrawFn) -> tuple[Item, list[Row | StockEvent]]:
    """An item with readings and events in any order of time."""
    item = draw(ITEMS)
    at = START
    life: list[Row | StockEvent] = []
    places = max(1, len(item.bindings))
    for number in range(1, draw(st.integers(0, 30)) + 1):
        at += draw(st.sampled_from([1.0, 1.0, 0.001, 6.0, 40.0, 24.0 * 50, 0.0, -5.0])) * HOUR
        if not item.bindings or (draw(st.booleans()) and draw(st.booleans())):
            kind = draw(KINDS)
            packs = -1.0 if kind == "scanned" and draw(st.booleans()) else draw(st.floats(0, 9))
            scale = PACK if kind in {"corrected", "thrown"} else 1.0
            life.append(told(kind, packs * scale, after_h=(at - START) / HOUR))
        else:
            life.append((number, at, reading(draw(VALUES), draw(UNITS)), draw(st.integers(0, places - 1))))
    return item, life


def folded(
    state: StockState | None, life: Sequence[Row | StockEvent], *, item: Item, numbers: dict[int, int]
) -> StockState:
    """One after the other, as they came."""
    state = fold(state, [], item=item)
    for one in life:
        if isinstance(one, tuple):
            state = fold(state, [one], item=item)
        else:
            state = fold(state, [], item=item, events=[(numbers[id(one)], one)])
    return state


@given(life=lives(), days=st.sampled_from([0.0, 0.1, 3.0, 400.0]))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_the_estimate_is_sane(life: tuple[Item, list[Row | StockEvent]], days: float) -> None:
    """No exception, no negative amount, the value within its interval, and unknown never becomes zero."""
    item, told_all = life
    numbers = {id(one): n for n, one in enumerate(told_all, start=1)}
    state = folded(None, told_all, item=item, numbers=numbers)
    stock = estimate(state, item=item, now=START + timedelta(days=days))
    for bound in (stock.amount, stock.use_per_day):
        assert bound is None or 0 <= bound.low <= bound.value <= bound.high < float("inf")
    assert 0 <= stock.trust <= 1
    assert stock.cupboard_packs >= 0
    assert all(batch.amount > 0 for batch in stock.spoils)
    assert all(used >= 0 for _, used in stock.daily_use)
    said = [one for one in told_all if not isinstance(one, tuple)]
    values = [one for one in told_all if isinstance(one, tuple) and one[2].presence is Presence.VALUE]
    if not said and not values:
        assert stock.amount is None


@given(life=lives(), cut=st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_folding_in_two_halves_is_folding_in_one(life: tuple[Item, list[Row | StockEvent]], cut: int) -> None:
    """Through the store in between, too; what was folded before is passed over."""
    item, told_all = life
    numbers = {id(one): n for n, one in enumerate(told_all, start=1)}
    whole = folded(None, told_all, item=item, numbers=numbers)
    half = folded(None, told_all[:cut], item=item, numbers=numbers)
    again = StockState.from_json(half.to_json())
    assert folded(again, told_all[max(0, cut - 3) :], item=item, numbers=numbers) == whole


def test_events_stand_before_the_first_later_reading() -> None:
    """Given together or one after the other as they came in time, the state is the same."""
    item, readings = soap(LEVEL), rows([100, 100, 100, 1_100, 1_100])
    event = told("delivered", 2.0, after_h=1.5)
    together = fold(None, readings, item=item, events=[(1, event)])
    first = fold(None, readings[:2], item=item)
    apart = fold(fold(first, [], item=item, events=[(1, event)]), readings[2:], item=item)
    assert together == apart


def test_an_old_stored_state_is_no_state() -> None:
    """What the hub before this one wrote is folded anew, never misread."""
    old = (
        '{"item":"milk","binding":"fridge/milk.amount/None/g/1035.0","reading_id":7,"as_of":null,"level":5.0,'
        '"days":[{"day":"2026-03-01","used":1.0,"seen_s":86400.0}],"refills":[]}'
    )
    with pytest.raises(Exception, match="unreadable"):
        StockState.from_json(old)


def test_a_year_of_days_is_kept_and_small() -> None:
    """364 complete days, in a few kilobytes."""
    values = [9_000.0 - 5 * number for number in range(400 * 4)]
    readings: list[Row] = [(n + 1, START + n * timedelta(hours=6), reading(v), 0) for n, v in enumerate(values)]
    state = fold(None, readings, item=soap(LEVEL))
    stock = estimate(state, item=soap(LEVEL), now=readings[-1][1])
    assert len(stock.daily_use) == 364
    assert len(state.to_json()) < 16_000
    assert isinstance(readings[-1][1], datetime)
