"""One Chromium for all browser tests, a house with its pages on a loopback port, and a window without script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.looking import CHROMIUM, chromium, served
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import House, opened


@pytest.fixture(scope="package")
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
