"""Where each part stops, as a picture: a bar for each on a logarithmic scale of homes. Pure.

The same inputs give the same bytes. The colours come from the page's own scheme, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from tests.campaign.scale import model
from tests.campaign.scale.inputs import Inputs

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _FOOT = 860, 310, 96, 72, 30, 62
_BAR_HEIGHT, _DECADES = 14, 8
_STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; } .soft { fill: #59636e; } .grid { stroke: #d1d9e0; } .code { fill: #b42318; }
.measured { fill: #2f6f9f; } .assumed { fill: #b7791f; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; } .code { fill: #f85149; }
  .measured { fill: #58a6d6; } .assumed { fill: #d29922; }
}
"""
_LEGEND = (("code", "read in the code"), ("measured", "measured costs"), ("assumed", "an assumption of ours"))


def drawn(inputs: Inputs) -> str:
    """The picture, as SVG."""
    stops = model.stops(inputs)
    bottom = _TOP + _ROW * len(stops)
    height = bottom + _FOOT
    title = "How many homes each part takes before something else has to take its place"
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        _text(16, 24, title, more='font-weight="600"'),
        _text(16, 44, "Homes, on a logarithmic scale; what is beyond the first bar is on paper", kind="soft"),
        *_grid(bottom),
    ]
    for number, stop in enumerate(stops):
        parts += _bar(stop, top=_TOP + _ROW * number)
    return "\n".join([*parts, *_legend(height - 16), "</svg>", ""])


def _bar(stop: model.Stop, *, top: float) -> Iterator[str]:
    middle, width = top + _ROW / 2, max(_x(stop.homes) - _LEFT, 3.0)
    yield _text(_LEFT - 10, middle + 4.5, stop.part, more='text-anchor="end"')
    yield (
        f'<rect class="{stop.known}" x="{_LEFT}" y="{middle - _BAR_HEIGHT / 2:.1f}" width="{width:.1f}"'
        f' height="{_BAR_HEIGHT}" rx="2"/>'
    )
    yield _text(_LEFT + width + 8, middle + 4.5, f"{float(f'{stop.homes:.2g}'):,.0f}")


def _grid(bottom: float) -> Iterator[str]:
    for power in range(_DECADES + 1):
        at = _x(10.0**power)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>'
        yield _text(at, bottom + 16, _short(10**power), kind="soft", more='text-anchor="middle" font-size="11"')


def _short(homes: int) -> str:
    for size, name in ((1_000_000, "M"), (1_000, "k")):
        if homes >= size:
            return f"{homes // size}{name}"
    return str(homes)


def _legend(base: float) -> Iterator[str]:
    at = float(_LEFT)
    for kind, told in _LEGEND:
        yield f'<rect class="{kind}" x="{at:.1f}" y="{base - 10:.1f}" width="12" height="12" rx="2"/>'
        yield _text(at + 18, base, told, kind="soft")
        at += 40 + 6.8 * len(told)


def _x(homes: float) -> float:
    share = min(math.log10(max(homes, 1.0)) / _DECADES, 1.0)
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share


def _text(x: float, y: float, told: str, *, kind: str = "", more: str = "") -> str:
    inner = " ".join(part for part in (f'class="{kind}"' if kind else "", more) if part)
    return f'<text x="{x:.1f}" y="{y:.1f}"{" " + inner if inner else ""}>{escape(told)}</text>'
