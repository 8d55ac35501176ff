"""The result of a run as one HTML page: charts as SVG, no script, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
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

_ENDED = {
    "unsettled": "not everything came through before nothing moved any more",
    "refused": "the broker refused the fleet",
    "disk_full": "the truth log could not be written any more, so the run was stopped",
    "interrupted": "the run was interrupted",
    "unheard": "the consumer could not be asked",
}

Pairs = Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart; where a value is None the line is broken. `look` is its class: a, b or c."""

    name: str
    look: str
    points: Pairs


def html(summary: dict[str, Any]) -> str:
    """The page."""
    run, started = escape(summary["run"]), escape(summary["started_at"])
    plan, links = summary["plan"], summary["connections"]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Fleet run {run}</title>'
        f"<style>{_STYLE}</style></head><body><main>"
        f"<h1>Fleet run {run}</h1>"
        f'<p class="soft">{links["wanted"]:,} devices in {plan["homes"]:,} homes, {plan["rate_per_s"]:g} readings/s '
        f"for {plan['duration_s']:g} s, seed {summary['seed']}; broker {escape(summary['broker'])}, MQTT "
        f"{escape(summary['mqtt'])}; {started}</p>"
        f"{_verdict(summary)}{_cards(summary)}{_notices(summary)}"
        f'<div class="charts">{"".join(_charts(summary))}</div>'
        f"{_worst(summary)}<details><summary>Plan</summary><pre>{escape(json.dumps(plan, indent=1))}</pre></details>"
        "</main></body></html>\n"
    )


def _verdict(summary: dict[str, Any]) -> str:
    if summary["ok"] and "lost" in summary["consumer"]:
        return '<p class="good">Everything that the broker acknowledged was heard, and the whole fleet was there.</p>'
    if summary["ok"]:
        return '<p class="good">The whole fleet was there. Nobody was asked what came out behind the broker.</p>'
    links, readings = summary["connections"], summary["readings"]
    counted = (
        (summary["consumer"].get("lost", 0), "acknowledged readings are not at the consumer"),
        (readings["unacknowledged"], "readings were never acknowledged"),
        (readings["dropped"], "readings were dropped by devices for want of room"),
        (readings["refused"], "messages were refused by the broker"),
        (links["given_up"], "devices gave up"),
    )
    told = "".join(f"<li>{count:,} {what}</li>" for count, what in counted if count)
    ended = f"<li>{_ENDED[summary['ended']]}</li>" if summary["ended"] != "done" else ""
    return f'<p class="bad">Not all is well:</p><ul class="bad">{ended}{told}</ul>'


def _cards(summary: dict[str, Any]) -> str:
    links, readings, heard = summary["connections"], summary["readings"], summary["consumer"]
    cards = [
        (
            "connected at most",
            f"{links['reached']:,}",
            f"of {links['wanted']:,}; all after {_told(links['all_after_s'])} s",
        ),
        (
            "acknowledged",
            f"{readings['acknowledged']:,}",
            f"of {readings['taken']:,} taken; {readings['per_s']:,.0f} a second",
        ),
        ("connections lost", f"{links['lost']:,}", f"{links['failed']:,} attempts failed"),
    ]
    if "lost" in heard:
        delay = heard["delay_ms"]
        cards += [
            ("lost", f"{heard['lost']:,}", f"acknowledged, not at the consumer “{heard['name']}”"),
            ("duplicates", f"{heard['duplicates']:,}", f"{heard['sent_again']:,} were sent again by devices"),
            ("delay, median", f"{_told(delay['p50'])} ms", f"99 % within {_told(delay['p99'])} ms"),
        ]
    shown = (
        f'<div class="card">{name}<b>{value}</b><span class="soft">{escape(more)}</span></div>'
        for name, value, more in cards
    )
    return f'<div class="cards">{"".join(shown)}</div>'


def _notices(summary: dict[str, Any]) -> str:
    if not summary["notices"]:
        return ""
    items = "".join(
        f"<li>{each['at_s']:.0f} s: {escape(each['what'])}; {escape(each['change'])}</li>"
        for each in summary["notices"]
    )
    return f"<h2>What to know</h2><ul>{items}</ul>"


def _charts(summary: dict[str, Any]) -> list[str]:
    series, plan = summary["series"], summary["plan"]
    if len(series) < 2:
        return ['<p class="soft">Too short for charts: there is less than two seconds to show.</p>']
    asked = "lost" in summary["consumer"]
    rates = [Curve("taken", "a", _rates(series, "taken")), Curve("acknowledged", "b", _rates(series, "acked"))]
    backlog = [
        Curve(
            "not acknowledged yet",
            "a",
            [(each["at_s"], each["taken"] - each["acked"] - each["gone"]) for each in series],
        )
    ]
    if asked:
        rates.append(Curve("heard", "c", _rates(series, "heard")))
        behind = [
            (each["at_s"], None if each["heard"] is None else max(0, each["acked"] - each["heard"])) for each in series
        ]
        backlog.append(Curve("acknowledged, not heard yet", "b", behind))
    charts = [
        _lines("Connected devices", [Curve("connected", "a", _column(series, "connected"))], plan),
        _lines("Readings a second", rates, plan),
        _lines("Readings under way", backlog, plan),
    ]
    if asked and summary["consumer"]["delay_ms"]["count"]:
        if any(each["delay_p50_s"] is not None for each in series):
            delays = [
                Curve("median", "a", _column(series, "delay_p50_s", 1_000)),
                Curve("99 % within", "b", _column(series, "delay_p99_s", 1_000)),
            ]
            charts.append(_lines("Delay of what was heard, ms", delays, plan, log=True))
        charts.append(_bars("How long readings took, ms", summary["consumer"]))
    busy = [(at_s, None if share is None else 100 * share) for at_s, share in _rates(series, "cpu_s")]
    charts.append(_lines("This process: % of one core", [Curve("busy", "a", busy)], plan))
    return charts


def _column(series: Sequence[dict[str, Any]], name: str, scale: float = 1.0) -> Pairs:
    return [(each["at_s"], None if each[name] is None else each[name] * scale) for each in series]


def _rates(series: Sequence[dict[str, Any]], name: str) -> Pairs:
    pairs = pairwise(series)
    return [
        (
            now["at_s"],
            None if now[name] is None or was[name] is None else (now[name] - was[name]) / (now["at_s"] - was["at_s"]),
        )
        for was, now in pairs
    ]


def _lines(title: str, curves: Sequence[Curve], plan: dict[str, Any], *, log: bool = False) -> str:
    """Curves over the time of the run; outages are shaded, herds a dashed line."""
    points = [(x, y) for curve in curves for x, y in curve.points if y is not None]
    if not points:
        return ""
    end = max(x for x, _ in points)
    low, high = (min(y for _, y in points), max(y for _, y in points)) if log else (0.0, max(y for _, y in points))
    up, ticks = _scale(low, high, log=log)

    def across(at_s: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(at_s, end) / end

    marks = [
        f'<rect class="shade" x="{across(each["at_s"]):.1f}" y="{_TOP}" height="{_HEIGHT - _TOP - _BOTTOM}" '
        f'width="{across(each["at_s"] + each["for_s"]) - across(each["at_s"]):.1f}"/>'
        for each in plan["outages"]
    ]
    marks += [
        f'<path class="stroke now" d="M{across(each["at_s"]):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>'
        for each in plan["herds"]
    ]
    drawn = [f'<path class="stroke {curve.look}" d="{_path(curve.points, across, up)}"/>' for curve in curves]
    below = "".join(
        f'<text x="{across(at_s):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{at_s:g} s</text>'
        for at_s in _nice(0.0, end)
    )
    return _figure(title, "".join([_grid(up, ticks), *marks, *drawn, below]), curves, more=_explained(plan))


def _bars(title: str, heard: dict[str, Any]) -> str:
    """The distribution of delays: one bar for each bucket, on a logarithmic axis."""
    bars = heard["delay_bars"]
    first, last = math.log(bars[0][0] / 1.05), math.log(bars[-1][0])
    up, ticks = _scale(0.0, max(count for _, count in bars), log=False)
    span = max(last - first, math.log(1.05))

    def across(upper_ms: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (math.log(upper_ms) - first) / span

    foot = up(0.0)
    drawn = "".join(
        f'<rect class="bar" x="{across(upper / 1.05):.1f}" y="{up(count):.1f}" height="{foot - up(count):.1f}" '
        f'width="{max(1.0, across(upper) - across(upper / 1.05) - 0.5):.1f}"/>'
        for upper, count in bars
    )
    _, decades = _scale(bars[0][0], bars[-1][0], log=True)
    below = "".join(
        f'<text x="{across(at):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{at:g}</text>'
        for at in decades
        if first <= math.log(at) <= last
    )
    return _figure(title, _grid(up, ticks) + drawn + below, [])


def _explained(plan: dict[str, Any]) -> str:
    """What the marks of a plan mean; empty where it has none."""
    told = []
    if plan["outages"]:
        told.append(
            '<svg viewBox="0 0 28 8" aria-hidden="true"><rect class="shade" width="28" height="8"/></svg>outage'
        )
    if plan["herds"]:
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


def _worst(summary: dict[str, Any]) -> str:
    rows = summary["devices"]["worst"]
    if not rows:
        return ""
    columns = ("acknowledged", "lost", "duplicates", "sent_again", "unreadable", "malformed")
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in columns)
    body = "".join(
        f"<tr><td>{escape(row['home'])}/{escape(row['device'])}</td>"
        f"{''.join(f'<td>{row[name]:,}</td>' for name in columns)}"
        f"<td>{_told(row['delay_ms']['p50'])}</td><td>{_told(row['delay_ms']['max'])}</td></tr>"
        for row in rows
    )
    devices = summary["devices"]
    told = f"{devices['with_loss']:,} devices with loss, {devices['with_duplicates']:,} with duplicates"
    return (
        f"<h2>The {len(rows)} devices with the most loss, then duplicates, then delay</h2>"
        f'<p class="soft">{told}</p><div class="wide"><table><thead><tr><th>device</th>{head}'
        f"<th>median ms</th><th>worst ms</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def _told(number: float | None) -> str:
    return "-" if number is None else f"{number:,.3g}" if number < 1_000 else f"{number:,.0f}"
