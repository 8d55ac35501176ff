"""Pictures of every page in every look and language: `python -m tests.browser.pictures FOLDER [--shown FOLDER]`.

Serves the sample home of the page tests on a free loopback port and photographs it with Debian's Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page

from edge_agent.core.catalogue import DateRange, Preferences, QuietHours
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import Reason
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.prompt import Endorsement
from edge_agent.core.safety import SafetyCode, SafetyProblem
from tests.browser.looking import ENGLISH, LANGUAGES, LOOKS, Language, Look, chromium, served, shoot
from tests.browser.setup_pictures import fill_in, photograph_setup
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import PASSWORD, House, opened
from tests.edge_agent.web.merchant_history import give_history

ROOT = Path(__file__).parents[2]
_SHOWN = re.compile(r"screenshots/([a-z0-9-]+\.png)")

PAGES = {
    "home": "/",
    "prompt": "/prompts/p-milk",
    "prompt-ordered": "/prompts/p-fluid",
    "item": "/items/milk",
    "item-unknown": "/items/coffee",
    "orders": "/orders",
    "merchants": "/merchants",
    "mandates": "/mandates",
    "mandate": "/mandates/m-milk",
    "mandate-waits": "/mandates/m-waits",
    "mandate-choose": "/new-mandate",
    "mandate-form": "/new-mandate/milk",
    "devices": "/devices",
    "device": "/devices/washer",
    "signal": "/devices/washer/softener.remaining",
    "signal-bound": "/devices/fridge/milk.amount",
    "item-new": "/new-item?device=washer&signal=softener.remaining",
    "scan": "/scan",
    "scan-unknown": "/scan?code=96385074",
    "recalls": "/recalls",
    "household": "/household",
    "data": "/data",
    "report": "/report",
    "account": "/account",
    "people": "/people",
    "tokens": "/tokens",
    "channels": "/channels",
    "car": "/car",
    "sent": "/sent",
    "sent-one": "/sent/3",
    "missing": "/nothing",
}


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
            context = browser.new_context(**look.options(ENGLISH))
            page = context.new_page()
            page.goto(f"{address}/login")
            written.append(shoot(page, folder / f"sign-in-{look.name}.png"))
            sign_in(page, address)
            for name, path in PAGES.items():
                page.goto(address + path)
                written.append(shoot(page, folder / f"{name}-{look.name}.png"))
            house.home.bridge_status = BridgeStatus(reachable=False, waiting_since=house.home.clock.now())
            page.goto(f"{address}/prompts/p-milk")
            page.get_by_text("Do not buy").click()
            written.append(shoot(page, folder / f"prompt-away-{look.name}.png"))
            house.home.bridge_status = BridgeStatus(reachable=True)
            written.append(_merchants(house, page, address, folder / f"merchants-scored-{look.name}.png"))
            written += _special(house, page, address, folder, look)
            context.close()
    return written


def photograph_in(house: House, browser: Browser, folder: Path, *, look: Look, language: Language) -> list[Path]:
    """Every page in another language than English; the form is found by its fields."""
    ending, written = f"{look.name}{language.suffix}.png", []
    with served(house.app) as address:
        context = browser.new_context(**look.options(language))
        page = context.new_page()
        page.goto(f"{address}/login")
        written.append(shoot(page, folder / f"sign-in-{ending}"))
        fill_in(page, "/login", name="the-owner", password=PASSWORD)
        for name, path in PAGES.items():
            page.goto(address + path)
            written.append(shoot(page, folder / f"{name}-{ending}"))
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
        written.append(shoot(page, folder / f"order-{state}-{look.name}.png"))
    house.home.all_intents.update(orders)
    house.safety.found = (
        SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, "The clock went back by 3 days. Look at the time on this page."),
    )
    written.append(_visit(page, address, "/", folder / f"home-stopped-{look.name}.png"))
    house.safety.found = safety
    written.append(_shadowed(house, page, address, folder / f"item-shadow-{look.name}.png"))
    written += _household(house, page, address, folder, look)
    page.goto(f"{address}/new-mandate/milk")
    page.get_by_label("Budget", exact=False).first.fill("nothing")
    page.get_by_role("button", name="Give this mandate").evaluate("button => button.form.noValidate = true")
    page.get_by_role("button", name="Give this mandate").click()
    written.append(shoot(page, folder / f"mandate-refused-{look.name}.png"))
    house.policies.policy = policies
    owner = house.accounts.account("the-owner")
    assert owner is not None
    house.accounts.put_account(replace(owner, pin_hash=None))
    return written


def _household(house: House, page: Page, address: str, folder: Path, look: Look) -> list[Path]:
    """Settings that were filled in and not taken, days away, and an item without a mandate set to order by itself."""
    stood = house.settings.stands
    house.settings.stands = Preferences(
        quiet_hours=QuietHours(start="22:00", end="07:00"),
        budget_minor=12_000,
        guests=(DateRange(first=date(2025, 12, 22), last=date(2026, 1, 2)),),
        away=(DateRange(first=date(2026, 7, 3), last=date(2026, 7, 19)),),
    )
    page.goto(f"{address}/household")
    page.get_by_label("At most, in USD").fill("about 100")
    page.get_by_role("button", name="Save the settings").click()
    written = [shoot(page, folder / f"household-refused-{look.name}.png")]
    page.goto(f"{address}/items/coffee")
    page.get_by_label("By mandate").check()
    page.get_by_role("button", name="Set the mode").click()
    page.get_by_text("Not right?").click()
    written.append(shoot(page, folder / f"item-no-mandate-{look.name}.png"))
    house.settings.stands = stood
    return written


def _merchants(house: House, page: Page, address: str, picture: Path) -> Path:
    """Merchants after a year of orders."""
    orders, prompts, classes = house.home.all_intents, house.home.all_prompts, house.merchants.classes
    house.home.all_intents, house.home.all_prompts = dict(orders), dict(prompts)
    house.merchants.classes = dict(classes)
    give_history(house)
    shot = _visit(page, address, "/merchants", picture)
    house.home.all_intents, house.home.all_prompts, house.merchants.classes = orders, prompts, classes
    return shot


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
    return shoot(page, picture)


def shown() -> list[str]:
    """The names of the pictures that README and the guides show."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))))
    return sorted({name for text in texts for name in _SHOWN.findall(text)})


def main() -> int:
    """Write the pictures, and copy those that are shown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--shown", type=Path, help="a folder for copies of those that README and the guides show")
    given = arguments.parse_args()
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as store, opened(Path(store), ManualClock()) as house, chromium() as browser:
        written = photograph(house, browser, folder)
        for look, language in product(LOOKS, LANGUAGES):
            written += photograph_setup(browser, folder, look=look, language=language)
            if language is not ENGLISH:
                written += photograph_in(house, browser, folder, look=look, language=language)
        for path in written:
            sys.stdout.write(f"{path}\n")
    for name in shown() if given.shown is not None else ():
        shutil.copyfile(folder / name, given.shown / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
