"""The charts of an item's page as numbers and words; `charts.html` draws them, so that their words have a language.

Coordinates are those of the picture: x to the right, y down. Every chart has both axes with words, and a sentence for
who cannot see it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor, log10

from edge_agent.core.messages import Price, Range, StockEstimate
from edge_agent.core.said import Said, said_sum
from edge_agent.web.outlook import Outlook
from edge_agent.web.wording import amount

USE_DAYS_MAX = 28
WIDTH = 360
_LEFT, _RIGHT, _TOP = 54, 350, 14
_STOCK_BOTTOM = 168
_DAYS_MIN, _DAYS_MAX, _PAST_MAX = 4, 60, 14
_TICKS = 3
_EDGE = 30  # so near the edge a word begins or ends there
_WORD = 72.0  # the width of a day's name
_LINE = 14.0  # the height of a line of words
_WORDS_MAX = 3.4
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_ROOM = 1.25  # more than there is room for was never there: refills before that are not known

DayName = Callable[[date], Said]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis with its word. `anchor` is SVG's `text-anchor`."""

    at: float
    word: Said
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Frame:
    """The axes of a chart of this height; `bottom` is where the x axis lies."""

    height: int
    bottom: int
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    width: int = WIDTH
    left: int = _LEFT
    right: int = _RIGHT


@dataclass(frozen=True, slots=True)
class StockChart:
    """Stock over the last days, and its ways to empty. Points are SVG's; `order` is the span of the days to order by.

    `bands` are outermost first, `dot` is the amount now, `has_past` whether the days before are known.
    """

    frame: Frame
    past: str
    bands: tuple[str, ...]
    middle: str
    dot: tuple[str, str]
    order: tuple[float, float] | None

    @property
    def has_past(self) -> bool:
        """Whether the days before are known."""
        return bool(self.past)


@dataclass(frozen=True, slots=True)
class Bar:
    """One day's bar."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class UseChart:
    """Use on each of the last days."""

    frame: Frame
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class PriceChart:
    """The price of a pack over time, as steps; `dot` is the last one, `usual` from where down what is usual reaches."""

    frame: Frame
    line: str
    dot: tuple[str, str]
    usual: tuple[float, float] | None = None


def stock_chart(
    estimate: StockEstimate,
    outlook: Outlook,
    *,
    bands: Sequence[tuple[float, float]],
    lead_d: float,
    room: float,
    name: DayName,
    day: Callable[[datetime], date],
) -> StockChart | None:
    """The stock of the last days, then fanning out to each pair of `bands` (days to empty, early and late).

    `lead_d` is how long a delivery takes, `room` what the home has room for. None where there is nothing to start from.
    """
    left = estimate.amount
    if left is None or left.value <= 0:
        return None
    days = min(_DAYS_MAX, max(_DAYS_MIN, ceil(outlook.late_d * 1.1)))
    today = day(estimate.as_of)
    past = _past(estimate, left, room=room, today=today, days_max=min(_PAST_MAX, max(3, days)))
    high = max([left.high, *(level for _, level in past)])
    stage = _Stage(begin=past[0][0] if past else 0.0, days=days, step=step_of(high), high=high)
    now = stage.point(0, left.value)
    first, last = (min(max(0.0, end - lead_d), days) for end in (outlook.early_d, outlook.late_d))
    return StockChart(
        frame=stage.frame(estimate.unit, name=lambda at: name(today + timedelta(days=at))),
        past=" ".join([*(stage.point(at, level) for at, level in past), now]) if past else "",
        bands=tuple(stage.fan(left, ends, share=1 / (1 + n)) for n, ends in enumerate(bands)),
        middle=f"{now} {stage.point(*stage.end(left.value, outlook.middle_d))}",
        dot=_pair(now),
        order=(stage.x(first), stage.x(last)) if first < days else None,
    )


def use_chart(daily_use: Sequence[tuple[date, float]], *, unit: str, name: DayName) -> UseChart | None:
    """Use on each of the last four weeks' days; None where no whole day is known."""
    shown = daily_use[-USE_DAYS_MAX:]
    if not shown:
        return None
    bottom = 92
    step = step_of(max(use for _, use in shown) or 1.0)
    top = step * max(1, ceil(max(use for _, use in shown) / step))
    pitch = (_RIGHT - _LEFT) / len(shown)

    def y(use: float) -> float:
        return bottom - (bottom - _TOP) * max(0.0, use) / top

    return UseChart(
        frame=Frame(
            height=120,
            bottom=bottom,
            across=tuple(
                Tick(_LEFT + (at + 0.5) * pitch, name(shown[at][0]), anchor_of(_LEFT + (at + 0.5) * pitch))
                for at in _spread(len(shown))
            ),
            up=tuple(Tick(y(n * step), amount(n * step, unit)) for n in range(round(top / step) + 1)),
        ),
        bars=tuple(
            Bar(_LEFT + at * pitch + 1, y(use), max(1.0, pitch - 2), max(1.0, bottom - y(use)))
            for at, (_, use) in enumerate(shown)
        ),
    )


def price_chart(
    prices: Sequence[Price], *, name: Callable[[datetime], Said], usual: tuple[int, int] | None = None
) -> PriceChart | None:
    """The price of a pack, newest first as it comes; None for fewer than two that are known.

    `usual` is from where to where it is.
    """
    told = sorted((one.fetched_at, one.unit_price_minor) for one in prices if one.unit_price_minor is not None)
    if len(told) < 2:
        return None
    ends = (told[0][0], told[-1][0])
    bottom, begin, currency = 82, ends[0], prices[0].currency
    span_s = (ends[1] - begin).total_seconds() or 1.0
    asked = {minor for _, minor in told}
    low, high = (pick(asked.union(usual or ())) for pick in (min, max))

    def x(at: datetime) -> float:
        return _LEFT + (_RIGHT - 4 - _LEFT) * (at - begin).total_seconds() / span_s

    def y(minor: int) -> float:
        return (bottom + _TOP) / 2 if high == low else bottom - 8 - (bottom - 8 - _TOP) * (minor - low) / (high - low)

    points: list[str] = []
    for at, minor in told:
        here, level = f"{x(at):.1f}", f"{y(minor):.1f}"
        if points:
            points.append(f"{here},{_pair(points[-1])[1]}")
        points.append(f"{here},{level}")
    return PriceChart(
        frame=Frame(
            height=110,
            bottom=bottom,
            across=tuple(Tick(x(at), name(at), anchor_of(x(at))) for at in ends),
            up=tuple(Tick(y(minor), said_sum(minor, currency)) for minor in _marked(asked, y=y)),
        ),
        line=" ".join(points),
        dot=_pair(points[-1]),
        usual=None if usual is None else (y(usual[1]), y(usual[0])),
    )


def _marked(asked: Collection[int], *, y: Callable[[int], float]) -> list[int]:
    """The lowest and the highest price, where there is room for the words of both."""
    low, high = min(asked), max(asked)
    return [low, high] if y(low) - y(high) >= _LINE else [high]


class _Stage:
    """Where days and amounts lie: from `begin` days before now to `days` after, up to the first mark above `high`."""

    def __init__(self, *, begin: float, days: int, step: float, high: float) -> None:
        self._begin = begin
        self._days = days
        self._step = step
        self._marks = ceil(high / step)

    def x(self, at_d: float) -> float:
        """Of so many days from now."""
        return _LEFT + (_RIGHT - _LEFT) * (at_d - self._begin) / (self._days - self._begin)

    def y(self, level: float) -> float:
        """Of an amount."""
        top = self._marks * self._step
        return _STOCK_BOTTOM - (_STOCK_BOTTOM - _TOP) * min(level, top) / top

    def point(self, at_d: float, level: float) -> str:
        """Both, as SVG writes them."""
        return f"{self.x(at_d):.1f},{self.y(level):.1f}"

    def end(self, start: float, empty_d: float) -> tuple[float, float]:
        """Where a straight way from `start` to empty leaves the picture: a day and what is left then."""
        return (empty_d, 0.0) if empty_d <= self._days else (float(self._days), start * (1 - self._days / empty_d))

    def fan(self, left: Range, ends: tuple[float, float], *, share: float) -> str:
        """The corners of what lies between an early and a late end; it begins at a `share` of the doubt of now."""
        early_d, late_d = ends
        low, high = (left.value + share * (side - left.value) for side in (left.low, left.high))
        corners = [self.end(low, early_d), self.end(high, late_d)]
        if early_d <= self._days < late_d:
            corners.insert(1, (float(self._days), 0.0))
        return " ".join(self.point(*at) for at in ((0, low), *corners, (0, high)))

    def frame(self, unit: str, *, name: Callable[[int], Said]) -> Frame:
        """Its axes."""
        levels = [n * self._step for n in range(self._marks + 1)]
        return Frame(
            height=_STOCK_BOTTOM + 28,
            bottom=_STOCK_BOTTOM,
            across=_days_across(self._begin, self._days, x=self.x, name=name),
            up=tuple(Tick(self.y(level), amount(level, unit)) for level in levels),
        )


def _past(
    estimate: StockEstimate, left: Range, *, room: float, today: date, days_max: int
) -> list[tuple[float, float]]:
    """Levels at the ends of the last days, oldest first, going back from now by the use and the refills of each day.

    It stops where a day is missing, or a level cannot have been.
    """
    use, came = dict(estimate.daily_use), dict[date, float]()
    for refill in estimate.refills:
        came[refill.at.date()] = came.get(refill.at.date(), 0.0) + refill.amount
    level = left.value - came.get(today, 0.0)  # what was used today is not known before the day is over
    found: list[tuple[float, float]] = []
    for back in range(days_max):
        if not 0 <= level <= room * _ROOM:
            break
        found.append((-float(back) - 0.5, level))
        on = today - timedelta(days=back + 1)
        if on not in use:
            break
        level += use[on] - came.get(on, 0.0)
    return found[::-1]


def step_of(high: float) -> float:
    """The distance of an axis' marks, in numbers that people like."""
    rough = max(high, 1e-6) / _TICKS
    size = 10.0 ** floor(log10(rough))
    return next(nice * size for nice in _NICE if nice * size >= rough * (1 - 1e-9))


def _days_across(
    begin: float, days: int, *, x: Callable[[float], float], name: Callable[[int], Said]
) -> tuple[Tick, ...]:
    """Today, and days at even distances before and after it, as far as their words stand apart."""
    every = max(1, ceil((days - begin) / _WORDS_MAX))
    kept: list[Tick] = []
    for at in (*range(0, days + 1, every), *range(-every, floor(begin) if begin else 0, -every)):
        tick = Tick(x(at), name(at), anchor_of(x(at)))
        if x(at) >= _LEFT and all(_stands_apart(tick, other) for other in kept):
            kept.append(tick)
    return tuple(sorted(kept, key=lambda tick: tick.at))


def _stands_apart(one: Tick, other: Tick) -> bool:
    (begin, end), (other_begin, other_end) = extent(one), extent(other)
    return end <= other_begin or other_end <= begin


def extent(tick: Tick) -> tuple[float, float]:
    """From where to where a day's word reaches, at the most."""
    begin = tick.at - {"start": 0.0, "middle": 0.5, "end": 1.0}[tick.anchor] * _WORD
    return begin, begin + _WORD


def _spread(number: int) -> list[int]:
    """The first, the middle and the last of so many."""
    return sorted({0, number // 2, number - 1} if number > 6 else {0, number - 1})


def anchor_of(at: float) -> str:
    """Where a word at this x stands to it, so that it stays within the picture."""
    return "start" if at < _LEFT + _EDGE else "end" if at > _RIGHT - _EDGE else "middle"


def _pair(point: str) -> tuple[str, str]:
    x, _, y = point.partition(",")
    return x, y
