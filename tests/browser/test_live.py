"""An open page follows what happens at home; what a person is in the middle of stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.core.messages import ItemId, Range
from tests.browser.pictures import sign_in
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_estimate

pytestmark = pytest.mark.browser

_CHANGED = "retry: 100\n\nevent: changed\ndata: {}\n\n"
_CARD = '[data-item-card="milk"]'


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Page]:
    """The owner's window, with script; the hub says again and again that something has changed."""
    context = browser.new_context()
    page = context.new_page()
    page.route("**/api/v1/events", lambda route: route.fulfill(content_type="text/event-stream", body=_CHANGED))
    sign_in(page, address)
    yield page
    context.close()


def test_a_reading_shows_without_reloading(open_page: Page, house: House) -> None:
    """The card of the item tells the new amount; the page was not loaded anew; no rule of the page was broken."""
    complaints: list[str] = []
    open_page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    open_page.evaluate("window.same = true")
    _drink(house)
    expect(open_page.locator(_CARD)).to_contain_text("210 g left")
    assert open_page.evaluate("window.same") is True
    assert complaints == []


def test_what_has_the_focus_stays(open_page: Page, house: House) -> None:
    """Its card waits until the focus is elsewhere; the cards beside it do not."""
    link = open_page.locator(f"{_CARD} a")
    link.focus()
    _drink(house)
    _drink(house, "detergent", unit="mL")
    expect(open_page.locator('[data-item-card="detergent"]')).to_contain_text("210 mL left")
    expect(link).to_be_focused()
    expect(open_page.locator(_CARD)).not_to_contain_text("210 g left")
    link.blur()
    expect(open_page.locator(_CARD)).to_contain_text("210 g left")


def test_without_events_the_page_stays_as_it_was(browser: Browser, address: str, house: House) -> None:
    """A hub that sends none is no fault of the page, which goes on by links and forms."""
    context = browser.new_context()
    page = context.new_page()
    page.route("**/api/v1/events", lambda route: route.fulfill(status=503))
    sign_in(page, address)
    _drink(house)
    page.reload()
    expect(page.locator(_CARD)).to_contain_text("210 g left")
    page.get_by_role("link", name="See the terms: Milk").click()
    expect(page).to_have_url(f"{address}/prompts/p-milk")
    context.close()


def _drink(house: House, item: str = "milk", *, unit: str = "g") -> None:
    """A reading came: 210 are left."""
    known = house.home.known[ItemId(item)]
    estimate = sample_estimate(
        item, unit=unit, amount=Range(210.0, 200.0, 220.0), use=Range(31.0, 22.0, 44.0), trust=0.9
    )
    house.home.known[ItemId(item)] = replace(known, estimate=estimate)
