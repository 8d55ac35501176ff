"""What people do with a question and its order in real browsers: correct, answer at once, lose the network, be late.

Each runs on a phone and at a desk where the page's shape matters, and in both languages where its words do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from edge_agent.core.intent import IntentState
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.prompt import PromptState
from tests.browser.axe import TELLING_LOOKS, violations
from tests.browser.looking import ENGLISH, Look
from tests.browser.pictures import sign_in
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import PASSWORD, House
from tests.edge_agent.web.samples import sample_intent, sample_offer, sample_prompt

pytestmark = pytest.mark.browser

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CHINESE = "zh-CN"
_SILENCE = "retry: 100\n\n: nothing\n\n"
_CHANGED = "retry: 100\n\nevent: changed\ndata: {}\n\n"
Window = Callable[..., Page]


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Window]:
    """Opens windows of their own, each signed in as somebody; all are closed in the end."""
    with ExitStack() as opened:

        def open_window(name: str = "the-owner", **how: object) -> Page:
            context: BrowserContext = browser.new_context(**how)  # type: ignore[arg-type]
            opened.callback(context.close)
            page = context.new_page()
            page.route("**/api/v1/events", lambda route: route.fulfill(content_type="text/event-stream", body=_SILENCE))
            if how.get("locale") == CHINESE:
                _sign_in_blind(page, address, name=name)
            else:
                sign_in(page, address, name=name)
            return page

        yield open_window


def _sign_in_blind(page: Page, address: str, *, name: str) -> None:
    """By the fields' names: what stands beside them is in another language."""
    page.goto(f"{address}/login")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form[action='/login'] button").click()
    page.wait_for_url(f"{address}/")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("locale", ["en-US", CHINESE])
def test_a_question_to_an_order_and_back(
    window: Window, house: House, address: str, size: dict[str, int], locale: str
) -> None:
    """From Home to the terms, to the order, to the end of it, in either language: what is pressed is what happens."""
    page = window(viewport=size, locale=locale)
    page.locator("article[data-prompt=p-milk] h3 a").click()
    expect(page.locator("[data-term=total]")).to_contain_text("20.15")
    button = page.locator("form.approve button")
    expect(button).to_contain_text("20.15")
    assert button.evaluate("e => document.querySelector('[data-term=hold]').compareDocumentPosition(e)") & 4
    button.click()
    expect(page.locator("[data-order=i-p-milk]")).to_have_attribute("data-state", "approved")
    page.locator("form[action$='/cancel'] button").click()
    expect(page.locator("[data-order=i-p-milk]")).to_have_attribute("data-state", "cancelled")
    assert [call[0] for call in house.answers.calls] == ["approve", "cancel"]
    assert page.locator("html").get_attribute("lang") == ("en" if locale == "en-US" else "zh-Hans")


def test_two_people_answer_at_once(window: Window, house: House, address: str) -> None:
    """Both look at the open question; the first answer counts, the second person is told who was first."""
    first, second = (window(name, java_script_enabled=False) for name in ("the-owner", "the-member"))
    for page in (first, second):
        page.goto(f"{address}/prompts/p-milk")
    first.get_by_role("button", name="Order and pay $20.15").click()
    expect(first.locator("[data-prompt-state]")).to_have_text("Approved")
    second.get_by_role("button", name="Order and pay $20.15").click()
    expect(second.get_by_role("alert")).to_have_text(
        "the-owner was first: this is answered already. Your answer changed nothing."
    )
    expect(second.locator("[data-order=i-p-milk]")).to_be_visible()
    second.goto(f"{address}/")
    expect(second.locator("article[data-prompt=p-milk]")).to_have_count(0)
    assert sum(intent.prompt == "p-milk" for intent in house.home.all_intents.values()) == 1


def test_one_says_yes_while_the_other_says_no(window: Window, house: House, address: str) -> None:
    """A refusal that comes second refuses nothing, and says so."""
    yes, no = window("the-owner"), window("the-member")
    for page in (yes, no):
        page.goto(f"{address}/prompts/p-milk")
    no.get_by_text("Do not buy").click()
    no.get_by_label("We have a spare").check()
    yes.get_by_role("button", name="Order and pay $20.15").click()
    expect(yes.locator("[data-prompt-state]")).to_have_text("Approved")
    no.get_by_role("button", name="Decline").click()
    expect(no.get_by_role("alert")).to_contain_text("the-owner was first")
    expect(no.locator("[data-prompt-state]")).to_have_text("Approved")


def test_terms_that_changed_meanwhile_are_laid_side_by_side(window: Window, house: House, address: str) -> None:
    """The page is open, the price moves, the button buys nothing; the new terms are one click away."""
    page = window(viewport=PHONE)
    page.goto(f"{address}/prompts/p-milk")
    offer = sample_offer(unit_price_minor=499)
    house.home.add(replace(sample_prompt(), offer=offer, terms_hash=terms_hash(offer)))
    page.get_by_role("button", name="Order and pay $20.15").click()
    expect(page.get_by_role("heading", name="The terms have changed")).to_be_visible()
    row = page.get_by_role("row", name="Price of a pack")
    expect(row).to_contain_text("$4.29")
    expect(row).to_contain_text("$4.99")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("link", name="Look at the new terms and answer").click()
    page.get_by_role("button", name="Order and pay $22.95").click()
    expect(page.locator("[data-prompt-state]")).to_have_text("Approved")


def test_a_correction_in_two_taps(window: Window, house: House, address: str) -> None:
    """Open, tap the number: no field, no keyboard."""
    page = window(viewport=PHONE)
    page.goto(f"{address}/items/milk")
    page.locator("[data-correct] summary").click()
    page.get_by_role("button", name="There are 2 packs").click()
    expect(page.locator("[data-correct]")).to_be_visible()
    assert [call[0] for call in house.stock.calls] == ["stock"]


def test_what_was_typed_stays_when_it_is_not_taken(window: Window, house: House, address: str) -> None:
    """An order number of nonsense is marked where it stands, with the words still in it and the focus on it."""
    house.home.all_intents["i-p-fluid"] = replace(house.home.all_intents["i-p-fluid"], state=IntentState.PARKED)
    page = window(viewport=PHONE)
    page.goto(f"{address}/prompts/p-fluid")
    page.get_by_text("I looked at the merchant").click()
    number = page.get_by_label("Order number, if you have one")
    number.evaluate("field => { field.maxLength = 400; field.value = 'x'.repeat(300); }")
    page.get_by_role("button", name="It is there").click()
    expect(number).to_have_accessible_description("The order number, 255 characters at the most.")
    expect(number).to_have_value("x" * 300)
    expect(number).to_be_focused()


def test_offline_and_back(window: Window, house: House, address: str) -> None:
    """The page keeps what it showed and says that it may be old; back again, it says nothing and shows what is new."""
    page = window()
    told = page.locator("[data-away]")
    expect(told).to_be_hidden()
    page.context.set_offline(True)
    expect(told).to_be_visible()
    expect(told).to_contain_text("The hub cannot be reached just now.")
    expect(page.locator("article[data-prompt=p-milk]")).to_be_visible()
    house.answers.approve(sample_prompt().id, terms_hash=sample_prompt().terms_hash, by="the-member", pin_checked=False)
    page.context.set_offline(False)
    expect(told).to_be_hidden()
    expect(page.locator("article[data-prompt=p-milk]")).to_have_count(0)
    expect(page.locator("[data-arrival=i-p-milk]")).to_be_visible()


def test_a_hub_that_is_down_is_told_too(window: Window) -> None:
    """The network is there and the hub is not: the same words, and the same page."""
    page = window()
    told = page.locator("[data-away]")
    expect(told).to_be_hidden()
    page.route("**/*", lambda route: route.abort())
    expect(told).to_be_visible()
    expect(page.locator("article[data-prompt=p-milk]")).to_be_visible()
    page.unroute("**/*")
    expect(told).to_be_hidden()


def test_the_time_to_cancel_counts_down_in_silence(window: Window, house: House, address: str) -> None:
    """A second is a second; nothing is read aloud each time; at the end the page says that it may be sent."""
    clock = house.home.clock
    assert isinstance(clock, ManualClock)
    order = replace(house.home.all_intents["i-p-fluid"], state=IntentState.HELD, created_at=NOW)
    house.home.all_intents["i-p-fluid"] = order
    page = window()
    page.clock.install()
    page.route("**/orders", _not_by_script)  # so that it is not the hub that counts
    page.goto(f"{address}/orders")
    timer = page.get_by_role("timer")
    expect(timer).to_have_text("2:00")
    assert timer.evaluate("e => e.closest('[aria-live], [role=status], [role=alert]')") is None
    for seconds, left in ((61, "0:59"), (55, "0:04")):
        clock.advance(seconds=seconds)
        page.clock.run_for(seconds * 1_000)
        expect(timer).to_have_text(left)
    page.unroute("**/orders")
    clock.advance(seconds=10)
    page.clock.run_for(10_000)
    expect(page.get_by_text("It may be sent at any moment.")).to_be_visible()


@pytest.mark.parametrize("look", TELLING_LOOKS, ids=lambda look: look.name)
def test_axe_finds_nothing_where_something_is_amiss(window: Window, house: House, address: str, look: Look) -> None:
    """Two questions at once, late and doubtful orders, an answer that was not taken, terms that have changed."""
    page, found = window(**look.options(ENGLISH)), []
    coffee = sample_offer("coffee", title="House blend 1 kg")
    house.home.add(sample_prompt("p-coffee", item="coffee", offer=coffee))
    for state in (IntentState.SHIPPED, IntentState.PARKED, IntentState.HELD):
        offer = sample_offer("milk", deliver_by=NOW.date() - timedelta(days=1))
        order = sample_intent(house.home.add(sample_prompt(f"p-{state}", offer=offer)), state=state, at=NOW)
        house.home.add(replace(house.home.all_prompts[order.prompt], state=PromptState.APPROVED))
        house.home.all_intents[order.id] = order
    for path in ("/", "/orders"):
        page.goto(address + path)
        found += violations(page, path, look=look)
        assert page.evaluate("document.documentElement.scrollWidth") <= look.width, path
    page.goto(f"{address}/prompts/p-milk")
    page.get_by_text("Do not buy").click()
    page.get_by_role("button", name="Decline").evaluate("button => button.form.noValidate = true")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose why")
    found += violations(page, "not declined", look=look)
    offer = sample_offer(unit_price_minor=499)
    house.home.add(replace(sample_prompt(), offer=offer, terms_hash=terms_hash(offer)))
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_role("heading", name="The terms have changed")).to_be_visible()
    found += violations(page, "stale", look=look)
    assert found == []


def _not_by_script(route: Route) -> None:
    if route.request.resource_type == "fetch":
        route.abort()
    else:
        route.continue_()


@pytest.fixture
def watched(browser: Browser, house: House, address: str) -> Iterator[Page]:
    """The open question in a window that hears of every change."""
    context = browser.new_context()
    page = context.new_page()
    page.route("**/api/v1/events", lambda route: route.fulfill(content_type="text/event-stream", body=_CHANGED))
    sign_in(page, address)
    page.goto(f"{address}/prompts/p-milk")
    yield page
    context.close()


def test_an_open_question_follows_what_others_answer(watched: Page, house: House) -> None:
    """The buttons are gone as soon as somebody has answered, and the order stands there; nothing was loaded anew."""
    watched.evaluate("window.same = true")
    asked = sample_prompt()
    house.answers.approve(asked.id, terms_hash=asked.terms_hash, by="the-member", pin_checked=False)
    expect(watched.locator("[data-prompt-state]")).to_have_text("Approved")
    expect(watched.locator("form.approve")).to_have_count(0)
    expect(watched.locator("[data-order=i-p-milk]")).to_be_visible()
    assert watched.evaluate("window.same") is True


def test_terms_never_change_under_the_readers_eyes(watched: Page, house: House) -> None:
    """Other terms do not slip in behind the button: the page stays what was read, and its button buys nothing."""
    offer = sample_offer(unit_price_minor=499)
    other = replace(sample_prompt(), offer=offer, terms_hash=terms_hash(offer))
    with watched.expect_response(lambda answer: answer.url.endswith("/prompts/p-milk")):
        house.home.add(other)
    with watched.expect_response(lambda answer: answer.url.endswith("/prompts/p-milk")):
        pass  # one that certainly was asked for after the change
    expect(watched.locator("[data-term=total]")).to_have_text("$20.15")
    watched.get_by_role("button", name="Order and pay $20.15").click()
    expect(watched.get_by_role("heading", name="The terms have changed")).to_be_visible()
