"""The icons of the installed app, drawn from the one SVG: `python -m tests.browser.icons`.

Android cuts a maskable icon to a shape of its own, so its ground fills the square and the drawing stays within the
middle four fifths. Source: W3C, Web Application Manifest, "icon masks and safe zone".
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

import edge_agent.web
from tests.browser.looking import chromium

STATIC = Path(edge_agent.web.__file__).parent / "static"
_GROUND = '<rect width="24" height="24" rx="6" '


def draw(browser: Browser, svg: str, *, side_px: int) -> bytes:
    """A PNG of the drawing, square, with nothing behind it."""
    page = browser.new_page(viewport={"width": side_px, "height": side_px}, device_scale_factor=1)
    page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{side_px}px}}</style>{svg}")
    picture = page.screenshot(omit_background=True)
    page.close()
    return picture


def maskable(svg: str) -> str:
    """The same with a ground to the edges and a smaller drawing."""
    if svg.count(_GROUND) != 1 or svg.count("<g ") != 1:
        raise ValueError("the drawing has another shape by now: look at it here")
    return svg.replace(_GROUND, '<rect width="24" height="24" ').replace(
        "<g ", '<g transform="translate(12 12) scale(.8) translate(-12 -12.9)" '
    )


def main() -> None:
    """Write the three pictures."""
    svg = (STATIC / "icon.svg").read_text(encoding="utf-8")
    with chromium() as browser:
        for name, drawing, side_px in (
            ("icon-192.png", svg, 192),
            ("icon-512.png", svg, 512),
            ("icon-maskable-512.png", maskable(svg), 512),
        ):
            (STATIC / name).write_bytes(draw(browser, drawing, side_px=side_px))


if __name__ == "__main__":
    main()
