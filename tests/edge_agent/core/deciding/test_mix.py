"""How the programmes of late shift a forecast, and when they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.deciding.laundry import Dose, Wash
from edge_agent.core.deciding.mix import Dosed, dose_words, dosed, mix_of, mix_words, shifted
from edge_agent.core.forecast import built_in, demand_within
from tests.edge_agent.consumables import DETERGENT, START, stock_estimate

TAKES = {"cotton": 70.0, "wool": 25.0}
NOW = START + timedelta(days=56)
STOCK = stock_estimate(DETERGENT)


def days(programme: str, first: int, last: int, *, each: int = 2) -> list[Dosed]:
    """A wash every other day, or whenever `each` says."""
    return [(Wash(START + timedelta(days=day), programme), TAKES.get(programme)) for day in range(first, last, each)]


def test_more_of_what_takes_much_is_more_use() -> None:
    """Two weeks of cotton after six of wool, and the other way round; not by all of the difference."""
    more = mix_of([*days("wool", 0, 42), *days("cotton", 42, 56)], now=NOW)
    less = mix_of([*days("cotton", 0, 42), *days("wool", 42, 56)], now=NOW)
    assert more is not None
    assert less is not None
    assert 1.2 < more.factor < 70 / 25
    assert 0.6 <= less.factor < 0.9
    assert (more.mostly, more.late, more.late_washes) == ("cotton", 70.0, 7)


def test_the_same_mix_shifts_nothing() -> None:
    """However often is washed: that is the forecast's to say."""
    steady = [*days("cotton", 0, 56, each=4), *days("wool", 2, 56, each=4)]
    rarer = [*days("cotton", 0, 42), *days("cotton", 42, 56, each=3)]
    forecast = built_in(DETERGENT, STOCK)
    for washes in (steady, rarer):
        mix = mix_of(washes, now=NOW)
        assert mix is not None
        assert shifted(forecast, mix, packs=1.0) is forecast
        assert mix_words(mix, unit="mL") is None


@pytest.mark.parametrize(
    "washes",
    [
        [],
        days("cotton", 42, 56),
        days("cotton", 0, 42),
        [*days("wool", 0, 42), *days("outdoor", 42, 56)],
        [*days("wool", -80, -10), *days("cotton", 50, 56)],
        [*days("wool", 0, 42), *days("outdoor", 0, 42, each=8), *days("cotton", 42, 56)],
    ],
    ids=["nothing", "too short", "nothing of late", "not learned", "long ago", "partly learned"],
)
def test_what_is_not_known_shifts_nothing(washes: list[Dosed]) -> None:
    """Unknown stays unknown."""
    mix = mix_of(washes, now=NOW)
    assert mix is None
    forecast = built_in(DETERGENT, STOCK)
    assert shifted(forecast, mix, packs=1.0) is forecast


def test_a_shift_moves_demand_and_the_day_of_running_out() -> None:
    """All of it by one factor, and the source says by which."""
    mix = mix_of([*days("wool", 0, 42), *days("cotton", 42, 56)], now=NOW)
    assert mix is not None
    before = replace(built_in(DETERGENT, STOCK), order_chances=((0.5,),))
    after = shifted(before, mix, packs=1.0)
    for horizon in (3.0, 14.0, 40.0):
        was, now = (demand_within(one, horizon, probability=0.9) for one in (before, after))
        assert now == pytest.approx(mix.factor * was)
    assert all(sooner <= later for sooner, later in zip(after.days_to_empty, before.days_to_empty, strict=True))
    assert after.days_to_empty == tuple(sorted(after.days_to_empty))
    assert f"times {mix.factor:.2f} by the programmes of late" in after.source
    assert after.order_chances == ()


def test_only_programmes_that_were_measured_have_a_dose() -> None:
    """Two washes are too few; the words name the others, the most frequent first."""
    learned = {"cotton": Dose(70.4, 9), "wool": Dose(25.0, 2), "sport": Dose(40.04, 3)}
    washes = [Wash(START, "cotton", soil="heavy"), Wash(START, "wool"), Wash(START, "")]
    assert [takes for _, takes in dosed(washes, learned)] == [pytest.approx(1.4 * 70.4), None, None]
    said = dose_words(learned, unit="mL")
    assert said is not None
    assert said.text.endswith(": cotton 70.4 mL, sport 40 mL.")
    assert dose_words({"wool": Dose(25.0, 2)}, unit="mL") is None
