"""The page for a car's screen as it looks: large targets, no scrolling, dark by day too, nothing that moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from edge_agent.web.passengers import PASSENGER_FOR
from tests.browser.axe import BY_ALL_RULES, violations
from tests.browser.looking import ENGLISH, LANGUAGES, Language
from tests.browser.pictures import sign_in
from tests.edge_agent.web.fake_road import CAR
from tests.edge_agent.web.house import House

pytestmark = pytest.mark.browser

SCREENS = ((1_280, 720), (1_920, 1_200), (800, 480))
TARGET_MIN_PX = 76
_TARGETS = """() => [...document.querySelectorAll("a:not(.skip), button")].filter(each => each.checkVisibility())
  .map(each => [each.getBoundingClientRect().width, each.getBoundingClientRect().height])"""
_OVER = (
    """() => [document.documentElement.scrollHeight - innerHeight, document.documentElement.scrollWidth - innerWidth]"""
)
_DARK = """() => getComputedStyle(document.body).backgroundColor"""


def _unknown(house: House) -> None:
    house.road.standing[CAR] = None


def _drives(house: House) -> None:
    house.road.standing[CAR] = False


def _stands(house: House) -> None:
    house.road.standing[CAR], house.road.goes_to = True, "Work"


def _idle(house: House) -> None:
    house.home.all_prompts.clear()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("screen", SCREENS)
def test_every_state_fits_the_screen(
    browser: Browser, house: House, address: str, screen: tuple[int, int], language: Language
) -> None:
    """No question needs scrolling, no target is smaller than a thumb in a car hits, and a light system stays dark."""
    width, height = screen
    options = BY_ALL_RULES.options(language)
    options["viewport"] = {"width": width, "height": height}
    context = browser.new_context(**options)
    page = context.new_page()
    _sign_in(page, address)
    states: tuple[Callable[[House], None], ...] = (_unknown, _drives, _stands, _idle)
    seen = [_looked_at(page, f"{address}/car")]
    page.locator(".seat button").first.click()
    for state in states:
        state(house)
        seen += [_looked_at(page, f"{address}/car?done=half")]
    context.close()
    assert seen == [("rgb(0, 0, 0)", [], [0, 0])] * 5


def _sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.locator("input[name=name]").fill("the-owner")
    page.locator("input[name=password]").fill("correct horse battery")
    page.locator("main button").click()
    page.wait_for_url(f"{address}/")


def _looked_at(page: Page, address: str) -> tuple[str, list[list[float]], list[int]]:
    """Its ground, the targets that are too small, and by how much it is too large."""
    page.goto(address)
    targets: list[list[float]] = page.evaluate(_TARGETS)
    assert targets
    small = [each for each in targets if min(each) < TARGET_MIN_PX]
    return page.evaluate(_DARK), small, [max(0, over) for over in page.evaluate(_OVER)]


def test_axe_finds_nothing_in_any_state(browser: Browser, house: House, address: str) -> None:
    """With its answers, without, and with nothing to answer; contrast is among the rules."""
    context = browser.new_context(**BY_ALL_RULES.options(ENGLISH))
    page = context.new_page()
    sign_in(page, address)
    page.goto(f"{address}/car")
    page.locator(".seat button").first.click()
    found = []
    for state in (_unknown, _stands, _idle):
        state(house)
        page.goto(f"{address}/car?done=half")
        found += violations(page, f"/car {state.__name__}", look=BY_ALL_RULES)
    context.close()
    assert found == []


def test_a_car_that_sets_off_takes_the_answers_away(browser: Browser, house: House, address: str) -> None:
    """With script the buttons are gone by themselves; without, the answer is refused."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, address)
    page.goto(f"{address}/car")
    page.locator(".seat button").first.click()
    _stands(house)
    page.goto(f"{address}/car")
    page.get_by_role("button", name="Yes, pay").wait_for()
    _drives(house)
    house.road.turns += 1
    page.get_by_text("The car drives").wait_for()
    assert page.get_by_role("button", name="Yes, pay").count() == 0
    context.close()


def test_a_passenger_s_five_minutes_are_said(page: Page, house: House, address: str) -> None:
    """Before the press, and nothing of it by itself: without script, too."""
    _drives(house)
    sign_in(page, address)
    page.goto(f"{address}/car")
    button = page.get_by_role("button", name="I am a passenger")
    assert f"{PASSENGER_FOR.total_seconds() / 60:.0f} minutes" in button.inner_text()
    button.click()
    page.get_by_role("button", name="Not now").click()
    assert house.calls[-1][0] == "snooze"
