"""Item, Orders and Devices say what is known, and nothing that is not."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge_agent.core.intent import IntentState
from edge_agent.core.messages import Quarantined, QuarantineReason
from edge_agent.web.wording import INTENT_STATES, QUARANTINE_REASONS
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_prices


async def test_an_item_tells_now_ahead_why_use_and_price(owner: httpx.AsyncClient) -> None:
    """In words, and as charts that need no script."""
    page = (await owner.get("/items/milk")).text
    for words in (
        "<strong>1.24 kg</strong> left",
        "640 g <span",
        "Between <strong>tomorrow</strong> and <strong>Thu 5 Mar</strong>",
        "most likely Wed 4 Mar",
        "Milk: about 1.2 packs left, used 0.6 packs a day; runs out between Tue 3 Mar and Thu 5 Mar.",
        "<strong>$4.29</strong> a pack",
        "Last 10 prices: $3.99 to $4.29",
        "A value is outside what the device can measure",
    ):
        assert words in page
    assert page.count('<svg class="chart"') == 3


@pytest.mark.parametrize("gone", ["estimate", "forecast", "decision", "prices"])
async def test_an_item_page_stands_without_any_one_part(owner: httpx.AsyncClient, house: House, gone: str) -> None:
    """A new item has none of them yet."""
    empty = () if gone == "prices" else None
    house.home.known["milk"] = replace(house.home.known["milk"], **{gone: empty})  # type: ignore[arg-type]
    answer = await owner.get("/items/milk")
    assert answer.status_code == 200
    assert ("Not known yet" in answer.text) is (gone == "estimate")


async def test_a_day_without_the_product_is_no_price_on_the_items_page(owner: httpx.AsyncClient, house: House) -> None:
    """The last known price stays, beside the word that there is none to be had now."""
    gone = [replace(line, available=False) for line in sample_prices("milk", minor=(0, 0))]
    sold = sample_prices("milk", minor=(429, 399))
    house.home.known["milk"] = replace(house.home.known["milk"], prices=(*gone, *sold))
    page = (await owner.get("/items/milk")).text
    assert "<strong>$4.29</strong> a pack" in page
    assert "Last 2 prices: $3.99 to $4.29" in page
    assert "not in stock there" in page
    assert "$0.00" not in page
    house.home.known["milk"] = replace(house.home.known["milk"], prices=tuple(gone))
    page = (await owner.get("/items/milk")).text
    assert "No price is known yet." in page
    assert "not in stock there" in page
    assert "$0.00" not in page


async def test_a_product_back_in_stock_is_not_called_gone(owner: httpx.AsyncClient, house: House) -> None:
    """Only the newest line tells."""
    back, gone = sample_prices("milk", minor=(429, 0))
    house.home.known["milk"] = replace(house.home.known["milk"], prices=(back, replace(gone, available=False)))
    assert "not in stock there" not in (await owner.get("/items/milk")).text


async def test_automatic_mode_says_what_it_needs(owner: httpx.AsyncClient, house: House) -> None:
    """Without a mandate the mode alone orders nothing."""
    known = house.home.known["milk"]
    house.home.known["milk"] = replace(known, item=known.item.model_copy(update={"mode": "auto"}))
    page = (await owner.get("/items/milk")).text
    assert "inside a mandate of this home; where no mandate covers it, you are asked" in page


async def test_an_unknown_item_is_missing(owner: httpx.AsyncClient) -> None:
    """404."""
    assert (await owner.get("/items/tea")).status_code == 404


@pytest.mark.parametrize("state", IntentState)
async def test_every_state_of_an_order_has_words(owner: httpx.AsyncClient, house: House, state: IntentState) -> None:
    """On Orders and on the prompt's page."""
    house.home.all_intents["i-p-fluid"] = replace(house.home.all_intents["i-p-fluid"], state=state)
    name = INTENT_STATES[state][0]
    assert f">{name}</span>" in (await owner.get("/orders")).text
    assert f">{name}</span>" in (await owner.get("/prompts/p-fluid")).text


async def test_orders_tell_what_was_paid_and_why_it_failed(owner: httpx.AsyncClient) -> None:
    """A refusal in words, not as a code."""
    page = (await owner.get("/orders")).text
    assert "order <bdi>ORD-20418</bdi>" in page
    assert "the merchant has none left" in page
    assert "out_of_stock" not in page


async def test_devices_tell_when_they_were_heard(owner: httpx.AsyncClient) -> None:
    """Online, offline, or what its values say where it never says so itself."""
    page = (await owner.get("/devices")).text
    for words in ("4 minutes ago", "Online", "Offline", "Speaks", "restock.vehicle", "Laundry detergent"):
        assert words in page


async def test_quarantine_shows_every_reason_in_words_with_its_count(owner: httpx.AsyncClient, house: House) -> None:
    """The closed list of the core has a sentence for each."""
    sample = house.home.kept_apart[0]
    house.home.kept_apart = [replace(sample, reason=reason) for reason in QuarantineReason for _ in range(7)]
    page = (await owner.get("/devices")).text
    assert set(QUARANTINE_REASONS) == set(QuarantineReason)
    for sentence in QUARANTINE_REASONS.values():
        assert f"<strong>7</strong> {sentence.replace(chr(39), '&#39;')}" in page
    assert "The newest 10" in page
    assert page.count("<pre>") == 10
    assert len(page.encode()) < 60_000


async def test_the_longest_payloads_keep_the_page_small(owner: httpx.AsyncClient, house: House) -> None:
    """Fifty messages of 64 kB of ordinary JSON, and of what grows most when it is escaped."""
    sample = house.home.kept_apart[0]
    for unit, bytes_max in ((b'{"device":"fridge","seq":88},', 60_000), (b'"', 130_000)):
        long: Quarantined = replace(sample, payload=unit * 2_000, detail=unit.decode() * 30, topic="a/" * 200)
        house.home.kept_apart = [long] * 50
        assert len((await owner.get("/devices")).content) < bytes_max
