"""Devices: what each told last, which levels could feed an item and how, and what nobody understands."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import httpx
import pytest

from edge_agent.core.inventory.devices import Inventory, SuggestedLine, offers, rising
from edge_agent.core.inventory.families import Strange, families
from edge_agent.core.people import Role
from edge_agent.web.parts import no_inventory
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, sign_in
from tests.edge_agent.web.sample_inventory import device, signal


def words(page: str) -> str:
    """The page as a person reads it."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


async def test_each_device_shows_what_it_told_last(owner: httpx.AsyncClient) -> None:
    """Value with unit, when, whether that is stale, and what it feeds; unknown is a word and not a number."""
    page = words((await owner.get("/devices")).text)
    for said in (
        "milk.amount 4 minutes ago · feeds Milk 1243 g",
        "washer_fluid.remaining 1 day ago, stale 82 %",
        "tyre_fl.pressure 1 day ago, stale not known",
        "detergent_disc.state 7 hours ago not there",
        "softener.state 7 hours ago ok",
    ):
        assert said in page


async def test_a_product_that_a_device_names_and_why_a_value_is_unknown_are_shown(
    owner: httpx.AsyncClient, house: House
) -> None:
    """For a person to look up; both are a device's words, and stay words."""
    unknown = replace(signal("filter.remaining", None, "%", presence="unknown"), fault="170 % is <b>outside</b>")
    named = replace(device("washer", "own.x", unknown), suggested=(SuggestedLine("filter", "ean", "4006381333931"),))
    house.home.inventory = Inventory(NOW, "x", devices=(named,))
    page = (await owner.get("/devices")).text
    assert "It names, for filter ean 4006381333931 Products that the device names itself. Look them up" in words(page)
    assert "not known 170 % is <b>outside</b>" in words(page)
    assert "170 % is <b>" not in page


async def test_a_device_is_called_as_its_profile_says(owner: httpx.AsyncClient, house: House) -> None:
    """The title first, the id small; without a profile, the id. What never says "online" is told by its values."""
    titled = replace(
        device("washer", "samsung.washer", signal("softener.remaining", 64.0, "%")), title="Samsung washer"
    )
    house.home.inventory = Inventory(NOW, "x", devices=(titled,))
    page = (await owner.get("/devices")).text
    card = page.split('data-device="washer"')[1].split("</article>")[0]
    assert '<h2 class="small"><bdi>Samsung washer</bdi></h2>' in card
    assert '<p class="fine"><bdi>washer</bdi>.' in card
    assert '<h2 class="small"><bdi>fridge</bdi></h2>' in page


async def test_a_level_that_feeds_nothing_comes_with_the_line_that_binds_it(owner: httpx.AsyncClient) -> None:
    """A new item is named first, then items by name; the line is JSON, and what 100 % are is left to a person."""
    page = (await owner.get("/devices")).text
    offer = page.split('data-offer="washer/softener.remaining"')[1].split("</li>")[0]
    (line,) = [html.unescape(found) for found in re.findall(r'<code class="line"><bdi>(.*?)</bdi>', offer)]
    assert json.loads("{" + line + "}")["binding"]["full_amount"] == 0
    assert "put its line into a new item" in words(page)
    assert "<bdi>softener: how much is left</bdi>" in offer
    first = page.split('data-offer="car/washer_fluid.remaining"')[1].split("</li>")[0]
    assert first.index("<bdi>Washer fluid</bdi>") < first.index("<bdi>Milk</bdi>")
    assert "<bdi>Milk</bdi> (now <bdi>fridge/milk.amount</bdi> tells it; that would end)" in first


async def test_a_level_that_rises_is_told_with_the_way_out(owner: httpx.AsyncClient, house: House) -> None:
    """Not offered, not passed over; an item that is bound to it is named."""
    page = words((await owner.get("/devices")).text)
    assert "washer dust_filter.used in % , dust filter: how much is used up" in page
    assert "When the number rises" in page
    devices = (device("softener", "own.salt", signal("salt.distance", 14.0, "cm", direction="up", feeds=("salt",))),)
    house.home.inventory = Inventory(NOW, "x", devices=devices, rising=rising(devices))
    page = words((await owner.get("/devices")).text)
    assert "None of the levels as it is." in page
    assert "Wrong: salt is bound to it" in page


async def test_strangers_show_their_form_and_no_value(owner: httpx.AsyncClient) -> None:
    """Nothing that a payload said is on the page."""
    page = words((await owner.get("/devices")).text)
    assert "soapy/+/state 3 minutes ago 2 topics, 8 messages: no profile is for this topic" in page
    assert "{level: <number>, battery_mv: <number>, user: <text>, state: <text>}" in page
    assert "somebody@example.org" not in page
    assert "PS88213AB21" not in page


@pytest.mark.parametrize(
    ("role", "sees"), [(Role.OWNER, True), (Role.MEMBER, True), (Role.GUEST, False), (Role.CHILD, False)]
)
async def test_who_runs_the_home_sees_what_to_do(house: House, role: Role, sees: bool) -> None:
    """Guests and children see the devices, and neither the household's file nor the broker's topics."""
    async with house.client() as client:
        await sign_in(client, role=role)
        page = (await client.get("/devices")).text
    assert "milk.amount" in page
    assert ("household.json" in page) is sees
    assert ("soapy/" in page) is sees


async def test_nothing_to_bind_and_no_strangers(owner: httpx.AsyncClient, house: House) -> None:
    """Is said, and how to hear more."""
    house.home.inventory = no_inventory()
    page = words((await owner.get("/devices")).text)
    assert "No level was heard." in page
    assert "Cannot feed" not in page
    assert "restock-hub devices --for 30 hears all there is" in page


async def test_a_level_without_an_item_in_its_unit(owner: httpx.AsyncClient, house: House) -> None:
    """Says that one has to be added."""
    devices = (device("tank", "own.tank", signal("liquid.amount", 3.0, "[gal_us]")),)
    items = [known.item for known in house.home.items()]
    house.home.inventory = Inventory(NOW, "x", devices=devices, offers=offers(devices, items=items))
    assert "No item is counted in [gal_us] ." in words((await owner.get("/devices")).text)


async def test_a_flood_keeps_the_page_small(owner: httpx.AsyncClient, house: House) -> None:
    """Of devices' signals, offers and strangers only so many are shown, and how many are not is said."""
    many = tuple(signal(f"food_{number}.amount", 5.0, "g") for number in range(40))
    devices = tuple(replace(device(name, "own.tank", *many)) for name in ("fridge", "washer", "car"))
    items = [known.item for known in house.home.items()]
    payload = json.dumps({f"key{number}": number for number in range(200)}).encode()
    strange = [Strange(f"t{number}/" + "x" * 200, payload, len(payload), 1, "y" * 200, NOW) for number in range(200)]
    house.home.inventory = Inventory(
        NOW, "x", devices=devices, families=families(strange), offers=offers(devices, items=items)
    )
    answer = await owner.get("/devices")
    assert len(answer.content) < 150_000
    page = words(answer.text)
    assert page.count("and 28 more signals") == 3
    assert "and 100 more levels" in page
    assert "and 170 more." in page


async def test_tables_have_names_for_who_cannot_see_them(owner: httpx.AsyncClient) -> None:
    """A caption, column heads, and a row head for each signal."""
    page = (await owner.get("/devices")).text
    table = page.split('<table class="signals">')[1].split("</table>")[0]
    assert "<caption" in table
    assert table.count('scope="col"') == 2
    assert table.count('scope="row"') == table.count("<td>")
    assert "<script" not in page


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", 'x" onmouseover="alert(1)', "abc\u202egnp.exe", "{{ 7 * 7 }}"]
)
async def test_text_from_devices_is_only_text(owner: httpx.AsyncClient, house: House, text: str) -> None:
    """Topics, signals, values and reasons come from outside."""
    line = replace(signal("liquid.amount", text, text, feeds=(text,)), signal=text)
    level = replace(signal("liquid.amount", 1.0, "g"), signal=text)
    payload = json.dumps({text: text}).encode()
    house.home.inventory = Inventory(
        NOW,
        text,
        devices=(device("fridge", text, line),),
        offers=offers((device(text, text, level),), items=[known.item for known in house.home.items()]),
        families=families([Strange(f"a/{text}", payload, len(payload), 1, text, NOW)]),
    )
    page = (await owner.get("/devices")).text
    assert "<script" not in page
    assert 'onmouseover="' not in page
    assert "\u202e" not in page
    assert "49" not in re.sub(r"v=[0-9a-f]+|[0-9a-f]{16,}", "", page)
