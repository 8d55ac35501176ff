"""The stock estimate: a fold that no noise, junk, silence or order of readings can lead astray."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import Item
from edge_agent.core.estimate import HISTORY_DAYS, StockState, estimate, fold
from edge_agent.core.messages import ItemId, Presence, Range, Reading
from edge_agent.core.stock_events import Corrected
from edge_agent.errors import BugError
from tests.edge_agent.consumables import DETERGENT, MILK, START, UNKNOWN, WASHER_FLUID, level, stored

PACK = MILK.product.pack_amount


def known(amount: Range | None) -> Range:
    """The amount, which must be known."""
    assert amount is not None
    return amount


@pytest.mark.parametrize(
    ("levels", "left"),
    [
        pytest.param([1500.0], 1500.0, id="one reading"),
        pytest.param([1500, 1503, 1498, 1501], 1500.0, id="noise"),
        pytest.param([1500, 1501, 0, 1502, 1500], 1500.0, id="lifted for a reading"),
        pytest.param([1500, 1501, 5000, 1502, 1500], 1500.0, id="a hand on the tray for a reading"),
        pytest.param([1500, 1501, UNKNOWN, UNKNOWN], 1500.0, id="unknown freezes"),
        pytest.param([1500, 1300, 1300], 1300.0, id="use that a second reading confirms"),
        pytest.param([1500, 1300, 1100], 1100.0, id="use in two steps"),
        pytest.param([1500, 1300, 300], 1300.0, id="a big drop waits for a second reading"),
        pytest.param([1500, 1500, 1500, 2535, 2535], 2535.0, id="refill"),
        pytest.param([10, 3, -4, -4], 3.0, id="a tare just below zero"),
        pytest.param([1500, -500, -500], 1500.0, id="far below zero is no level"),
        pytest.param([1500, 9e9, 9e9], 1500.0, id="an absurd level is no level"),
        pytest.param([0, 1500, 1500], 1500.0, id="a junk first reading"),
    ],
)
def test_what_is_left(levels: list[Reading | float], left: float) -> None:
    """The amount follows what two readings agree on, within a few grams."""
    readings = stored(levels)
    found = estimate(fold(None, readings, item=MILK), item=MILK, now=readings[-1][1])
    assert known(found.amount).value == pytest.approx(left, abs=6)


@pytest.mark.parametrize(
    ("levels", "refills"),
    [
        pytest.param([500, 500, 500, 1535, 1535], [1035.0], id="one pack"),
        pytest.param([500, 500, 500, 2570, 2570], [2070.0], id="two packs at once"),
        pytest.param([500, 500, 500, 1535, 2570, 2570], [1035.0, 1035.0], id="one after the other"),
        pytest.param([500, 500, 500, 1535, 500, 500], [], id="not confirmed"),
        pytest.param([500, 500, 500, 800, 800], [], id="too small for a pack"),
        pytest.param([1500, 1500, 1500, 480, 480, 1500, 1500], [], id="lifted for two readings and put back"),
        pytest.param([1500, 1500, 1500, 480, 480, 1300, 1300], [], id="put back after a glass"),
        pytest.param([0, 1500, 1500], [], id="the first readings correct each other"),
    ],
)
def test_refill_hints(levels: list[Reading | float], refills: list[float]) -> None:
    """Only a confirmed rise of a good part of a pack, which puts nothing back, is a refill hint."""
    found = estimate(fold(None, stored(levels), item=MILK), item=MILK, now=START + timedelta(days=1))
    assert [refill.amount for refill in found.refills] == pytest.approx(refills, abs=10)


def test_refill_is_dated_by_the_first_reading_that_saw_it() -> None:
    """The hint carries the time of the first of the two readings."""
    readings = stored([500, 500, 500, 1535, 1535])
    [refill] = fold(None, readings, item=MILK).refills
    assert refill.at == readings[3][1]


def test_the_second_of_two_rises_came_after_the_first_was_seen() -> None:
    """Between the two readings nobody looked: the level before the second rise was last seen with the first."""
    readings = stored([500, 500, 500, 1535, 2570, 2570])
    first, second = fold(None, readings, item=MILK).refills
    assert (first.since, first.at) == (readings[2][1], readings[3][1])
    assert (second.since, second.at) == (readings[3][1], readings[4][1])


def test_a_rise_after_a_fall_came_after_the_fall_was_confirmed() -> None:
    """The second reading of a fall was lower still, so what came had not come by then."""
    readings = stored([1500, 1500, 1500, 1400, 1300, 2570, 2570])
    [refill] = fold(None, readings, item=MILK).refills
    assert (refill.since, refill.at) == (readings[4][1], readings[5][1])


@pytest.mark.parametrize(
    "reading",
    [
        pytest.param(Reading("milk.amount", Presence.VALUE, 1.5, "kg"), id="another unit"),
        pytest.param(Reading("milk.amount", Presence.VALUE, 50.0, "%"), id="percent of nothing known"),
        pytest.param(Reading("milk.amount", Presence.VALUE, "full", "g"), id="text"),
        pytest.param(Reading("milk.amount", Presence.NOT_APPLICABLE, None, "g"), id="not fitted"),
        pytest.param(level(float("nan")), id="no number"),
        pytest.param(level(float("inf")), id="infinite"),
    ],
)
def test_what_says_no_level_stays_unknown(reading: Reading) -> None:
    """A unit is never guessed, and unknown is neither zero nor trusted."""
    state = fold(None, stored([reading, reading]), item=MILK)
    found = estimate(state, item=MILK, now=START + timedelta(days=1))
    assert (found.amount, found.trust, state.reading_id) == (None, 0.0, 2)


def test_percent_needs_the_full_amount() -> None:
    """A signal in percent is a level through the binding's full amount."""
    state = fold(None, stored([level(50, unit="%")] * 3), item=WASHER_FLUID)
    assert known(estimate(state, item=WASHER_FLUID, now=START).amount).value == 2500.0


def test_nothing_read_yet() -> None:
    """Without a state there is no amount, no trust, and the household's own guess of use."""
    found = estimate(None, item=MILK, now=START)
    assert (found.amount, found.trust, found.daily_use, found.as_of) == (None, 0.0, (), START)
    assert known(found.use_per_day).value == MILK.prior_use_per_day


def sawtooth(days: int, *, seed: int = 1, noise_g: float = 3.0) -> list[Reading | float]:
    """Hourly levels: 40 g an hour from six to ten in the evening, a refill when low."""
    rng, left, levels = np.random.default_rng(seed), 4 * PACK, []
    for hour in range(days * 24):
        left -= 40.0 if 6 <= hour % 24 < 22 else 0.0
        left += 3 * PACK if left < PACK and hour % 24 == 3 else 0.0
        levels.append(left + rng.normal(0, noise_g))
    return list(levels)


def test_use_is_learned_from_a_noisy_sawtooth() -> None:
    """After some weeks the use is within a few percent of the truth, 640 g a day, and noise adds nothing."""
    readings = stored(sawtooth(30))
    found = estimate(fold(None, readings, item=MILK), item=MILK, now=readings[-1][1])
    assert known(found.use_per_day).value == pytest.approx(640, rel=0.08)
    assert len(found.daily_use) == 30
    assert all(used >= 0 for _, used in found.daily_use)


def test_use_starts_at_the_guess_and_leaves_it() -> None:
    """The first days lean on the guess; the interval narrows with days seen."""
    use = [
        known(estimate(fold(None, stored(sawtooth(days)), item=MILK), item=MILK, now=START).use_per_day)
        for days in (0, 5, 30)
    ]
    assert use[0].value == MILK.prior_use_per_day
    assert [abs(one.value - 640) for one in use] == sorted([abs(one.value - 640) for one in use], reverse=True)
    widths = [one.high / one.low for one in use]
    assert widths == sorted(widths, reverse=True)


def test_an_item_at_rest_has_no_use() -> None:
    """Noise alone is no use, and zero days are seen as zero."""
    rng = np.random.default_rng(3)
    state = fold(None, stored([1500 + rng.normal(0, 4) for _ in range(24 * 20)]), item=MILK)
    found = estimate(state, item=MILK, now=START + timedelta(days=20))
    assert sum(used for _, used in found.daily_use) < 0.02 * PACK
    assert found.refills == ()


def test_a_long_silence_is_no_history() -> None:
    """Use over a short gap is spread over its days; over weeks nobody knows when it was."""
    first, second = stored([3000.0] * 3), stored([1000.0] * 2)
    short = [(one[0] + 3, one[1] + timedelta(days=4), one[2]) for one in second]
    long = [(one[0] + 3, one[1] + timedelta(days=40), one[2]) for one in second]
    days = [
        dict(estimate(fold(None, first + gap, item=MILK), item=MILK, now=START + timedelta(days=60)).daily_use)
        for gap in (short, long)
    ]
    assert sum(days[0].values()) == pytest.approx(2000, rel=0.1)
    assert len(days[0]) == 4
    assert sum(days[1].values()) == 0.0


def test_trust_grows_with_readings_and_falls_with_age_and_junk() -> None:
    """Few, old or outvoted readings are trusted less."""
    steady, shaky = stored([1500.0] * 40), stored([1500.0, 0.0] * 20)
    now = steady[-1][1]
    state = fold(None, steady, item=MILK)
    fresh = estimate(state, item=MILK, now=now).trust
    assert fresh > 0.95
    assert estimate(fold(None, steady[:1], item=MILK), item=MILK, now=START).trust == 0.5
    assert estimate(state, item=MILK, now=now + timedelta(days=3)).trust < 0.25
    assert estimate(fold(None, shaky, item=MILK), item=MILK, now=now).trust < fresh - 0.2


@pytest.mark.parametrize("item", [MILK, MILK.model_copy(update={"binding": None, "cycle_days": 5})])
def test_a_count_is_told_apart_from_a_sensor(item: Item) -> None:
    """Until a sensor has told something, all that is known is what a person said."""
    counted = [(1, Corrected(ItemId(item.id), START, "anna", 2 * PACK))]
    state = fold(None, (), item=item, events=counted)
    assert estimate(state, item=item, now=START).is_told_by_hand
    heard = fold(state, stored([1500.0]), item=item)
    assert estimate(heard, item=item, now=START).is_told_by_hand is not bool(item.bindings)


def test_a_stale_amount_stands_but_may_be_less() -> None:
    """After the last value the amount is kept, with its own time, and its lower bound falls."""
    readings = stored([1500.0] * 5)
    state = fold(None, readings, item=MILK)
    now = readings[-1][1]
    fresh, stale = (estimate(state, item=MILK, now=at) for at in (now, now + timedelta(days=1)))
    assert known(stale.amount).value == known(fresh.amount).value
    assert known(stale.amount).low < known(fresh.amount).low - 500
    assert stale.as_of == now


def test_another_binding_starts_anew() -> None:
    """A level of one sensor is no level of another; ids go on."""
    state = fold(None, stored([1500.0] * 4), item=MILK)
    moved = MILK.model_copy(update={"binding": MILK.binding.model_copy(update={"signal": "shelf.amount"})})
    again = fold(state, [], item=moved)
    assert (again.containers[0].tracks[0].level, again.reading_id) == (None, 4)


def test_unreadable_state_is_refused() -> None:
    """A state that another version wrote is an error of ours, not a stock of nothing."""
    with pytest.raises(BugError, match="unreadable"):
        StockState.from_json('{"item": "milk"}')


# Levels in quarters of a pack with some noise, unknown readings and time that may stand still or run backwards.
LEVELS = st.one_of(st.just(UNKNOWN), st.builds(level, st.floats(-2_000, 20_000)))
STEPS_H = st.sampled_from([1.0, 1.0, 1.0, 6.0, 30.0, 0.0, -5.0])


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, object, Reading]]:
    """Stored readings in any order of event time."""
    at, rows = START, []
    for number in range(1, draw(st.integers(0, 40)) + 1):
        at += timedelta(hours=draw(STEPS_H))
        rows.append((number, at, draw(LEVELS)))
    return rows


@given(rows=histories(), cut=st.integers(0, 40), again=st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_fold_is_incremental_idempotent_and_survives_the_store(
    rows: list[tuple[int, object, Reading]], cut: int, again: int
) -> None:
    """Folding in parts, with parts repeated and through JSON, gives the state of one fold."""
    whole = fold(None, rows, item=MILK)
    part = StockState.from_json(fold(None, rows[:cut], item=MILK).to_json())
    assert fold(part, rows[max(0, cut - again) :], item=MILK) == whole


@given(rows=histories())
@settings(max_examples=150, deadline=None)
def test_late_readings_change_nothing_but_the_id(rows: list[tuple[int, object, Reading]]) -> None:
    """Without the readings that came late, the state is the same."""
    in_time, latest = [], None
    for row in rows:
        said = fold(None, [row], item=MILK).as_of is not None
        if said and latest is not None and row[1] <= latest:
            continue
        latest = row[1] if said else latest
        in_time.append(row)
    whole, kept = fold(None, rows, item=MILK), fold(None, in_time, item=MILK)
    assert StockState.from_json(whole.to_json().replace(f'"reading_id":{whole.reading_id}', '"reading_id":0')) == (
        StockState.from_json(kept.to_json().replace(f'"reading_id":{kept.reading_id}', '"reading_id":0'))
    )


@given(rows=histories())
@settings(max_examples=150, deadline=None)
def test_an_estimate_is_always_in_bounds(rows: list[tuple[int, object, Reading]]) -> None:
    """Whatever comes, amounts and use are never negative, intervals hold their value, and days are in order."""
    found = estimate(fold(None, rows, item=MILK), item=MILK, now=START + timedelta(days=3))
    for bound in (found.amount, found.use_per_day):
        assert bound is None or 0 <= bound.low <= bound.value <= bound.high
    assert 0 <= found.trust <= 1
    assert all(used >= 0 for _, used in found.daily_use)
    assert all(before < after for (before, _), (after, _) in pairwise(found.daily_use))


def test_history_is_bounded() -> None:
    """A year of readings keeps the last days only."""
    readings = stored([500.0 - hour % 20 for hour in range(365 * 4)], every_h=6)
    state = fold(None, readings, item=DETERGENT.model_copy(update={"unit": "g"}))
    assert len(state.containers[0].days) <= HISTORY_DAYS + 1
