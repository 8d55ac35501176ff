"""Pictures of the first run, page after page, as the person sees it who sets a hub up.

The pages are the hub's own; what they hear is a fridge that the tests of these pages have made up.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from edge_agent.core.setup.first_steps import Broker, Offered
from tests.browser.looking import Language, Look, served, shoot
from tests.edge_agent.web.test_setup_pages import CODE, PASSWORD, Hub

OFFERS = (Offered("Mosquitto on nas", Broker(host="192.168.1.30")),)


def photograph_setup(browser: Browser, folder: Path, *, look: Look, language: Language) -> list[Path]:
    """Every step."""
    written: list[Path] = []
    with begun() as address:
        context = browser.new_context(**look.options(language))
        page = context.new_page()

        def shot(name: str) -> None:
            written.append(shoot(page, folder / f"setup-{name}-{look.name}{language.suffix}.png"))

        walk(page, address, at=shot)
        context.close()
    return written


@contextmanager
def begun() -> Iterator[str]:
    """A hub that was never set up; gives its address."""
    with tempfile.TemporaryDirectory() as data, served(Hub(Path(data), offers=OFFERS).app) as address:
        yield address


def walk(page: Page, address: str, *, at: Callable[[str], None]) -> None:
    """The whole way, stopping at each page. Fields are found by name, so that the language does not matter."""
    page.goto(address)
    at("code")
    fill_in(page, "/setup/code", code="00000-00000")
    at("code-wrong")
    fill_in(page, "/setup/code", code=CODE)
    at("owner")
    fill_in(page, "/setup/owner", name="anna", new_password=PASSWORD, new_password_again="another one")
    at("owner-refused")
    fill_in(page, "/setup/owner", name="anna", new_password=PASSWORD, new_password_again=PASSWORD)
    fill_in(page, "/setup/broker/search")
    at("broker")
    fill_in(page, "/setup/broker", host="10.9.9.9")
    at("broker-refused")
    fill_in(page, "/setup/broker", host="192.168.1.30")
    at("devices")
    with page.expect_navigation():
        page.locator('[data-proposal="fridge/detergent.remaining"] a').click()
    at("item")
    page.goto(f"{address}/setup/item?key=fridge/milk.amount")
    milk = {"title": "Whole milk, 1 l", "pack_amount": "1035", "pack_days": "1.5", "merchant": "grocer"}
    fill_in(page, "/setup/item", sku="milk-whole-1l", **milk)
    at("devices-kept")
    fill_in(page, "/setup/finish")
    at("done")


def fill_in(page: Page, action: str, **fields: str) -> None:
    """The last form that is sent to an address, filled in and sent."""
    form = page.locator(f'form[action="{action}"]').last
    for name, value in fields.items():
        form.locator(f'[name="{name}"]').fill(value)
    with page.expect_navigation():
        form.locator("button").click()
