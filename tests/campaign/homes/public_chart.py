"""The frontier of the public homes as a picture: deliveries a year against stock-out days, and the stock held. Pure.

The same result gives the same bytes. The colours come from the page's own scheme, light or dark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from tests.svg import text

_WIDTH: Final = 820
_PANEL_WIDTH: Final = 300
_PANEL_HEIGHT: Final = 260
_TOP: Final = 84
_LEFTS: Final = (64, 470)
_FOOT: Final = 96
_STOCK_OUTS_MAX: Final = 12.0
_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; } .soft { fill: #59636e; } .grid { stroke: #d1d9e0; } path { fill: none; stroke-width: 2; }
.simple { stroke: #59636e; } .ours-0 { stroke: #2f6f9f; } .ours-1 { stroke: #b7791f; } .ours-2 { stroke: #7a3f9d; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; }
  .simple { stroke: #9198a1; } .ours-0 { stroke: #58a6d6; } .ours-1 { stroke: #d29922; } .ours-2 { stroke: #bc8cff; }
}
"""
_PANELS: Final = (("deliveries", "deliveries a year"), ("supply_days", "days of supply held"))

_OURS: Final = "together, a delivery worth {} d"
JOINED: Final = "joined, "  # how the curves of orders together are named, before the price of a delivery

Curve = Sequence[Mapping[str, float]]


def drawn(public: Mapping[str, Any]) -> str:
    """The picture, as SVG. `public` is that half of what `python -m tests.campaign.homes` prints."""
    curves = _chosen(public["deliveries"])
    homes = public["deliveries"]["homes"]
    title = f"{homes} homes of the public data: ordered together, against item by item"
    height = _TOP + _PANEL_HEIGHT + _FOOT
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        text(16, 24, title, more='font-weight="600"'),
        text(16, 44, f"chances: {public['chances']}", kind="soft"),
    ]
    for left, (figure, name) in zip(_LEFTS, _PANELS, strict=True):
        parts += _panel(curves, left=left, figure=figure, name=name)
    return "\n".join([*parts, *_legend(curves, base=height - 14.0), "</svg>", ""])


def _chosen(told: Mapping[str, Any]) -> list[tuple[str, str, Curve]]:
    """The best simple rule at five stock-out days, and ours at each price of a delivery: kind, name, curve."""
    simple = next(row["simple_rule"] for row in told["rows"] if row["stock_out_days"] == 5)
    ours = [(name, curve) for name, curve in told["curves"].items() if name.startswith(JOINED)]
    ours.sort(key=lambda one: float(one[0].removeprefix(JOINED)))
    named = [(f"ours-{at % 3}", name, curve) for at, (name, curve) in enumerate(ours)]
    return [("simple", simple, told["curves"][simple]), *named]


def _panel(curves: Sequence[tuple[str, str, Curve]], *, left: float, figure: str, name: str) -> Iterator[str]:
    most = _ceiling(max(point[figure] for _, _, curve in curves for point in _shown(curve)))
    bottom = _TOP + _PANEL_HEIGHT

    def x(stock_outs: float) -> float:
        return left + _PANEL_WIDTH * stock_outs / _STOCK_OUTS_MAX

    def y(value: float) -> float:
        return bottom - _PANEL_HEIGHT * value / most

    yield text(left, _TOP - 10, name)
    for step in range(5):
        value = most * step / 4
        yield f'<line class="grid" x1="{left}" x2="{left + _PANEL_WIDTH}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        yield text(left - 8, y(value) + 4, f"{value:g}", kind="soft", more='text-anchor="end"')
    for stock_outs in (2, 5, 10):
        yield f'<line class="grid" x1="{x(stock_outs):.1f}" x2="{x(stock_outs):.1f}" y1="{_TOP}" y2="{bottom}"/>'
        yield text(x(stock_outs), bottom + 16, f"{stock_outs}", kind="soft", more='text-anchor="middle"')
    middle = left + _PANEL_WIDTH / 2
    yield text(middle, bottom + 34, "stock-out days an item and year", kind="soft", more='text-anchor="middle"')
    for kind, _, curve in curves:
        yield f'<path class="{kind}" d="{_line(curve, figure=figure, x=x, y=y)}"/>'


def _line(curve: Curve, *, figure: str, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    points = [f"{x(point['stock_out_days']):.1f} {y(point[figure]):.1f}" for point in _shown(curve)]
    return "M " + " L ".join(points)


def _shown(curve: Curve) -> list[Mapping[str, float]]:
    return [point for point in curve if 0.5 <= point["stock_out_days"] <= _STOCK_OUTS_MAX]


def _legend(curves: Sequence[tuple[str, str, Curve]], *, base: float) -> Iterator[str]:
    """The simple rule on a line of its own, and below it ours at each price of a delivery."""
    at = float(_LEFTS[0])
    for kind, name, _ in curves:
        is_simple = kind == "simple"
        x, y = (float(_LEFTS[0]), base - 18) if is_simple else (at, base)
        told = f"item by item: {name}" if is_simple else _OURS.format(name.removeprefix(JOINED))
        yield f'<path class="{kind}" d="M {x:.1f} {y - 4:.1f} L {x + 18:.1f} {y - 4:.1f}"/>'
        yield text(x + 24, y, told, kind="soft")
        at += 0 if is_simple else 44 + 6.6 * len(told)


def _ceiling(most: float) -> float:
    """A round number above it that four lines divide well."""
    step = next(step for step in (2, 4, 8, 12, 20, 40, 80, 100, 120, 160, 200, 400, 800, 1_600) if step >= most)
    return float(step)
