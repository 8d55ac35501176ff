"""The first run, as far as a program can tell whether everybody can use it: axe-core, a phone's width, the keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import TELLING_LOOKS, violations
from tests.browser.looking import ENGLISH, LANGUAGES, LOOKS, Look
from tests.browser.setup_pictures import begun, walk
from tests.edge_agent.web.test_setup_pages import CODE, PASSWORD

pytestmark = pytest.mark.browser

_WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def first(page: Page) -> Iterator[Page]:
    """The first page of a hub that was never set up, without script."""
    with begun() as address:
        page.goto(address)
        yield page


@pytest.mark.parametrize("look", TELLING_LOOKS, ids=lambda look: look.name)
def test_axe_finds_nothing_on_the_way(browser: Browser, look: Look) -> None:
    """On any page of the first run, refusals included, with all details open; and none is wider than the window."""
    context = browser.new_context(**look.options(ENGLISH))
    page = context.new_page()
    found: list[str] = []

    def look_at(name: str) -> None:
        found.extend(violations(page, name, look=look))
        if page.evaluate(_WIDER):
            found.append(f"{name} is wider than the window")

    with begun() as address:
        walk(page, address, at=look_at)
    context.close()
    assert found == []


def test_code_and_owner_by_keyboard_alone(first: Page) -> None:
    """The code's field has the focus at once; Enter goes on; the owner's name is the next thing to type."""
    expect(first.get_by_label("Setup code")).to_be_focused()
    first.keyboard.type(CODE)
    first.keyboard.press("Enter")
    expect(first.get_by_role("heading", name="Who owns this home?")).to_be_visible()
    first.locator("[name=name]").focus()
    for typed in ("anna", PASSWORD, PASSWORD):
        first.keyboard.type(typed)
        first.keyboard.press("Tab")
    first.keyboard.press("Enter")
    expect(first.get_by_role("heading", name="Where do your devices speak?")).to_be_visible()


def test_the_way_in_chinese(browser: Browser) -> None:
    """Every page says that it is Chinese, to whoever asks for that."""
    context = browser.new_context(**LOOKS[2].options(LANGUAGES[1]))
    page, spoken = context.new_page(), set()
    with begun() as address:
        walk(page, address, at=lambda _: spoken.add(page.locator("html").get_attribute("lang")))
    context.close()
    assert spoken == {"zh-Hans"}
