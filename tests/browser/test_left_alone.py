"""An open page brings itself up to date without taking anything out of a person's hand, and asks for nothing amiss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from edge_agent.config import WebConfig
from edge_agent.core.messages import ItemId, Range
from tests.browser.pictures import sign_in
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import PASSWORD, House, opened

pytestmark = pytest.mark.browser

_CHANGED = "retry: 100\n\nevent: changed\ndata: {}\n\n"
_REFRESH = "meta[http-equiv=refresh]"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A home whose pages reload each second where there is no script, as the demo's do."""
    with opened(tmp_path, ManualClock(), web=WebConfig(refresh_s=1)) as house:
        yield house


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser with script."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext, address: str) -> Page:
    """The owner's window; the hub says again and again that something has changed."""
    page = context.new_page()
    page.route("**/api/v1/events", lambda route: route.fulfill(content_type="text/event-stream", body=_CHANGED))
    sign_in(page, address)
    return page


def test_only_a_browser_without_script_reloads(open_page: Page, page: Page, address: str) -> None:
    """With script the page is never loaded anew; without, it says by itself when to."""
    expect(open_page.locator("#stock")).to_be_visible()
    assert open_page.locator(_REFRESH).count() == 0
    sign_in(page, address)
    assert page.locator(_REFRESH).get_attribute("content") == "1"


def test_what_is_open_stays_open_and_what_is_typed_stays(open_page: Page, house: House, address: str) -> None:
    """While the parts beside it follow what happens."""
    open_page.goto(f"{address}/items/milk")
    open_page.evaluate("window.same = true")
    numbers = open_page.locator("details", has_text="The same in numbers")
    numbers.locator("summary").click()
    open_page.get_by_text("Another number, bought elsewhere, thrown away").click()
    typed = open_page.get_by_role("textbox", name="Packs")
    typed.fill("3")
    _drink(house)
    expect(open_page.locator('[data-live="now"]')).to_contain_text("210 g left")
    expect(numbers).to_have_attribute("open", "")
    expect(typed).to_have_value("3")
    expect(typed).to_be_focused()
    assert open_page.evaluate("window.same") is True


def test_nothing_moves_under_a_press(open_page: Page, house: House) -> None:
    """From the moment a button goes down until it is let go; then the page catches up."""
    link = open_page.get_by_role("link", name="See the terms: Milk")
    open_page.evaluate("document.addEventListener('click', event => event.preventDefault())")
    link.hover()
    open_page.mouse.down()
    open_page.evaluate("document.activeElement.blur()")
    _drink(house)
    with open_page.expect_response(lambda answer: answer.url.endswith("/")):
        pass
    with open_page.expect_response(lambda answer: answer.url.endswith("/")):
        pass
    expect(open_page.locator('[data-item-card="milk"]')).not_to_contain_text("210 g left")
    open_page.mouse.up()
    expect(open_page.locator('[data-item-card="milk"]')).to_contain_text("210 g left")


def test_the_answer_to_a_form_asks_for_nothing_that_is_not_there(open_page: Page, address: str) -> None:
    """A token is shown on the answer itself, whose address takes forms only."""
    complaints: list[str] = []
    open_page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    open_page.goto(f"{address}/tokens")
    open_page.get_by_label("Program").fill("bedside clock")
    open_page.get_by_label("Your own password").fill(PASSWORD)
    open_page.locator("form[action='/tokens/add'] button").click()
    expect(open_page.locator("[data-token]")).to_be_visible()
    expect(open_page.locator("body")).not_to_have_attribute("data-live-from", "/api/v1/events")
    assert complaints == []


def _drink(house: House) -> None:
    """A reading came: 210 g are left."""
    known = house.home.known[ItemId("milk")]
    assert known.estimate is not None
    estimate = replace(known.estimate, amount=Range(210.0, 200.0, 220.0))
    house.home.known[ItemId("milk")] = replace(known, estimate=estimate)
