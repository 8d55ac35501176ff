"""Pictures of every page, desktop and phone, light and dark: `python -m tests.browser.pictures FOLDER`.

Serves the sample home of the page tests on a free loopback port and photographs it with Debian's Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from hypercorn.asyncio import serve
from hypercorn.config import Config
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.types import ASGIApp

from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import Reason
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.prompt import Endorsement
from edge_agent.core.safety import SafetyCode, SafetyProblem
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import PASSWORD, House, opened

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGES = {
    "home": "/",
    "prompt": "/prompts/p-milk",
    "prompt-ordered": "/prompts/p-fluid",
    "item": "/items/milk",
    "item-unknown": "/items/coffee",
    "orders": "/orders",
    "mandates": "/mandates",
    "mandate": "/mandates/m-milk",
    "mandate-waits": "/mandates/m-waits",
    "mandate-choose": "/new-mandate",
    "mandate-form": "/new-mandate/milk",
    "devices": "/devices",
    "account": "/account",
    "people": "/people",
    "sent": "/sent",
    "sent-one": "/sent/3",
    "missing": "/nothing",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a page."""

    name: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


LOOKS = (
    Look("desktop-light", 1280, 800, "light"),
    Look("desktop-dark", 1280, 800, "dark"),
    Look("phone-light", 390, 844, "light"),
    Look("phone-dark", 390, 844, "dark"),
)


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The application on a free loopback port, in a thread of its own; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = config.errorlog = None

    async def run() -> None:
        await serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="pages")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
        listener.detach()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, address: str, *, name: str = "the-owner") -> None:
    """Sign in by the form."""
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/")


def photograph(house: House, browser: Browser, folder: Path) -> list[Path]:
    """Every page in every look."""
    written = []
    with served(house.app) as address:
        for look in LOOKS:
            context = browser.new_context(
                viewport={"width": look.width, "height": look.height}, color_scheme=look.scheme, device_scale_factor=1
            )
            page = context.new_page()
            page.goto(f"{address}/login")
            written.append(_shoot(page, folder / f"sign-in-{look.name}.png"))
            sign_in(page, address)
            for name, path in PAGES.items():
                page.goto(address + path)
                written.append(_shoot(page, folder / f"{name}-{look.name}.png"))
            house.home.bridge_status = BridgeStatus(reachable=False, waiting_since=house.home.clock.now())
            page.goto(f"{address}/prompts/p-milk")
            page.get_by_text("Do not buy").click()
            written.append(_shoot(page, folder / f"prompt-away-{look.name}.png"))
            house.home.bridge_status = BridgeStatus(reachable=True)
            written += _special(house, page, address, folder, look)
            context.close()
    return written


def _special(house: House, page: Page, address: str, folder: Path, look: Look) -> list[Path]:
    """What needs a house out of the ordinary: a PIN, two people, an order in doubt, a stop, a form not taken."""
    orders, policies, safety = dict(house.home.all_intents), house.policies.policy, house.safety.found
    fluid = orders["i-p-fluid"]
    house.policies.policy = Policy(two_people_above_minor=1_000)
    house.give_pin("the-owner", "123456")
    said = Endorsement(by="the-member", terms_hash=house.home.all_prompts["p-milk"].terms_hash, at=fluid.changed_at)
    written = [_visit(page, address, "/prompts/p-milk", folder / f"prompt-pin-{look.name}.png")]
    house.home.all_endorsements["p-milk"] = [said]
    written.append(_visit(page, address, "/prompts/p-milk", folder / f"prompt-second-{look.name}.png"))
    house.home.all_endorsements.clear()
    for state in (IntentState.HELD, IntentState.PARKED, IntentState.NEEDS_BUYER):
        changed = replace(fluid, state=state, handoff_url="https://shop.example/finish?id=1")
        house.home.all_intents["i-p-fluid"] = changed
        page.goto(f"{address}/prompts/p-fluid")
        for summary in page.locator("details.say > summary").all():
            summary.click()
        written.append(_shoot(page, folder / f"order-{state}-{look.name}.png"))
    house.home.all_intents.update(orders)
    house.safety.found = (
        SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, "The clock went back by 3 days. Look at the time on this page."),
    )
    written.append(_visit(page, address, "/", folder / f"home-stopped-{look.name}.png"))
    house.safety.found = safety
    written.append(_shadowed(house, page, address, folder / f"item-shadow-{look.name}.png"))
    page.goto(f"{address}/new-mandate/milk")
    page.get_by_label("Budget", exact=False).first.fill("nothing")
    page.get_by_role("button", name="Give this mandate").evaluate("button => button.form.noValidate = true")
    page.get_by_role("button", name="Give this mandate").click()
    written.append(_shoot(page, folder / f"mandate-refused-{look.name}.png"))
    house.policies.policy = policies
    owner = house.accounts.account("the-owner")
    assert owner is not None
    house.accounts.put_account(replace(owner, pin_hash=None))
    return written


def _shadowed(house: House, page: Page, address: str, picture: Path) -> Path:
    """The page of an item that only shadows, with its report."""
    known = house.home.known["milk"]
    house.home.known["milk"] = replace(known, item=known.item.model_copy(update={"mode": "shadow"}))
    house.decisions.reported = ShadowReport(date(2026, 2, 1), 3, 12, 1_548, "USD", avoided_days=2, doubles=1)
    house.decisions.advised = (Reason("product", "Mostly coloured laundry: a colour detergent would fit better."),)
    shot = _visit(page, address, "/items/milk", picture)
    house.home.known["milk"], house.decisions.reported, house.decisions.advised = known, None, ()
    return shot


def _visit(page: Page, address: str, path: str, picture: Path) -> Path:
    page.goto(address + path)
    return _shoot(page, picture)


def main() -> int:
    """Write the pictures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    folder: Path = arguments.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as store, opened(Path(store), ManualClock()) as house, chromium() as browser:
        for path in photograph(house, browser, folder):
            sys.stdout.write(f"{path}\n")
    return 0


def _shoot(page: Page, path: Path) -> Path:
    """The whole page at once, so that a bar at the window's edge stands at the edge of the picture."""
    size = page.viewport_size or {"width": 1280, "height": 800}
    whole: int = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": whole})
    page.screenshot(path=path)
    page.set_viewport_size(size)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
