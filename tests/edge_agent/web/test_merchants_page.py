"""Merchants: how each keeps its word, with the counts behind it, and nothing where nobody knows."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import httpx

from edge_agent.core.people import Role
from tests.edge_agent.web.api.programs import give_token, program
from tests.edge_agent.web.house import House, sign_in
from tests.edge_agent.web.merchant_history import give_history
from tests.edge_agent.web.samples import sample_prices


def part(page: str, merchant: str) -> str:
    """One merchant's section, as a person reads it."""
    found = page.split(f'data-merchant="{merchant}"')[1].split("</section>", maxsplit=1)[0]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found)))


async def test_the_table_tells_counts_and_what_they_say(owner: httpx.AsyncClient, house: House) -> None:
    """Ten orders, two late, nine at the price agreed to or less; with the interval that ten orders leave."""
    house.home.all_intents.clear()
    give_history(house)
    said = part((await owner.get("/merchants")).text, "grocer")
    for words in (
        "10 orders · USD",
        "Here by the day agreed to 80 %; of so few, likely between 49 % and 94 % 8 of 10",
        "Days late, of those that were late 5 days in the middle, 7 days at the most 2 orders",
        "Complete, and what was ordered 100 %; of so few, likely between 72 % and 100 % 10 of 10",
        "At the price agreed to, or less 90 %",
        "8 as agreed 1 for less 1 for more, within your limit 9 of 10",
        "Went back: 1.",
        "detergent, as usual (10 \N{MULTIPLICATION SIGN})",
        "If an answer gets lost, the order is sent again, and the merchant makes it once.",
        "Where the best offer is chosen: About 100 % of its orders are taken to come as agreed.",
        "Its prices count 0.1 % more: that is what it charged.",
    ):
        assert words in said


async def test_below_a_handful_no_share_is_made(owner: httpx.AsyncClient, house: House) -> None:
    """Counts alone; and what the orders do not tell is not known."""
    house.home.all_intents.clear()
    give_history(house)
    page = (await owner.get("/merchants")).text
    chemist = part(page, "chemist")
    assert "Here by the day agreed to too few to say more 1 of 4" in chemist
    assert "1 as agreed 1 not ordered, because the offer had changed 1 of 2" in chemist
    assert (
        "Something else was sent: 1. Sold out after all: 1. Called off by the merchant: 1. Never arrived: 1." in chemist
    )
    assert "About 58 % of its orders are taken to come as agreed." in chemist
    corner = part(page, "corner")
    assert "Days late, of those that were late by 4 days not here yet: 1 order 1 order" in corner
    assert "Complete, and what was ordered no order tells yet not known" in corner
    assert "nobody but you can tell whether it was ordered" in corner


async def test_the_last_orders_are_drawn_and_told(owner: httpx.AsyncClient, house: House) -> None:
    """A bar and a line each, late ones in another colour; the same in numbers for who cannot see it."""
    house.home.all_intents.clear()
    give_history(house)
    page = (await owner.get("/merchants")).text.split('data-merchant="grocer"')[1].split("</section>")[0]
    assert page.count('<line class="due"') == 10
    assert page.count('class="came late"') == 2
    assert 'aria-label="The last 10 orders: days until each came, beside the day that was agreed to."' in page
    assert page.count("late by ") == 2


async def test_a_merchant_without_orders_is_named_and_not_judged(owner: httpx.AsyncClient, house: House) -> None:
    """Every product of the list names one."""
    house.home.all_intents.clear()
    said = part((await owner.get("/merchants")).text, "corner")
    assert "0 orders" in said
    assert "No order tells anything of it yet." in said
    assert "The order service has not told anything of this merchant yet." in said


async def test_a_list_has_no_word_to_keep(owner: httpx.AsyncClient, house: House) -> None:
    """What costs nothing and is brought by nobody."""
    house.home.all_intents.clear()
    for name, known in house.home.known.items():
        free = tuple(replace(price, unit_price_minor=None) for price in sample_prices(name, minor=(0,)))
        house.home.known[name] = replace(known, prices=free)
    said = part((await owner.get("/merchants")).text, "grocer")
    assert "A list that you shop from: nothing is ordered or paid" in said
    assert "Here by the day" not in said


async def test_orders_lead_there_and_everybody_may_look(house: House) -> None:
    """As at the orders themselves."""
    async with house.client() as client:
        await sign_in(client, role=Role.CHILD)
        assert 'href="/merchants"' in (await client.get("/orders")).text
        assert (await client.get("/merchants")).status_code == 200


async def test_programs_are_told_the_same(house: House) -> None:
    """In numbers, null where nobody knows."""
    house.home.all_intents.clear()
    give_history(house)
    async with program(house, give_token(house)) as client:
        told = {one["merchant"]: one for one in (await client.get("/api/v1/merchants")).json()["merchants"]}
    grocer, corner = told["grocer"], told["corner"]
    assert (grocer["on_time"]["kept"], grocer["on_time"]["known"], grocer["on_time"]["share"]) == (8, 10, 0.8)
    assert grocer["late"] == {"orders": 2, "overdue": 0, "median_d": 5.0, "worst_d": 7}
    assert grocer["charges"] == {"lower": 1, "equal": 8, "higher": 1, "above_limit": 0, "refused": 0}
    assert corner["whole"] == {"kept": 0, "known": 0, "share": None, "low": None, "high": None}
    assert (corner["merchant_class"], corner["late"]["overdue"]) == ("C", 1)
