"""Devices: what each told last, which levels could feed an item and how, and what nobody understands."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import httpx
import pytest

from edge_agent.core.inventory.devices import ApartLine, Inventory, SuggestedLine, offers, rising
from edge_agent.core.inventory.families import Strange, families
from edge_agent.core.messages import DeviceId
from edge_agent.core.overview import DeviceOverview
from edge_agent.core.people import Role
from edge_agent.web.parts import no_inventory
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, sign_in
from tests.edge_agent.web.sample_inventory import device, signal


def words(page: str) -> str:
    """The page as a person reads it."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


async def test_a_device_is_a_line_and_leads_to_its_page(owner: httpx.AsyncClient) -> None:
    """What it is called, when it was heard, what it feeds, how many of its messages were kept apart."""
    page = (await owner.get("/devices")).text
    line = page.split('data-device="fridge"')[1].split("</li>")[0]
    assert 'href="/devices/fridge"' in line
    assert "restock.fridge fridge · 4 minutes ago · feeds Milk" in words(line)


async def test_those_come_first_that_need_a_look(owner: httpx.AsyncClient, house: House) -> None:
    """Silent and feeding an item, then silent, then with messages kept apart, then by name."""
    line = ApartLine("t", "bin", "malformed", "x", 4, NOW)
    house.home.all_devices = [
        DeviceOverview(DeviceId(name), "p", None, online=online, seen_at=NOW)
        for name, online in (("attic", True), ("bin", True), ("cellar", False), ("fridge", False))
    ]
    house.home.inventory = Inventory(NOW, "x", apart=(line,))
    page = (await owner.get("/devices")).text
    assert re.findall(r'data-device="(\w+)"', page) == ["fridge", "cellar", "bin", "attic"]
    assert "4 messages kept apart" in page


async def test_many_devices_are_thirty_a_page_and_can_be_looked_for(owner: httpx.AsyncClient, house: House) -> None:
    """By links and a form; a page or a name that is not there says so."""
    house.home.all_devices = [
        DeviceOverview(DeviceId(f"plug-{number:03}"), None, None, online=True, seen_at=NOW) for number in range(70)
    ]
    first, last = (await owner.get("/devices")).text, (await owner.get("/devices?page=3")).text
    assert (first.count("data-device="), last.count("data-device=")) == (30, 10)
    assert "1 to 30 of 70" in words(first)
    assert 'href="/devices?page=2"' in first
    assert 'href="/devices?page=2"' in last
    assert "Kept apart" not in last
    found = (await owner.get("/devices?q=PLUG-01&page=1")).text
    assert found.count("data-device=") == 10
    assert 'value="PLUG-01"' in found
    assert "has “ nothing ” in its name" in words((await owner.get("/devices?q=nothing")).text)
    for odd in ("page=99", "page=-1", "page=x", "page=" + "9" * 400, "q=" + "x" * 4_000):
        assert (await owner.get(f"/devices?{odd}")).status_code == 200


async def test_a_device_shows_what_it_told_last(owner: httpx.AsyncClient) -> None:
    """Value with unit, when, whether that is stale, and what it feeds; unknown is a word and not a number."""
    pages = [words((await owner.get(f"/devices/{name}")).text) for name in ("fridge", "car", "washer")]
    for page, said in zip(
        (0, 1, 1, 2, 2),
        (
            "milk.amount milk: how much is left · 4 minutes ago · feeds Milk 1243 g",
            "washer_fluid.remaining washer fluid: how much is left · 1 day ago, stale · feeds no item 82 %",
            "tyre_fl.pressure front left tyre: pressure · 1 day ago, stale not known",
            "whether it is all right, low, empty or due · 7 hours ago not there",
            "softener: whether it is all right, low, empty or due · 7 hours ago ok",
        ),
        strict=True,
    ):
        assert said in pages[page]


async def test_the_messages_of_a_device_that_were_kept_apart_are_on_its_page(owner: httpx.AsyncClient) -> None:
    """With their reasons; those of others are not."""
    assert "The device's clock is far off" in words((await owner.get("/devices/fridge")).text)
    assert "Every message of it so far could be believed." in words((await owner.get("/devices/washer")).text)


@pytest.mark.parametrize("path", ["/devices/nobody", "/devices/a%2fb", "/devices/Fridge", "/devices/a.b.c"])
async def test_a_device_that_is_not_there_is_said_so(owner: httpx.AsyncClient, path: str) -> None:
    """As any page that is not there."""
    assert (await owner.get(path)).status_code == 404


async def test_a_product_that_a_device_names_and_why_a_value_is_unknown_are_shown(
    owner: httpx.AsyncClient, house: House
) -> None:
    """For a person to look up; both are a device's words, and stay words."""
    unknown = replace(signal("filter.remaining", None, "%", presence="unknown"), fault="170 % is <b>outside</b>")
    named = replace(device("washer", "own.x", unknown), suggested=(SuggestedLine("filter", "ean", "4006381333931"),))
    house.home.inventory = Inventory(NOW, "x", devices=(named,))
    page = (await owner.get("/devices/washer")).text
    assert "It names, for filter ean 4006381333931 Products that the device names itself. Look them up" in words(page)
    assert "not known 170 % is <b>outside</b>" in words(page)
    assert "170 % is <b>" not in page


async def test_a_device_is_called_as_its_profile_says(owner: httpx.AsyncClient, house: House) -> None:
    """The title first, the id small; without a profile, the id."""
    titled = replace(
        device("washer", "samsung.washer", signal("softener.remaining", 64.0, "%")), title="Samsung washer"
    )
    house.home.inventory = Inventory(NOW, "x", devices=(titled,))
    page = (await owner.get("/devices")).text
    line = page.split('data-device="washer"')[1].split("</li>")[0]
    assert "<bdi>Samsung washer</bdi></a>" in line
    assert "<bdi>washer</bdi>" in line
    assert "<h1><bdi>Samsung washer</bdi></h1>" in (await owner.get("/devices/washer")).text


async def test_a_level_that_feeds_nothing_leads_to_where_it_is_bound(owner: httpx.AsyncClient) -> None:
    """What it is in words, and the link."""
    page = (await owner.get("/devices")).text
    offer = page.split('data-offer="washer/softener.remaining"')[1].split("</li>")[0]
    assert "<bdi>softener: how much is left</bdi>" in offer
    assert 'href="/devices/washer/softener.remaining"' in offer


async def test_a_level_that_rises_is_told_with_the_way_out(owner: httpx.AsyncClient, house: House) -> None:
    """Not offered, not passed over; an item that is bound to it is named."""
    page = words((await owner.get("/devices")).text)
    assert "washer dust_filter.used in % · dust filter: how much is used up" in page
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
    """Guests and children see the devices, and neither what could be bound nor the broker's topics."""
    async with house.client() as client:
        await sign_in(client, role=role)
        page = (await client.get("/devices")).text
        assert "milk.amount" in (await client.get("/devices/fridge")).text
    assert "fridge" in page
    assert ("softener.remaining" in page) is sees
    assert ("Use it" in page) is (role is Role.OWNER)
    assert ("soapy/" in page) is sees


async def test_nothing_to_bind_and_no_strangers(owner: httpx.AsyncClient, house: House) -> None:
    """Is said, and how to hear more."""
    house.home.inventory = no_inventory()
    page = words((await owner.get("/devices")).text)
    assert "No level of goods was heard." in page
    assert "Cannot feed" not in page
    assert "restock-hub devices --for 30 hears all there is" in page


async def test_a_flood_keeps_the_page_small(owner: httpx.AsyncClient, house: House) -> None:
    """Of devices' signals, offers and strangers only so many are shown, and how many are not is said."""
    many = tuple(signal(f"food_{number}.amount", 5.0, "g") for number in range(80))
    devices = tuple(replace(device(name, "own.tank", *many)) for name in ("fridge", "washer", "car"))
    items = [known.item for known in house.home.items()]
    payload = json.dumps({f"key{number}": number for number in range(200)}).encode()
    strange = [Strange(f"t{number}/" + "x" * 200, payload, len(payload), 1, "y" * 200, NOW) for number in range(200)]
    house.home.inventory = Inventory(
        NOW, "x", devices=devices, families=families(strange), offers=offers(devices, items=items)
    )
    answer = await owner.get("/devices")
    assert len(answer.content) < 60_000
    assert "and 230 more levels" in words(answer.text)
    assert "and 190 more; restock-hub devices shows all." in words(answer.text)
    one = await owner.get("/devices/fridge")
    assert len(one.content) < 60_000
    assert "and 20 more signals" in words(one.text)


async def test_tables_have_names_for_who_cannot_see_them(owner: httpx.AsyncClient) -> None:
    """A caption, column heads, and a row head for each signal."""
    page = (await owner.get("/devices/washer")).text
    table = page.split('<table class="signals">')[1].split("</table>")[0]
    assert "<caption" in table
    assert table.count('scope="col"') == 2
    assert table.count('scope="row"') == table.count("<td>")


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", 'x" onmouseover="alert(1)', "abc\u202egnp.exe", "{{ 1234 * 4321 }}"]
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
    page = (await owner.get("/devices")).text + (await owner.get("/devices/fridge")).text
    assert "<script>" not in page
    assert 'onmouseover="' not in page
    assert "\u202e" not in page
    assert "5332114" not in page


async def test_a_device_of_which_only_an_old_message_is_known_is_listed(owner: httpx.AsyncClient, house: House) -> None:
    """On the list and on a page of its own; the copy that was kept apart is no fault of it."""
    only = replace(device("old.freezer", "own.x"), only_old_copies=True)
    line = ApartLine("t", "old.freezer", "retained", "x", 1, NOW)
    house.home.inventory = Inventory(NOW, "x", devices=(only,), apart=(line,))
    row = (await owner.get("/devices")).text.split('data-device="old.freezer"')[1].split("</li>")[0]
    assert "never heard Only an old message is known" in words(row)
    page = words((await owner.get("/devices/old.freezer")).text)
    assert "Only an old message is known The broker kept it, and nobody knows how old it is" in page
