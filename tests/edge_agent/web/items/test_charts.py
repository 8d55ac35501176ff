"""The charts of an item: inside their frame, whatever the numbers, with marks that can be read."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.messages import ItemId, Price, Range, Refill, StockEstimate
from edge_agent.core.said import said_day
from edge_agent.web.items import charts
from edge_agent.web.outlook import Outlook

NOW = datetime(2026, 3, 1, 8, 45, tzinfo=UTC)
_AMOUNT = st.floats(0.01, 1e6)
_DAYS = st.floats(0.0, 3_650.0)


def stock(left: Range, *, ends: tuple[float, float, float] = (3.0, 5.0, 8.0), use: float = 10.0) -> StockEstimate:
    """An estimate with four weeks of days and no refill."""
    days = tuple((date(2026, 2, 28) - timedelta(days=n), use) for n in reversed(range(28)))
    return StockEstimate(ItemId("x"), "g", NOW, left, Range(use, use, use), 0.9, days, ())


def drawn(estimate: StockEstimate, *ends: float, lead_d: float = 2.0, room: float = 100.0) -> charts.StockChart | None:
    """The chart with one band."""
    early, middle, late = ends
    return charts.stock_chart(
        estimate,
        Outlook(NOW, early, middle, late),
        bands=[(early, late)],
        lead_d=lead_d,
        room=room,
        name=said_day,
        day=datetime.date,
    )


def points(text: str) -> list[tuple[float, float]]:
    """Pairs of numbers."""
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+|nan|inf),(-?[\d.]+|nan|inf)", text)]


@given(_AMOUNT, _DAYS, _DAYS, _DAYS, st.floats(0, 30))
def test_everything_stays_inside_the_frame(value: float, a: float, b: float, c: float, lead_d: float) -> None:
    """For any amount and any ends; marks stand apart from each other."""
    chart = drawn(stock(Range(value, value * 0.8, value * 1.2)), *sorted((a, b, c)), lead_d=lead_d, room=value * 3)
    assert chart is not None
    frame = chart.frame
    for x, y in [*points(chart.past), *points(chart.middle), *points(" ".join(chart.bands))]:
        assert frame.left - 0.1 <= x <= frame.right + 0.1
        assert 0 <= y <= frame.bottom + 0.1
    assert 2 <= len(frame.up) <= 6
    assert 1 <= len(frame.across) <= 6
    assert "Sun 1 Mar" in [tick.word for tick in frame.across]
    ends = [charts.extent(tick) for tick in frame.across]
    assert all(sooner[1] <= later[0] for sooner, later in pairwise(ends))
    if chart.order is not None:
        assert frame.left - 0.1 <= chart.order[0] <= chart.order[1] <= frame.right + 0.1


def test_the_past_goes_back_by_use_and_refills() -> None:
    """Ten a day were used, and thirty came two days ago: before that there was less."""
    estimate = replace(stock(Range(20.0, 19.0, 21.0)), refills=(Refill(NOW - timedelta(days=2), 30.0),))
    levels = charts._past(estimate, Range(20.0, 19.0, 21.0), room=100.0, today=NOW.date(), days_max=5)
    assert [level for _, level in levels] == [30.0, 20.0, 10.0, 30.0, 20.0]


def test_a_past_that_cannot_have_been_is_not_drawn() -> None:
    """Less than nothing, or more than there is room for: refills of then are not known."""
    much = replace(stock(Range(20.0, 19.0, 21.0)), refills=(Refill(NOW - timedelta(days=1), 50.0),))
    for estimate, room in ((much, 100.0), (stock(Range(20.0, 19.0, 21.0)), 20.0)):
        levels = charts._past(estimate, Range(20.0, 19.0, 21.0), room=room, today=NOW.date(), days_max=9)
        assert all(0 <= level <= room * 1.25 for _, level in levels)
        assert len(levels) < 4


def test_nothing_is_drawn_of_nothing() -> None:
    """No amount, an empty stock, no day, one price."""
    assert drawn(replace(stock(Range(1.0, 1.0, 1.0)), amount=None), 1.0, 2.0, 3.0) is None
    assert drawn(stock(Range(0.0, 0.0, 0.0)), 0.0, 0.0, 0.0) is None
    assert charts.use_chart((), unit="g", name=said_day) is None
    assert charts.price_chart((price(100, 0),), name=lambda at: said_day(at.date())) is None


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=40))
def test_bars_stand_on_their_axis(uses: list[float]) -> None:
    """None is higher than the frame, none hangs."""
    daily = [(date(2026, 2, 1) + timedelta(days=n), use) for n, use in enumerate(uses)]
    chart = charts.use_chart(daily, unit="g", name=said_day)
    assert chart is not None
    assert len(chart.bars) == min(len(uses), charts.USE_DAYS_MAX)
    for bar in chart.bars:
        assert bar.y >= 0
        assert chart.frame.bottom - 0.1 <= bar.y + bar.height <= chart.frame.bottom + 1.1


@given(st.lists(st.integers(1, 10**8), min_size=2, max_size=20))
def test_prices_are_steps_from_the_first_to_the_last(prices: list[int]) -> None:
    """In time, whatever order they come in; both ends of the axis have a word."""
    chart = charts.price_chart(
        [price(minor, days) for days, minor in enumerate(prices)], name=lambda at: said_day(at.date())
    )
    assert chart is not None
    xs = [x for x, _ in points(chart.line)]
    assert xs == sorted(xs)
    assert all(0 <= y <= chart.frame.bottom for _, y in points(chart.line))
    assert [tick.anchor for tick in chart.frame.across] == ["start", "end"]


def test_the_records_of_charts_hold_no_markup() -> None:
    """Words are escaped where they are drawn, so nothing here may be markup already."""
    chart = drawn(stock(Range(50.0, 40.0, 60.0)), 3.0, 5.0, 8.0)
    assert is_dataclass(chart)
    assert not any("<" in str(getattr(chart, each.name)) for each in fields(chart))


def price(minor: int, days: int) -> Price:
    """A price of so many days ago."""
    return Price(
        item=ItemId("x"),
        merchant="grocer",
        sku="x-1",
        unit_price_minor=minor,
        delivery_minor=0,
        currency="USD",
        available=True,
        fetched_at=NOW - timedelta(days=days),
    )
