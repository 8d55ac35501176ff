"""One item: when to order, its charts with words for who cannot see them, its past, and a price that is not there."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from edge_agent.core.forecast import built_in
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.people import Role
from edge_agent.core.said import say
from edge_agent.core.stock_events import Corrected, Delivered, Scanned
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field, sign_in
from tests.edge_agent.web.samples import sample_intent, sample_prompt


def words(page: str) -> str:
    """The page as a person reads it."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def part(page: str, ident: str) -> str:
    """One section of it."""
    return page.split(f'aria-labelledby="{ident}"')[1].split("</section>", maxsplit=1)[0]


async def test_the_days_to_order_by_are_a_range_with_its_chances(owner: httpx.AsyncClient) -> None:
    """Detergent ends between 8.5 and 18 days from now; a delivery needs two."""
    said = words(part((await owner.get("/items/detergent")).text, "order-by"))
    assert "Between Sun 8 Mar and Wed 18 Mar" in said
    assert "in time nine times in ten, on the last once in ten" in said
    assert "A delivery is taken to need 2 days." in said


async def test_the_days_that_a_delivery_needs_are_the_merchants_own(owner: httpx.AsyncClient, house: House) -> None:
    """Six orders that took ten days make the next one taken to need seven, so it is to be ordered as much earlier."""
    for number in range(6):
        ident = house.home.add(replace(sample_prompt(f"p-past-{number}"), created_at=NOW - timedelta(days=20)))
        made = sample_intent(ident, state=IntentState.DELIVERED, at=NOW - timedelta(days=20))
        came = replace(made, changed_at=NOW - timedelta(days=10), merchant="grocer")
        house.home.all_intents[came.id] = came
    said = words(part((await owner.get("/items/detergent")).text, "order-by"))
    assert "A delivery is taken to need 7 days." in said


async def test_what_is_late_is_said_with_its_chance(owner: httpx.AsyncClient) -> None:
    """Milk may end tomorrow, and a delivery needs two days: no day is in time nine times in ten."""
    said = words(part((await owner.get("/items/milk")).text, "order-by"))
    assert "Today, and the sooner the better." in said
    assert "Ordered now, it is empty before the delivery in about 53 % of cases." in said
    assert "nine times in ten" not in said


async def test_the_chart_of_the_stock_has_axes_and_words(owner: httpx.AsyncClient) -> None:
    """Amounts up, days across, a sentence and a table for who cannot see it."""
    page = part((await owner.get("/items/detergent")).text, "runs-out")
    assert 'role="img" aria-label="Stock over time: 390 mL now, empty between' in page
    marks = [html.unescape(each) for each in re.findall(r"<text[^>]*>([^<]+)</text>", page)]
    assert {"0 mL", "200 mL", "400 mL", "600 mL", "today"} <= set(marks)
    assert page.count('<polygon class="fan"') == 2
    assert 'class="line past"' in page
    table = words(page.split("<tbody>")[1])
    assert re.search(r"10 % \w+ \d+ Mar 25 % .* 50 % .* 75 % .* 90 %", table)


@pytest.mark.parametrize("missing", ["estimate", "forecast", "prices"])
async def test_a_chart_stands_only_on_what_is_known(owner: httpx.AsyncClient, house: House, missing: str) -> None:
    """Whatever is missing, the rest of the page is there."""
    known = house.home.known["detergent"]
    house.home.known["detergent"] = replace(known, **{missing: () if missing == "prices" else None})  # type: ignore[arg-type]
    page = (await owner.get("/items/detergent")).text
    assert ("Stock over time" in page) is (missing != "estimate")
    assert ("Chance that it is empty" in page) is (missing == "prices")


async def test_what_happened_is_told_newest_first(owner: httpx.AsyncClient, house: House) -> None:
    """What people said with their names, deliveries, refills, orders with a link; names are only text."""
    milk = ItemId("milk")
    house.stock.events = [
        Scanned(milk, NOW, "<b>robin", -1.0),
        Delivered(milk, NOW - timedelta(hours=1), "hub", 4.0),
        Corrected(milk, NOW - timedelta(days=2), "the-owner", 2_070.0),
    ]
    page = part((await owner.get("/items/milk")).text, "history")
    said = words(page)
    order = [
        "Packs finished: 1.",
        "Packs delivered: 4.",
        "Counted: 2.07 kg in all.",
        "The sensor saw a refill",
        "Order of",
    ]
    assert sorted(order, key=said.index) == order
    assert "said <b>robin" in said
    assert "seen by the hub" in said
    assert 'href="/prompts/p-old"' in page
    assert page.count("<li>") <= 12


@pytest.mark.parametrize(
    ("trouble", "why", "next_step"),
    [
        ("no_price", "has told no price of article milk-1", "household.json"),
        ("no_merchant", "has never told a price of a merchant called", "household.json"),
        ("old", "The last price is from", "household.json"),
        ("away", "The order service cannot be reached just now", "the hub asks again by itself"),
        ("none_set_up", "No order service is set up yet", "bridge.url"),
        ("sold_out", "that it has none", "may be bought instead"),
    ],
)
async def test_a_price_that_is_not_there_is_said_with_the_next_step(
    owner: httpx.AsyncClient, house: House, trouble: str, why: str, next_step: str
) -> None:
    """A product without price, a merchant gone, the order service away, nothing in stock."""
    known = house.home.known["milk"]
    newest = known.prices[0]
    prices = {
        "old": (replace(newest, fetched_at=NOW - timedelta(days=9)),),
        "sold_out": (replace(newest, available=False), *known.prices),
    }
    house.home.known["milk"] = replace(known, prices=prices.get(trouble, ()))
    if trouble == "no_merchant":
        house.merchants.classes.clear()
    house.home.bridge_status = BridgeStatus(
        reachable=trouble not in {"away", "none_set_up"}, is_set_up=trouble != "none_set_up"
    )
    page = part((await owner.get("/items/milk")).text, "price")
    assert f'data-price-trouble="{trouble}"' in page
    assert why in words(page).replace(" 1 ", " 1 ")
    assert next_step in page


async def test_what_nobody_can_order_says_so_and_stays_watched(owner: httpx.AsyncClient, house: House) -> None:
    """No price is missed, no other mode is taken, and no mandate is offered."""
    known = house.home.known["milk"]
    product = known.item.product.model_copy(update={"merchant": "", "sku": ""})
    item = known.item.model_copy(update={"product": product, "mode": "shadow", "substitutes": ()})
    house.home.known["milk"] = replace(known, item=item, prices=())
    page = (await owner.get("/items/milk")).text
    assert 'data-price-trouble="nobody"' in page
    assert "It names no merchant" in words(page)
    assert "from <bdi></bdi>" not in page
    csrf = field(page, "csrf")
    for mode in ("ask", "auto"):
        answer = await owner.post("/items/milk/mode", data={"csrf": csrf, "mode": mode})
        assert answer.status_code == 422
        assert "Nobody can order this item yet" in answer.text
    assert "it names no merchant" in (await owner.get("/new-mandate/milk")).text
    assert (await owner.post("/new-mandate/milk", data={"csrf": csrf, "budget": "60"})).status_code == 404


async def test_a_price_of_today_is_no_trouble_and_a_guest_is_sent_to_an_owner(house: House) -> None:
    """Who cannot do it is told who can."""
    async with house.client() as client:
        await sign_in(client, role=Role.GUEST)
        assert "data-price-trouble" not in (await client.get("/items/milk")).text
        house.home.known["milk"] = replace(house.home.known["milk"], prices=())
        page = (await client.get("/items/milk")).text
    assert "An owner of this home can do that." in page
    assert "household.json" not in page


async def test_where_a_forecast_comes_from_is_said_in_the_readers_language(
    owner: httpx.AsyncClient, house: House
) -> None:
    """The rule and why no model stands there, not only the sentence around them."""
    milk = house.home.known["milk"]
    assert milk.estimate is not None
    why = say("fewer than {days} days watched", days=7)
    house.home.known["milk"] = replace(milk, forecast=built_in(milk.item, milk.estimate, why=why))
    english = (await owner.get("/items/milk")).text
    chinese = (await owner.get("/items/milk", headers={"accept-language": "zh-Hans"})).text
    assert "built-in rule 1 (fewer than 7 days watched)" in english
    assert "built-in rule" not in chinese
    assert "days watched" not in chinese


async def test_a_number_that_is_none_is_said_and_stays(owner: httpx.AsyncClient, house: House) -> None:
    """Beside its field."""
    csrf = field((await owner.get("/items/milk")).text, "csrf")
    answer = await owner.post("/items/milk/stock", data={"csrf": csrf, "what": "counted", "packs": "a few"})
    assert (answer.status_code, house.calls) == (422, [])
    assert 'id="packs-error"' in answer.text
    assert 'value="a few"' in answer.text
