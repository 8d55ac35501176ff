"""Accessibility, as far as a program can tell: axe-core on every page, keyboard, zoom, less motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import BY_ALL_RULES, violations
from tests.browser.looking import ENGLISH
from tests.browser.pictures import PAGES, sign_in
from tests.edge_agent.web.house import House

pytestmark = pytest.mark.browser

# A window of 1280 px: text alone of double size (WCAG 1.4.4), the page at 200 %, and at 400 % (1.4.10).
_LARGER = ((1_280, "200%"), (640, ""), (320, ""))
_STOPS_MAX = 300
_SPILLING = """() => {
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll('body *')]
    .filter(each => !each.closest('.hidden, .unseen, .skip') && each.getBoundingClientRect().right > wide + 1)
    .slice(0, 5).map(each => each.outerHTML.slice(0, 90));
}"""
_HERE = """() => {
  const now = document.activeElement;
  if (!now || now === document.body) return null;
  const box = now.getBoundingClientRect(), style = getComputedStyle(now);
  const before = window.reached ??= new Set(), isNew = !before.has(now);
  before.add(now);
  return {where: now.outerHTML.slice(0, 90), seen: box.width > 0 && box.height > 0, new: isNew,
          ringed: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2};
}"""
_REACHABLE = """() => [...document.querySelectorAll(
  'a[href], button, select, summary, input:not([type=hidden]):not([type=radio])')]
  .filter(each => each.checkVisibility()).length"""
_MOVES = """() => [...document.querySelectorAll('*')].filter(each => {
  const style = getComputedStyle(each);
  return style.animationName !== 'none' || style.transitionDuration.split(',').some(time => parseFloat(time) > 0);
}).slice(0, 5).map(each => each.outerHTML.slice(0, 90))"""


@pytest.fixture
def signed_in(page: Page, address: str) -> Page:
    """The owner's window."""
    sign_in(page, address)
    return page


def test_axe_finds_nothing(browser: Browser, address: str) -> None:
    """Nothing of moderate or graver impact on any page, by every rule; what a look can change: test_pages."""
    context = browser.new_context(**BY_ALL_RULES.options(ENGLISH))
    page = context.new_page()
    found = []
    page.goto(f"{address}/login")
    found += violations(page, "/login", look=BY_ALL_RULES)
    sign_in(page, address)
    for path in PAGES.values():
        page.goto(address + path)
        found += violations(page, path, look=BY_ALL_RULES)
    context.close()
    assert found == []


def test_a_larger_page_scrolls_one_way_only(signed_in: Page, address: str) -> None:
    """With text of double size, at 200 % zoom and at 400 %, nothing stands past the right edge of any page."""
    wrong = []
    for path in PAGES.values():
        signed_in.goto(address + path)
        signed_in.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
        for width, text in _LARGER:
            signed_in.set_viewport_size({"width": width, "height": 800})
            signed_in.evaluate("size => { document.documentElement.style.fontSize = size; }", text)
            wrong += [(path, width, text, each) for each in signed_in.evaluate(_SPILLING)]
    assert wrong == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(signed_in: Page, address: str) -> None:
    """On each page every link, button and field takes the focus by Tab, is seen then, and wears a ring."""
    wrong = []
    for path in PAGES.values():
        signed_in.goto(address + path)
        wanted, reached = signed_in.evaluate(_REACHABLE), []
        rounds = 1 + signed_in.locator("[autofocus]").count()  # such a page begins in its middle, sooner or later
        for _ in range(_STOPS_MAX):
            signed_in.keyboard.press("Tab")
            here = signed_in.evaluate(_HERE)
            if here is None:
                rounds -= 1
            elif here["new"]:
                reached.append(here)
            if rounds == 0:
                break
        wrong += [(path, each["where"]) for each in reached if not (each["seen"] and each["ringed"])]
        wrong += [(path, f"{len(reached)} of {wanted} reached")] if len(reached) < wanted else []
    assert wrong == []


def test_who_wants_less_motion_gets_none(browser: Browser, address: str) -> None:
    """No page animates or fades where the system asks for less motion."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, address)
    for path in PAGES.values():
        page.goto(address + path)
        assert page.evaluate(_MOVES) == [], path
    context.close()


def test_an_order_by_keyboard_alone(page: Page, house: House, address: str) -> None:
    """Sign in, skip to the page, open the prompt and approve it without touching a pointer."""
    page.goto(f"{address}/login")
    page.get_by_label("Name").focus()
    page.keyboard.type("the-owner")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("link", name="See the terms: Milk"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/prompts/p-milk")
    _tab_to(page, page.get_by_role("button", name="Order and pay"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-prompt-state]")).to_have_text("Approved")
    assert house.answers.calls == [("approve", "p-milk", "the-owner")]


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus."""
    for _ in range(_STOPS_MAX):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            return
    pytest.fail(f"Tab never came to {wanted}")
