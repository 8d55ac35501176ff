"""A person at the page of a real hub: a question becomes an order at the UCP sample merchant, seen by its own books.

Hub, bridge and merchant are processes; nothing between them is a fake.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.cloud_bridge.sample_merchant import SampleMerchant
from tests.kill.conftest import forks, merchant
from tests.kill.forked import Zygote
from tests.kill.home import PROMPT, Home

__all__ = ["forks", "merchant"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.merchant, pytest.mark.demo]

_STARTS_WITHIN_S = 60
_PLACED_WITHIN_MS = 45_000


@pytest.fixture
def home(tmp_path: Path, forks: Zygote, merchant: SampleMerchant) -> Iterator[Home]:
    """A home that is asked about milk, in a thread of its own: the browser has this one."""
    loop = asyncio.new_event_loop()
    made: list[Home] = []
    is_up, stop = threading.Event(), asyncio.Event()

    async def live() -> None:
        async with Home(tmp_path, forks, merchant) as running:
            made.append(running)
            is_up.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),), name="home")
    thread.start()
    try:
        assert is_up.wait(_STARTS_WITHIN_S)
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.mark.timeout(180)
def test_a_question_becomes_one_order_at_the_merchant(page: Page, home: Home, merchant: SampleMerchant) -> None:
    """Sign in, read the terms, press the button; the order is placed, and the merchant has exactly one more."""
    before = set(merchant.orders())
    address = home.to_hub.url
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill("owner")
    page.get_by_label("Password").fill("a password of the test")
    page.get_by_role("button", name="Sign in").click()
    page.locator(f"article[data-prompt={PROMPT}] h3 a").click()
    total = page.locator("[data-term=total]").inner_text()
    page.get_by_role("button", name=f"Order and pay {total}").click()
    expect(page.locator("[data-prompt-state]")).to_have_text("Approved")
    placed = page.locator("article[data-order][data-state=placed], article[data-order][data-state=shipped]")
    for _ in range(_PLACED_WITHIN_MS // 500):
        if placed.count():
            break
        page.wait_for_timeout(500)  # without script a person reloads
        page.reload()
    expect(placed).to_have_count(1)
    [order] = set(merchant.orders()) - before
    expect(page.locator("article[data-order]")).to_contain_text(order)
