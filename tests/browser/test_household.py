"""A person sets the household up, stops all orders, takes a copy and deletes readings: with the real file and store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.connection import to_ms
from edge_agent.adapters.store.forgetting import Forgetting
from edge_agent.adapters.store.holdings import SqliteHoldings
from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.mandate import MandateState
from edge_agent.pipeline.settings import Settings
from edge_agent.web.factory import create_app
from tests.browser.looking import served
from tests.browser.pictures import sign_in
from tests.edge_agent.samples import MILK
from tests.edge_agent.web.house import PASSWORD, House

pytestmark = pytest.mark.browser

READINGS = 12_000  # more than one request deletes


@dataclass(frozen=True, slots=True)
class Kept:
    """A home whose settings and readings are real: its address, its file, and what deletes."""

    address: str
    file: HouseholdFile
    forgetting: Forgetting
    house: House


@pytest.fixture
def kept(house: House, tmp_path: Path) -> Iterator[Kept]:
    """With readings of one device, each a minute after the last, and a copy that an upgrade left."""
    file = HouseholdFile(tmp_path / "household.json")
    file.save(Household(items=(MILK,)))
    began_ms = to_ms(datetime(2026, 1, 1, tzinfo=UTC))
    with house.connection.transaction() as db:
        db.executemany(
            "INSERT INTO message (id, device, profile, topic, boot, seq, digest, event_ms, received_ms) "
            "VALUES (?1, 'scale', 'p', 't', 'b', ?1, ?1, ?2, ?2)",
            ((number, began_ms + number * 60_000) for number in range(1, READINGS + 1)),
        )
        db.executemany(
            "INSERT INTO reading (message_id, device, signal, presence, number, unit, event_ms) "
            "VALUES (?, 'scale', 'level', 'value', 1.5, 'g', ?)",
            ((number, began_ms + number * 60_000) for number in range(1, READINGS + 1)),
        )
    store = tmp_path / "hub.sqlite3"
    store.with_name("hub.sqlite3.schema-5").write_bytes(b"readings of old")
    clock = house.parts.clock
    forgetting = Forgetting(
        house.connection, midnight=lambda day: datetime.combine(day, time.min, tzinfo=UTC), store=store
    )
    parts = replace(
        house.parts,
        settings=Settings(household=file, note=lambda _: None, today=lambda: date(2026, 3, 2)),
        holdings=SqliteHoldings(house.connection, clock=clock, household=lambda: file_text(tmp_path), store=store),
        forgetting=forgetting,
    )
    with served(create_app(parts, web=WebConfig(), home=HomeConfig())) as address:
        yield Kept(address, file, forgetting, house)


def file_text(folder: Path) -> str:
    """The household's file."""
    return (folder / "household.json").read_text(encoding="utf-8")


def test_settings_go_into_the_file_and_nothing_else_does(page: Page, kept: Kept) -> None:
    """A wrong entry first, which keeps what was typed; then quiet hours and a budget."""
    sign_in(page, kept.address)
    page.get_by_role("link", name="You", exact=True).click()
    page.get_by_role("link", name="Household", exact=True).click()
    page.get_by_label("From", exact=True).fill("22:00")
    page.get_by_label("At most, in USD").fill("about 100")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_label("At most, in USD")).to_have_value("about 100")
    expect(page.get_by_text("Name both times, or neither.")).to_be_visible()
    page.locator("[name=quiet_end]").fill("07:00")
    page.locator("[name=budget]").fill("100")
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_label("At most, in USD")).to_have_value("100.00")
    preferences = kept.file.load().preferences
    assert preferences.quiet_hours is not None
    assert (preferences.quiet_hours.start, preferences.budget_minor) == ("22:00", 10_000)
    assert kept.file.load().items == (MILK,)


def test_days_away_are_noted_and_taken_away(page: Page, kept: Kept) -> None:
    """By a member too."""
    sign_in(page, kept.address, name="the-member")
    page.goto(f"{kept.address}/household")
    page.get_by_label("First day").fill("2026-03-10")
    page.get_by_label("Last day").fill("2026-03-20")
    page.get_by_role("button", name="Note these days").click()
    expect(page.locator("[data-stay=away]")).to_be_visible()
    assert len(kept.file.load().preferences.away) == 1
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No such days are noted.")).to_be_visible()
    assert kept.file.load().preferences.away == ()


def test_all_orders_are_stopped_with_two_taps(page: Page, kept: Kept) -> None:
    """The page says what was stopped."""
    home = kept.house.home
    home.all_intents["i-p-fluid"] = replace(home.all_intents["i-p-fluid"], state=IntentState.HELD)
    sign_in(page, kept.address, name="the-member")
    page.goto(f"{kept.address}/household")
    page.locator("summary", has_text="Stop all orders").click()
    page.get_by_role("button", name="Yes, stop all orders").click()
    expect(page.locator("[data-stopped]")).to_contain_text("1 order is taken back.")
    states = [view.record.state for view in kept.house.mandates.all()]
    assert MandateState.ACTIVE not in states


def test_a_copy_is_taken_and_then_readings_are_deleted(browser: Browser, kept: Kept) -> None:
    """The copy is whole; the deletion answers before it is done, shows how far it is, and ends."""
    context = browser.new_context(java_script_enabled=False, accept_downloads=True)
    page = context.new_page()
    sign_in(page, kept.address)
    page.goto(f"{kept.address}/data")
    with page.expect_download() as told:
        page.get_by_role("link", name="Download everything").click()
    lines = [json.loads(line) for line in Path(told.value.path()).read_text(encoding="utf-8").splitlines()]
    assert lines[-1] == {"kind": "end", "rows": len(lines) - 3}
    assert sum(line["kind"] == "reading" for line in lines) == READINGS
    page.get_by_label("All of one device").select_option("scale")
    form = page.locator("form", has=page.get_by_label("All of one device"))
    form.get_by_label("Your password").fill("a wrong one")
    form.get_by_role("button").click()
    expect(page.get_by_text("That password is wrong.")).to_be_visible()
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_role("button").click()
    expect(page.locator("[data-going]")).to_contain_text("Rows deleted so far: 10,000. Still there: 2,000.")
    with ThreadPoolExecutor(1) as hub:  # as the hub does every two seconds
        hub.submit(asyncio.run, kept.forgetting.go_on()).result()
    page.reload()
    expect(page.locator("[data-going]")).to_have_count(0)
    expect(page.locator("[data-held=reading]")).to_have_count(0)
    expect(page.locator("[data-copies]")).to_have_count(0)
    context.close()
