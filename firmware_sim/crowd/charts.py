"""The result of a run as one HTML page: charts as SVG, no script, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 34
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #ffffff; --card: #f6f8fa;
  --a: #0550ae; --b: #9a3b00; --c: #116329; --bad: #b0142f; --shade: #d4a72c40; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af; --line: #3d444d; --ground: #0d1117;
  --card: #161b22; --a: #79c0ff; --b: #ffa657; --c: #7ee787; --bad: #ff8b8b; --shade: #d4a72c38; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1360px; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
p { margin: .25rem 0; } .soft { color: var(--soft); } .bad { color: var(--bad); font-weight: 600; }
.good { color: var(--c); font-weight: 600; }
.cards, .charts { display: grid; gap: 1rem; margin: 1rem 0; }
.cards { grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); }
.card, figure { margin: 0; padding: .75rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; }
.card b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 14px; }
.drawing { overflow-x: auto; } .drawing svg { min-width: 30rem; } details { margin: 1.5rem 0; }
.grid { stroke: var(--line); stroke-width: 1; } .shade { fill: var(--shade); }
.stroke { fill: none; stroke-width: 2; } .a { stroke: var(--a); } .b { stroke: var(--b); stroke-dasharray: 6 3; }
.c { stroke: var(--c); stroke-dasharray: 2 3; } .bar { fill: var(--a); }
.now { stroke: var(--bad); stroke-dasharray: 4 4; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .4rem; font-size: .85rem; }
.legend svg { display: inline-block; width: 28px; height: 8px; vertical-align: middle; margin-right: .35rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""

Pairs = Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart; where a value is None the line is broken. `look` is its class: a, b or c."""

    name: str
    look: str
    points: Pairs


@dataclass(frozen=True, slots=True)
class Marks:
    """What a chart over time shows besides: outages from second to second, and moments when all came back at once."""

    outages: Sequence[tuple[float, float]] = ()
    herds: Sequence[float] = ()


def document(title: str, body: Iterable[str]) -> str:
    """A whole page; `body` is HTML already."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>{''.join(body)}</main></body></html>\n"
    )


def cards(shown: Iterable[tuple[str, str, str]]) -> str:
    """Figures with their names, and a few words below each."""
    figures = (
        f'<div class="card">{name}<b>{value}</b><span class="soft">{escape(more)}</span></div>'
        for name, value, more in shown
    )
    return f'<div class="cards">{"".join(figures)}</div>'


def notices(noticed: Sequence[Mapping[str, Any]]) -> str:
    """What a person must know to read the result."""
    if not noticed:
        return ""
    items = "".join(
        f"<li>{each['at_s']:.0f} s: {escape(each['what'])}; {escape(each['change'])}</li>" for each in noticed
    )
    return f"<h2>What to know</h2><ul>{items}</ul>"


def column(series: Sequence[Mapping[str, Any]], name: str, scale: float = 1.0) -> Pairs:
    """One field of a series over time."""
    return [(each["at_s"], None if each[name] is None else each[name] * scale) for each in series]


def rates(series: Sequence[Mapping[str, Any]], name: str) -> Pairs:
    """How fast a field that only counts up rose, a second."""
    pairs = pairwise(series)
    return [
        (
            now["at_s"],
            None if now[name] is None or was[name] is None else (now[name] - was[name]) / (now["at_s"] - was["at_s"]),
        )
        for was, now in pairs
    ]


def lines(title: str, curves: Sequence[Curve], *, marks: Marks, log: bool = False) -> str:
    """Curves over the time of the run; outages are shaded, herds a dashed line."""
    points = [(x, y) for curve in curves for x, y in curve.points if y is not None]
    if not points:
        return ""
    end = max(x for x, _ in points)
    low, high = (min(y for _, y in points), max(y for _, y in points)) if log else (0.0, max(y for _, y in points))
    up, ticks = _scale(low, high, log=log)

    def across(at_s: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(at_s, end) / end

    drawn = [
        f'<rect class="shade" x="{across(from_s):.1f}" y="{_TOP}" height="{_HEIGHT - _TOP - _BOTTOM}" '
        f'width="{across(until_s) - across(from_s):.1f}"/>'
        for from_s, until_s in marks.outages
    ]
    drawn += [f'<path class="stroke now" d="M{across(at_s):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>' for at_s in marks.herds]
    drawn += [f'<path class="stroke {curve.look}" d="{_path(curve.points, across, up)}"/>' for curve in curves]
    below = "".join(
        f'<text x="{across(at_s):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{at_s:g} s</text>'
        for at_s in _nice(0.0, end)
    )
    return _figure(title, "".join([_grid(up, ticks), *drawn, below]), curves, more=_explained(marks))


def bars(title: str, counted: Sequence[tuple[float, int]]) -> str:
    """A distribution of times in ms: upper end and count of each bucket, on a logarithmic axis."""
    first, last = math.log(counted[0][0] / 1.05), math.log(counted[-1][0])
    up, ticks = _scale(0.0, max(count for _, count in counted), log=False)
    span = max(last - first, math.log(1.05))

    def across(upper_ms: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (math.log(upper_ms) - first) / span

    foot = up(0.0)
    drawn = "".join(
        f'<rect class="bar" x="{across(upper / 1.05):.1f}" y="{up(count):.1f}" height="{foot - up(count):.1f}" '
        f'width="{max(1.0, across(upper) - across(upper / 1.05) - 0.5):.1f}"/>'
        for upper, count in counted
    )
    _, decades = _scale(counted[0][0], counted[-1][0], log=True)
    below = "".join(
        f'<text x="{across(at):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{at:g}</text>'
        for at in decades
        if first <= math.log(at) <= last
    )
    return _figure(title, _grid(up, ticks) + drawn + below, [])


def told(number: float | None) -> str:
    """A figure in three digits; a dash where it is not known."""
    return "-" if number is None else f"{number:,.3g}" if number < 1_000 else f"{number:,.0f}"


def _explained(marks: Marks) -> str:
    """What the marks of a chart mean; empty where it has none."""
    told = []
    if marks.outages:
        told.append(
            '<svg viewBox="0 0 28 8" aria-hidden="true"><rect class="shade" width="28" height="8"/></svg>outage'
        )
    if marks.herds:
        told.append(
            '<svg viewBox="0 0 28 8" aria-hidden="true"><path class="stroke now" d="M0 4H28"/></svg>all reconnect'
        )
    return "".join(f"<span>{each}</span>" for each in told)


def _figure(title: str, inside: str, curves: Sequence[Curve], *, more: str = "") -> str:
    legend = "".join(
        f'<span><svg viewBox="0 0 28 8" aria-hidden="true"><path class="stroke {curve.look}" d="M0 4H28"/></svg>'
        f"{escape(curve.name)}</span>"
        for curve in curves
    )
    return (
        f"<figure><h2>{escape(title)}</h2>"
        f'<div class="drawing"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'{inside}</svg></div><div class="legend">{legend}{more}</div></figure>'
    )


def _scale(low: float, high: float, *, log: bool) -> tuple[Callable[[float], float], Sequence[float]]:
    """How far down the picture a value stands, and which values are named."""
    tall = _HEIGHT - _TOP - _BOTTOM
    if not log:
        top = max(_nice(low, high or 1.0)[-1], high or 1.0)
        return (lambda value: _TOP + tall * (1 - value / top)), _nice(0.0, top)
    first, last = math.floor(math.log10(max(low, 1e-3))), math.ceil(math.log10(max(high, 1e-3)))
    last = max(last, first + 1)

    def down(value: float) -> float:
        return _TOP + tall * (1 - (math.log10(max(value, 1e-3)) - first) / (last - first))

    return down, [10.0**power for power in range(first, last + 1)]


def _nice(low: float, high: float) -> Sequence[float]:
    """About five round numbers from `low` to `high`."""
    rough = max(high - low, 1e-9) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    return [low + step * number for number in range(int((high - low) / step + 1e-9) + 1)]


def _grid(up: Callable[[float], float], ticks: Sequence[float]) -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{up(tick) + 4:.1f}" text-anchor="end">{tick:,g}</text>'
        for tick in ticks
    )


def _path(points: Pairs, across: Callable[[float], float], up: Callable[[float], float]) -> str:
    steps, draws = [], False
    for x, y in points:
        if y is not None:
            steps.append(f"{'L' if draws else 'M'}{across(x):.1f} {up(y):.1f}")
        draws = y is not None
    return "".join(steps)
