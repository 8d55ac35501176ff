"""A person with a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import CHROMIUM, LOOKS, Look, chromium, served, sign_in
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import House, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; missing it skips, but not in CI."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is missing, and CI must run this test")
        pytest.skip(f"{CHROMIUM} is missing")
    with chromium() as browser:
        yield browser


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The sample home with its pages."""
    with opened(tmp_path, ManualClock()) as house:
        yield house


@pytest.fixture
def address(house: House) -> Iterator[str]:
    """The pages on a loopback port."""
    with served(house.app) as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of its own, without script: everything must work so."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


def test_from_sign_in_to_an_order(page: Page, house: House, address: str) -> None:
    """Sign in, open the prompt, approve, see the state; no request leaves the hub."""
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    sign_in(page, address)
    page.get_by_role("link", name="See the terms: Milk").click()
    expect(page.locator('[data-term="total"]')).to_have_text("$20.15")
    page.get_by_role("button", name="Order and pay $20.15").click()
    expect(page).to_have_url(f"{address}/prompts/p-milk")
    expect(page.locator("[data-prompt-state]")).to_have_text("Approved")
    expect(page.locator("li[aria-current=step]")).to_have_text("Approved")
    assert house.answers.calls == [("approve", "p-milk", "the-owner")]
    assert hosts == {urlsplit(address).netloc}


def test_what_is_shown_is_what_is_approved(page: Page, house: House, address: str) -> None:
    """The hash in the form is the hash of the offer whose total the button names."""
    sign_in(page, address)
    page.goto(f"{address}/prompts/p-milk")
    sent = page.locator("form.approve input[name=terms_hash]").get_attribute("value")
    assert sent == house.home.all_prompts["p-milk"].terms_hash


def test_putting_off_and_declining(page: Page, house: House, address: str) -> None:
    """Both without script."""
    sign_in(page, address)
    page.goto(f"{address}/prompts/p-milk")
    page.get_by_text("Do not buy").click()
    page.get_by_label("We have a spare").check()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Declined by the-owner")).to_be_visible()
    assert [call[0] for call in house.answers.calls] == ["decline"]


def test_another_site_cannot_post_for_the_person(page: Page, house: House, address: str) -> None:
    """A form on a foreign page reaches neither the session nor the prompt."""
    sign_in(page, address)
    other = address.replace("127.0.0.1", "localhost")
    page.route("http://evil.test/", lambda route: route.fulfill(content_type="text/html", body=_trap(other)))
    page.goto("http://evil.test/")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("That is not allowed")
    assert house.answers.calls == []


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_no_page_is_wider_than_the_window(browser: Browser, address: str, look: Look) -> None:
    """Nothing scrolls sideways, on a phone either, and the policy stops nothing that a page needs."""
    context = browser.new_context(viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(page, address)
    for path in ("/", "/items/milk", "/prompts/p-milk", "/prompts/p-fluid", "/orders", "/devices"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= look.width, path
    context.close()
    assert complaints == []


def _trap(address: str) -> str:
    return f'<form method="post" action="{address}/prompts/p-milk/approve"><button>Win</button></form>'
