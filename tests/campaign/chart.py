"""The result of a tier as a picture: what each campaign did against its bar, on a logarithmic scale. Pure.

The same result gives the same bytes. The colours come from the page's own scheme, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from tests.campaign.table import bound_told, other_faults
from tests.svg import STYLE, text

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _FOOT = 800, 110, 230, 76, 30, 64
_BAR_HEIGHT = 14


def drawn(result: Mapping[str, Any]) -> str:
    """The picture, as SVG. `result` is the JSON object that a tier prints."""
    campaigns = result["campaigns"]
    decades = _decades(campaigns)
    height = _TOP + _ROW * len(campaigns) + _FOOT
    title = f"Fault campaigns, {result['tier']} tier: what was done, against the bar"
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        text(16, 24, title, more='font-weight="600"'),
        text(16, 44, _said(result), kind="soft"),
        text(_WIDTH - _RIGHT + 14, _TOP - 8, "done: failure rate (95 %)", kind="soft"),
        *_grid(decades, bottom=_TOP + _ROW * len(campaigns)),
    ]
    for number, campaign in enumerate(campaigns):
        parts += _campaign(campaign, top=_TOP + _ROW * number, decades=decades)
    parts += [*_legend(height - 16), "</svg>", ""]
    return "\n".join(parts)


def _said(result: Mapping[str, Any]) -> str:
    caught = f"{result['bugs_caught']} of {result['bugs_planted']} planted bugs caught"
    took = f"{result['seconds'] / 60:.0f} minutes on {result['cores']} cores"
    return f"{'Holds' if result['holds'] else 'Does not hold'}; {caught}; {took}"


def _campaign(campaign: Mapping[str, Any], *, top: float, decades: int) -> Iterator[str]:
    """Name, bar of what was done, mark of what was to be done, and the bound."""
    middle, done, bar = top + _ROW / 2, campaign["done"], campaign["bar"]
    kind = "harmed" if campaign["harm"] or campaign["faults"] else "short" if bar and done < bar else "done"
    width = _x(done, decades) - _LEFT
    yield text(_LEFT - 10, middle + 4.5, campaign["campaign"], more='text-anchor="end"')
    yield (
        f'<rect class="{kind}" x="{_LEFT}" y="{middle - _BAR_HEIGHT / 2:.1f}" width="{width:.1f}"'
        f' height="{_BAR_HEIGHT}" rx="2"/>'
    )
    if bar:
        at = _x(bar, decades)
        yield f'<line class="aim" x1="{at:.1f}" x2="{at:.1f}" y1="{middle - 11:.1f}" y2="{middle + 11:.1f}"/>'
    failed = campaign["harm"] + other_faults(campaign["harm"], campaign["faults"])
    told = f"{done:,}: {failed} failed" if failed else f"{done:,}: under {bound_told(campaign['bound_95'])}"
    yield text(_WIDTH - _RIGHT + 14, middle + 4.5, told)


def _grid(decades: int, *, bottom: float) -> Iterator[str]:
    for power in range(decades + 1):
        at = _x(10**power, decades)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>'
        yield text(at, bottom + 16, f"{10**power:,}", kind="soft", more='text-anchor="middle" font-size="11"')


def _legend(base: float) -> Iterator[str]:
    at = float(_LEFT)
    for kind, told in (("done", "done, no failure"), ("short", "done, short of the bar"), ("harmed", "failed")):
        yield f'<rect class="{kind}" x="{at:.1f}" y="{base - 10:.1f}" width="12" height="12" rx="2"/>'
        yield text(at + 18, base, told, kind="soft")
        at += 36 + 6.8 * len(told)
    yield f'<line class="aim" x1="{at:.1f}" x2="{at:.1f}" y1="{base - 12:.1f}" y2="{base + 4:.1f}"/>'
    yield text(at + 8, base, "bar", kind="soft")


def _decades(campaigns: Sequence[Mapping[str, Any]]) -> int:
    """How many powers of ten the scale has."""
    largest = max(max(campaign["done"], campaign["bar"] or 1, 10) for campaign in campaigns)
    return math.ceil(math.log10(largest))


def _x(count: float, decades: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log10(max(count, 1)) / decades
