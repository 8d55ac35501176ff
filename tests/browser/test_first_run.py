"""A person sets a hub up: from its first start, with the simulated home around it, to the household's own page."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from firmware_sim import broker as mqtt
from firmware_sim.clock import MappedClock, utc_now
from firmware_sim.home import SimulatedHome
from firmware_sim.link import BrokerAddress
from firmware_sim.processes import Crew, free_ports
from firmware_sim.purchases import data_folder
from firmware_sim.scenario import load_scenario
from firmware_sim.usage import household_use

pytestmark = [pytest.mark.browser, pytest.mark.broker]

PASSWORD = "a password of the test"
SPEED = 300  # a day of readings stays within the clock skew that a hub forgives
STARTS_WITHIN_S = 120


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[mqtt.Broker]:
    """The simulated home at its broker, in a thread of its own."""
    known = mqtt.new_broker(free_ports(1)[0])
    is_up, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def live() -> None:
        begins = utc_now()
        clock = MappedClock(speed=SPEED, real_epoch=begins, virtual_epoch=begins)
        use = household_use(seed=7, days=30, first_day=begins.date(), data=data_folder())
        devices = known.devices
        address = BrokerAddress("127.0.0.1", known.port, user=devices.user, password=devices.password)
        async with Crew([mqtt.NAME]) as crew:
            await mqtt.start(crew, known, folder=tmp_path / "broker", log=tmp_path / "broker.log")
            async with SimulatedHome(
                address, clock, scenario=load_scenario(), use=use, seed=7, days=None, home_id="home"
            ):
                is_up.set()
                await stop.wait()

    home = threading.Thread(target=loop.run_until_complete, args=(live(),), name="simulated home")
    home.start()
    try:
        assert is_up.wait(STARTS_WITHIN_S)
        yield known
    finally:
        loop.call_soon_threadsafe(stop.set)
        home.join()
        loop.close()


@contextmanager
def started(folder: Path, *, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The hub as a service starts it, and the setup code that it printed."""
    config = folder / "hub.toml"
    config.write_text(
        f"[home]\ndata_dir = {json.dumps(str(folder / 'data'))}\n[web]\nport = {port}\n"
        "[bridge]\nurl = 'http://127.0.0.1:9'\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(config)]
    with (
        (folder / "hub.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as hub,
    ):
        try:
            assert hub.stdout is not None
            line = next(line for line in hub.stdout if "setup code" in line)
            yield hub, re.findall(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b", line)[0]
        finally:
            hub.terminate()
            hub.wait(timeout=STARTS_WITHIN_S)


def _enter(page: Page, address: str, code: str) -> None:
    page.goto(address)
    page.get_by_label("Setup code").fill(code)
    page.get_by_role("button", name="Begin").click()


def _keep_milk(page: Page) -> None:
    page.locator('[data-proposal="fridge/milk.amount"]').get_by_role("link").click()
    page.get_by_label("The product you buy").fill("Whole milk, 1 l")
    page.get_by_label("One pack holds").fill("1035")
    page.get_by_label("One pack lasts about").fill("1")
    page.get_by_label("Merchant").fill("grocer")
    page.get_by_label("Article number there").fill("milk-whole-1l")
    page.get_by_role("button", name="Keep it").click()


@pytest.mark.timeout(600)
def test_from_the_first_start_to_the_first_item(page: Page, broker: mqtt.Broker, tmp_path: Path) -> None:
    """Code, owner, broker, item, sign in: in one go, though the hub is restarted in the middle."""
    port = free_ports(1)[0]
    address = f"http://127.0.0.1:{port}"
    began_s = time.monotonic()
    with started(tmp_path, port=port) as (_, code):
        first_code = code
        _enter(page, address, code)
        page.get_by_label("Your name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("The same once more").fill(PASSWORD)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="Where do your devices speak?")).to_be_visible()
    with started(tmp_path, port=port) as (hub, code):
        assert code != first_code
        _enter(page, address, first_code)
        expect(page.get_by_role("alert")).to_contain_text("That is not the code")
        _enter(page, address, code)
        page.get_by_label("Name or address").fill("127.0.0.1")
        page.get_by_label("Port").fill(str(broker.port))
        page.get_by_role("button", name="Try it").click()
        expect(page.get_by_role("alert")).to_contain_text("does not know this user")
        page.get_by_label("User").fill(broker.hub.user)
        page.get_by_label("Password").fill(broker.hub.password)
        page.get_by_role("button", name="Try it").click()
        # The fridge speaks now and then only; the page shows it by itself.
        expect(page.locator('[data-proposal="fridge/milk.amount"]')).to_be_visible(timeout=180_000)
        _keep_milk(page)
        expect(page.locator('[data-item="milk"]')).to_contain_text("you are asked before anything is bought")
        page.get_by_role("button", name="Finish").click()
        expect(page.get_by_role("heading", name="Your home is set up")).to_be_visible()
        page.get_by_role("link", name="Sign in").click()  # waits in the socket's queue until the home's pages are there
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Milk")).to_be_visible(timeout=30_000)  # the home's very first page
        took_s = time.monotonic() - began_s
        assert page.request.get(f"{address}/setup/owner").status == 404
        assert hub.poll() is None
    assert PASSWORD not in (tmp_path / "hub.log").read_text(encoding="utf-8")
    assert broker.hub.password not in (tmp_path / "hub.log").read_text(encoding="utf-8")
    assert code not in (tmp_path / "hub.log").read_text(encoding="utf-8")
    print(f"first run on the simulated home, with a restart: {took_s:.1f} s at {datetime.now(UTC):%H:%M}")  # noqa: T201
