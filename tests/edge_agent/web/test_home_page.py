"""Home: what needs a person comes first, unknown is not empty, and quiet is said."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from edge_agent.config import WebConfig
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import Alert, ItemId, Range, Reason
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.prompt import PromptState
from edge_agent.core.said import say
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, opened, sign_in


async def test_each_live_prompt_is_an_article_that_robots_can_find(owner: httpx.AsyncClient) -> None:
    """The markup that stands in the contract; open ones before those put off."""
    page = (await owner.get("/")).text
    articles = re.findall(
        r'<article class="[^"]*" data-prompt="([^"]+)" data-item="([^"]+)" data-state="([^"]+)">', page
    )
    assert articles == [("p-milk", "milk", "open"), ("p-detergent", "detergent", "snoozed")]
    assert 'href="/prompts/p-milk"' in page
    assert page.index("data-prompt") < page.index("data-item-card")


async def test_a_card_says_what_for_how_much_and_why(owner: httpx.AsyncClient) -> None:
    """Product, packs, total, day and reason."""
    page = (await owner.get("/")).text
    for words in (
        "4 \u00d7 <bdi>Whole milk 3.5 %, 1 L</bdi>",
        "$20.15",
        "here by Wed 4 Mar",
        "Milk: about 1.2 packs left",
    ):
        assert words in page


async def test_an_item_says_what_is_left_as_a_range(owner: httpx.AsyncClient) -> None:
    """Amount, likely range, days and trust."""
    page = (await owner.get("/")).text
    assert "<strong>1.24 kg</strong> left" in page
    assert "lasts about 2 days (1 to 3)" in page
    assert "Likely 1.08 kg to 1.4 kg of the 6.21 kg that there is room for · sensor trust high" in page


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Range(5_000, 4_000, 9_000), "4 kg to 6.21 kg"),  # more than there is room for is not likely
        (Range(7_000, 6_500, 9_000), "6.5 kg to 7 kg"),  # but what is there is there
        (Range(5_000, 4_000, 6_000), "4 kg to 6 kg"),
    ],
)
async def test_a_range_ends_where_the_home_has_no_more_room(
    owner: httpx.AsyncClient, house: House, amount: Range, shown: str
) -> None:
    """On Home and on the item's own page."""
    milk = house.home.known["milk"]
    assert milk.estimate is not None
    house.home.known["milk"] = replace(milk, estimate=replace(milk.estimate, amount=amount))
    assert f"Likely {shown} of the 6.21 kg" in (await owner.get("/")).text
    assert f"<dd>{shown}</dd>" in (await owner.get("/items/milk")).text


async def test_trust_says_what_is_trusted(owner: httpx.AsyncClient, house: House) -> None:
    """A person's count is no sensor."""
    milk = house.home.known["milk"]
    assert milk.estimate is not None
    house.home.known["milk"] = replace(milk, estimate=replace(milk.estimate, is_told_by_hand=True))
    home, page = (await owner.get("/")).text, (await owner.get("/items/milk")).text
    assert "there is room for · by your own count, trust in it high" in home
    assert "<dt>Trust in your count</dt><dd>high</dd>" in page
    assert "Trust in the sensor" not in page


async def test_unknown_is_not_empty(owner: httpx.AsyncClient) -> None:
    """No amount, no days: the page says so and shows no level."""
    page = (await owner.get("/")).text
    coffee = page[page.index('data-item-card="coffee"') :]
    coffee = coffee[: coffee.index("</article>")]
    assert "Not known yet" in coffee
    assert 'class="level' not in coffee
    assert "machine has told nothing new for 96 hours" in page


async def test_an_alert_names_its_item_once_and_says_where_to_look(owner: httpx.AsyncClient, house: House) -> None:
    """A sensor's trouble leads to Devices, any other to the item."""
    known = house.home.known["coffee"]
    for code, there in (("stock_stale", 'href="/devices"'), ("no_price", "Look at what is known of it")):
        alert = Alert(ItemId("coffee"), (Reason(code, f"{known.item.name}: no usable reading."),))
        house.home.known["coffee"] = replace(known, decision=alert)
        page = (await owner.get("/")).text
        [notice] = re.findall(r'<p class="notice warn">.*?</p>', page[: page.index('id="stock"')])
        assert notice.count(known.item.name) == 1
        assert f"{known.item.name}: no usable reading." in notice
        assert there in notice


@pytest.mark.parametrize(
    ("code", "told"),
    [("no_price", "Nothing is asked or ordered without a price."), ("unavailable", "You are asked as soon as it can")],
)
async def test_a_product_that_cannot_be_had_is_said_with_the_next_step(
    owner: httpx.AsyncClient, house: House, code: str, told: str
) -> None:
    """No price, or a shop that has none: why, then what to do."""
    text = say("Time to buy {item}, but there is a hitch.", item="Coffee beans")
    alert = Alert(ItemId("coffee"), (Reason(code, text),))
    house.home.known["coffee"] = replace(house.home.known["coffee"], decision=alert)
    page = (await owner.get("/")).text
    assert told in page[page.index("but there is a hitch") :]


async def test_quiet_is_said_in_one_line(owner: httpx.AsyncClient, house: House) -> None:
    """With nothing open, no alert and no order to look at."""
    assert "Nothing. You will be asked here" not in (await owner.get("/")).text
    del house.home.known["coffee"]
    house.home.add(replace(house.home.all_prompts["p-milk"], state=PromptState.DECLINED))
    assert "Nothing. You will be asked here" in (await owner.get("/")).text


@pytest.mark.parametrize("state", [IntentState.PARKED, IntentState.UNKNOWN, IntentState.NEEDS_BUYER])
async def test_an_order_that_needs_a_look_stands_at_the_top(
    owner: httpx.AsyncClient, house: House, state: IntentState
) -> None:
    """Accepted is not bought: an unclear order is not hidden among those under way."""
    house.home.all_intents["i-p-fluid"] = replace(house.home.all_intents["i-p-fluid"], state=state)
    page = (await owner.get("/")).text
    assert 'class="notice warn"><strong><a href="/prompts/p-fluid">' in page[: page.index('id="stock"')]


async def test_a_merchant_out_of_reach_is_said(owner: httpx.AsyncClient, house: House) -> None:
    """Since when an order waits, too."""
    house.home.bridge_status = BridgeStatus(reachable=False, waiting_since=NOW)
    page = (await owner.get("/")).text
    assert "cannot be reached just now" in page
    assert "waiting since today, 09:00" in page


@pytest.mark.parametrize("path", ["/", "/orders", "/prompts/p-milk"])
async def test_an_order_service_that_was_never_set_up_is_not_called_away(
    owner: httpx.AsyncClient, house: House, path: str
) -> None:
    """Only one that was set up can be out of reach; else the page says what to do."""
    house.home.bridge_status = BridgeStatus(reachable=False, is_set_up=False, last_error="ConnectError")
    page = (await owner.get(path)).text
    assert "No order service is set up yet." in page
    assert "bridge.url" in page
    assert "cannot be reached just now" not in page.replace("The hub cannot be reached just now", "")
    assert "Nothing answers at its address" not in page
    assert "until the order service is back" not in page


@pytest.mark.parametrize(("refresh_s", "expected"), [(0, 0), (5, 1)])
async def test_the_page_renews_itself_only_where_configured(tmp_path: Path, refresh_s: int, expected: int) -> None:
    """Home and prompt do; a sign-in form that somebody is typing into does not."""
    with opened(tmp_path, ManualClock(), web=WebConfig(refresh_s=refresh_s)) as house:
        async with house.client() as client:
            await sign_in(client)
            for path, times in (("/", expected), ("/prompts/p-milk", expected), ("/login", 0)):
                assert (await client.get(path)).text.count(f'http-equiv="refresh" content="{refresh_s}"') == times
