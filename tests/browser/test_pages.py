"""A person with a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.core.leave.policy import Policy
from tests.browser.axe import BY_SOME_RULES, TELLING_LOOKS, violations
from tests.browser.looking import Look
from tests.browser.pictures import PAGES, sign_in
from tests.edge_agent.web.house import House
from tests.edge_agent.web.merchant_history import give_history
from tests.edge_agent.web.samples import sample_offer, sample_prompt

pytestmark = pytest.mark.browser


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


def test_from_home_onto_a_list(page: Page, house: House, address: str) -> None:
    """Asked, read and answered without a sum anywhere."""
    nothing = {"unit_price_minor": 0, "delivery_minor": 0, "total_minor": 0, "total_max_minor": 0}
    house.home.add(sample_prompt(offer=sample_offer(**nothing, on_list=True, merchant="kitchen_list")))
    sign_in(page, address)
    page.get_by_role("link", name="Put Milk on the list?").click()
    expect(page.get_by_role("heading", name="Put Milk on the list?")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("$")
    page.get_by_role("button", name="Put on the list").click()
    expect(page.locator("[data-prompt-state]")).to_have_text("Approved")
    expect(page.locator("ol.steps li")).to_have_text(["Approved", "Held", "Sending", "On the list", "Bought"])
    assert house.answers.calls == [("approve", "p-milk", "the-owner")]


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


def test_another_site_cannot_show_a_page_in_a_frame(page: Page, address: str) -> None:
    """Nobody is made to press a button that lies under something else."""
    refused: list[str | None] = []
    page.on("requestfailed", lambda request: refused.append(request.failure))
    with _other_site(f'<iframe src="{address}/login"></iframe>') as other:
        page.goto(other)
        page.wait_for_load_state("networkidle")
        assert [each.url for each in page.frames] == [other, "chrome-error://chromewebdata/"]
    assert refused == ["net::ERR_BLOCKED_BY_RESPONSE"]


@contextmanager
def _other_site(body: str) -> Iterator[str]:
    """A server of its own, on this machine: a browser lets no page from elsewhere ask for one here."""

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Trap) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_pin_two_people_and_a_cancellation(page: Page, house: House, address: str) -> None:
    """The owner agrees with the PIN, a member orders, the owner takes it back: all without script."""
    house.policies.policy = Policy(two_people_above_minor=1_000)
    house.give_pin("the-owner", "271828")
    sign_in(page, address)
    page.goto(f"{address}/prompts/p-milk")
    page.get_by_label("Your PIN").fill("000000")
    page.get_by_role("button", name="Agree to $20.15").click()
    expect(page.get_by_role("alert")).to_have_text("That PIN is wrong. Nothing was changed.")
    expect(page.get_by_label("Your PIN")).to_be_focused()
    page.get_by_label("Your PIN").fill("271828")
    page.get_by_role("button", name="Agree to $20.15").click()
    expect(page.locator("[data-waits=second]")).to_contain_text("the-owner agreed")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, address, name="the-member")
    page.goto(f"{address}/prompts/p-milk")
    page.get_by_role("button", name="Order and pay $20.15").click()
    page.get_by_role("button", name="Cancel this order").click()
    expect(page.locator("li[aria-current=step]")).to_have_text("Cancelled")


def test_a_mandate_from_the_form_to_its_end(page: Page, house: House, address: str) -> None:
    """A wrong entry is marked and kept; the mandate begins; one click and a word end it."""
    sign_in(page, address)
    page.goto(f"{address}/mandates")
    page.get_by_role("link", name="Make a mandate").click()
    page.get_by_role("link", name="Milk").click()
    page.get_by_label("One order costs at most").fill("70")
    page.get_by_label("Budget USD").fill("60")
    page.get_by_role("button", name="Give this mandate").click()
    expect(page.get_by_label("One order costs at most")).to_have_accessible_description(
        "One order cannot cost more than the budget of the period."
    )
    page.get_by_label("One order costs at most").fill("25")
    page.get_by_role("button", name="Give this mandate").click()
    expect(page.locator("[data-mandate-state]")).to_have_text("Active")
    page.get_by_text("Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke at once").click()
    expect(page.locator("[data-mandate-state]")).to_have_text("Revoked")
    assert [call[0] for call in house.calls] == ["propose", "revoke"]


@pytest.mark.parametrize("look", BY_SOME_RULES, ids=lambda look: look.name)
def test_no_page_is_wider_than_the_window(browser: Browser, address: str, look: Look) -> None:
    """Nothing scrolls sideways, on a phone either; every field has its label; the policy stops nothing a page needs.

    And what axe-core can find in one look alone: contrast in the dark, and targets that are too small on a desk.
    """
    context = browser.new_context(viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme)
    page = context.new_page()
    complaints: list[tuple[str, str]] = []
    page.on(
        "console",
        lambda said: complaints.append((said.location["url"], said.text)) if said.type in _GRAVE else None,
    )
    found = list[str]()
    page.goto(f"{address}/login")
    found += violations(page, "/login", look=look)
    sign_in(page, address)
    for path in PAGES.values():
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= look.width, path
        assert page.evaluate(_UNNAMED_FIELDS) == [], path
        assert page.evaluate(_DOUBLED_IDS) == [], path
        found += violations(page, path, look=look)
    context.close()
    assert found == []
    assert [each for each in complaints if each[0] != f"{address}/nothing"] == []


@pytest.mark.parametrize("look", TELLING_LOOKS, ids=lambda look: look.name)
def test_merchants_with_a_history_fit_the_window(browser: Browser, house: House, address: str, look: Look) -> None:
    """Tables, charts and their numbers: nothing scrolls sideways, and axe-core finds nothing."""
    give_history(house)
    context = browser.new_context(viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme)
    page = context.new_page()
    sign_in(page, address)
    page.goto(f"{address}/merchants")
    for summary in page.locator("details > summary").all():
        summary.click()
    wide = page.evaluate("document.documentElement.scrollWidth")
    doubled = page.evaluate(_DOUBLED_IDS)
    found = violations(page, "/merchants", look=look)
    context.close()
    assert (wide <= look.width, doubled, found) == (True, [], [])


_GRAVE = {"error", "warning"}
# What a person with a screen reader would meet: a field without a name, a description that points to two places.
_UNNAMED_FIELDS = """
[...document.querySelectorAll("input:not([type=hidden]):not([hidden]), select")]
  .filter(e => !e.labels.length).map(e => e.name)
"""
_DOUBLED_IDS = """
[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, at, all) => all.indexOf(id) !== at)
"""


def _trap(address: str) -> str:
    return f'<form method="post" action="{address}/prompts/p-milk/approve"><button>Win</button></form>'


def test_the_decision_can_be_saved(page: Page, address: str) -> None:
    """The link saves a file whose name says what it is; the page stays."""
    sign_in(page, address)
    page.goto(f"{address}/items/milk")
    with page.expect_download() as saving:
        page.get_by_role("link", name="This decision as a file").click()
    saved = saving.value
    assert saved.suggested_filename.endswith(".json")
    assert b"restock.decision" in saved.path().read_bytes()
    assert page.url == f"{address}/items/milk"
