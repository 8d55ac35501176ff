"""Charts as inline SVG, built here: no script, no style attribute, colours by class in the stylesheet.

Every label passes through `escape`; everything else that reaches the markup is a number or stands in this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from markupsafe import Markup, escape

from edge_agent.core.messages import Range
from edge_agent.web.outlook import Outlook

USE_DAYS_MAX = 28
_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 352, 26, 140
_FAN_DAYS_MIN, _FAN_DAYS_MAX = 4, 60


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on a chart's time axis that has a name."""

    at: datetime
    name: str


def amount_bar(amount: Range | None, *, full: float, label: str) -> Markup:
    """What is left of `full` as a bar, its uncertainty lighter; an empty dashed frame where it is not known."""
    if amount is None:
        body = '<rect class="unknown" x="0.5" y="0.5" width="199" height="9" rx="4.5"/>'
    else:
        low, mid, high = (200 * min(1.0, max(0.0, part / full)) for part in (amount.low, amount.value, amount.high))
        tone = "low" if mid < 50 else "fair" if mid < 90 else "good"
        body = (
            '<rect class="track" width="200" height="10" rx="5"/>'
            f'<rect class="doubt {tone}" x="{low:.1f}" width="{max(0.0, high - low):.1f}" height="10" rx="3"/>'
            f'<rect class="level {tone}" width="{max(3.0, mid):.1f}" height="10" rx="5"/>'
        )
    return _svg(200, 10, body, css="bar", label=label, stretch=True)


def run_out_fan(amount: Range, outlook: Outlook, *, marks: Sequence[Mark], day_name: list[str]) -> Markup:
    """The stock from now on, fanning out to the early and the late end, with named moments.

    `day_name[i]` is written below day i; its length sets the axis.
    """
    days = len(day_name) - 1
    x, y = _scale(days), _scale_y(amount.high)
    ends = [min(end, float(days)) for end in (outlook.early_d, outlook.middle_d, outlook.late_d)]
    height = [_left_at(amount.value, end, days) for end in (outlook.early_d, outlook.middle_d, outlook.late_d)]
    start = f"{x(0):.1f},{y(amount.value):.1f}"
    corners = ((ends[0], height[0]), (ends[2], height[0]), (ends[2], height[2]))
    fan = " ".join((start, *(f"{x(day):.1f},{y(left):.1f}" for day, left in corners)))
    body = [
        f'<line class="axis" x1="{_LEFT}" x2="{_RIGHT}" y1="{_BOTTOM}" y2="{_BOTTOM}"/>',
        *_day_names(day_name, x=x),
        f'<polygon class="fan" points="{fan}"/>',
        f'<polyline class="line" points="{start} {x(ends[1]):.1f},{y(height[1]):.1f}"/>',
        f'<circle class="dot" cx="{x(0):.1f}" cy="{y(amount.value):.1f}" r="3.5"/>',
        *(_mark(mark, x=x, origin=outlook.as_of, days=days) for mark in marks),
    ]
    return _svg(_WIDTH, _HEIGHT, "".join(body), css="chart", label="Stock from now until it runs out")


def fan_days(outlook: Outlook) -> int:
    """How many days the fan's axis shows: a little more than the late end, within bounds."""
    return int(min(_FAN_DAYS_MAX, max(_FAN_DAYS_MIN, outlook.late_d * 1.1 + 1)))


def use_bars(daily_use: Sequence[tuple[date, float]], *, unit: str) -> Markup:
    """Use on each of the last four weeks' days."""
    shown = daily_use[-USE_DAYS_MAX:]
    most = max((use for _, use in shown), default=0.0) or 1.0
    pitch = 344 / max(len(shown), 1)
    bars = "".join(
        f'<rect class="use" x="{_LEFT + i * pitch:.1f}" y="{70 - 62 * max(0.0, use) / most:.1f}" '
        f'width="{max(1.0, pitch - 2):.1f}" height="{max(1.0, 62 * max(0.0, use) / most):.1f}" rx="1.5">'
        f"<title>{day:%d.%m.}: {use:.0f} {escape(unit)}</title></rect>"
        for i, (day, use) in enumerate(shown)
    )
    return _svg(_WIDTH, 72, bars, css="chart", label=f"Use a day over the last {len(shown)} days")


def price_line(prices_minor: Sequence[int]) -> Markup:
    """Unit prices, oldest first, as steps."""
    low, high = min(prices_minor), max(prices_minor)
    spread = max(high - low, 1)
    pitch = 340 / max(len(prices_minor) - 1, 1)
    points: list[str] = []
    for i, price in enumerate(prices_minor):
        level = 36.0 if high == low else 58 - 46 * (price - low) / spread
        if i:
            points.append(f"{10 + i * pitch:.1f},{points[-1].split(',')[1]}")
        points.append(f"{10 + i * pitch:.1f},{level:.1f}")
    last_x, last_y = points[-1].split(",")
    body = (
        f'<polyline class="line" points="{" ".join(points)}"/><circle class="dot" cx="{last_x}" cy="{last_y}" r="3.5"/>'
    )
    return _svg(_WIDTH, 70, body, css="chart", label=f"The last {len(prices_minor)} prices")


class _Axis:
    """A straight mapping from a value to a coordinate."""

    def __init__(self, span: float, *, begin: float, end: float) -> None:
        self._span = span or 1.0
        self._begin = begin
        self._end = end

    def __call__(self, value: float) -> float:
        return self._begin + (self._end - self._begin) * value / self._span


def _scale(days: int) -> _Axis:
    return _Axis(days, begin=_LEFT + 4, end=_RIGHT - 4)


def _scale_y(amount_max: float) -> _Axis:
    return _Axis(amount_max, begin=_BOTTOM, end=_TOP + 8)


def _left_at(amount: float, end_d: float, days: int) -> float:
    """What is left at the axis' end on a straight way to empty at `end_d`."""
    return 0.0 if end_d <= days else amount * (1 - days / end_d)


def _day_names(names: Sequence[str], *, x: _Axis) -> list[str]:
    every = -(-len(names) // 4)
    parts = []
    for i in range(0, len(names), every):
        anchor = "start" if i == 0 else "end" if i == len(names) - 1 else "middle"
        parts.append(f'<line class="tick" x1="{x(i):.1f}" x2="{x(i):.1f}" y1="{_BOTTOM}" y2="{_BOTTOM + 4}"/>')
        parts.append(f'<text x="{x(i):.1f}" y="{_BOTTOM + 17}" text-anchor="{anchor}">{escape(names[i])}</text>')
    return parts


def _mark(mark: Mark, *, x: _Axis, origin: datetime, days: int) -> str:
    at = (mark.at - origin) / timedelta(days=1)
    if not 0 <= at <= days:
        return ""
    anchor = "start" if at < days / 2 else "end"
    return (
        f'<line class="mark" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{_TOP - 8}" y2="{_BOTTOM}"/>'
        f'<text class="mark-name" x="{x(at) + (4 if anchor == "start" else -4):.1f}" y="{_TOP}" '
        f'text-anchor="{anchor}">{escape(mark.name)}</text>'
    )


def _svg(width: int, height: int, body: str, *, css: str, label: str, stretch: bool = False) -> Markup:
    ratio = ' preserveAspectRatio="none"' if stretch else ""
    return Markup(  # noqa: S704 - numbers, escaped labels and this file's own text
        f'<svg class="{css}" viewBox="0 0 {width} {height}"{ratio} role="img" '
        f'aria-label="{escape(label)}" focusable="false">{body}</svg>'
    )
