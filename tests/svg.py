"""What the charts kept in the repository share: text, and colours that follow the page, light or dark. Pure."""

from __future__ import annotations

from html import escape

STYLE = """
svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; } .soft { fill: #59636e; } .grid { stroke: #d1d9e0; } .done { fill: #2f6f9f; }
.short { fill: #b7791f; } .harmed { fill: #b42318; } .aim { stroke: #1f2328; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; } .done { fill: #58a6d6; }
  .short { fill: #d29922; } .harmed { fill: #f85149; } .aim { stroke: #f0f6fc; }
}
"""


def text(x: float, y: float, told: str, *, kind: str = "", more: str = "") -> str:
    """One line of text; `kind` is a class of the style, `more` are attributes."""
    inner = " ".join(part for part in (f'class="{kind}"' if kind else "", more) if part)
    return f'<text x="{x:.1f}" y="{y:.1f}"{" " + inner if inner else ""}>{escape(told)}</text>'
