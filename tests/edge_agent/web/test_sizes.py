"""How large the pages are: what a phone on a poor network loads."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest

from edge_agent.core.catalogue import Binding
from edge_agent.core.inventory.devices import Inventory, offers
from edge_agent.core.messages import DeviceId, ItemId
from edge_agent.core.overview import DeviceOverview
from edge_agent.web.render import STATIC_FILES
from tests.browser.pictures import PAGES
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, sign_in
from tests.edge_agent.web.sample_inventory import device, signal

_PAGE_BYTES_MAX = 60_000
_STATIC_BYTES_MAX = 40_000
_ITEMS = 200


@pytest.mark.parametrize("path", PAGES.values())
async def test_a_page_is_small(house: House, path: str) -> None:
    """Under 60 kB of HTML."""
    async with house.client() as client:
        await sign_in(client)
        page = await client.get(path)
    assert page.status_code == (404 if path == "/nothing" else 200)
    assert len(page.content) < _PAGE_BYTES_MAX


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("path", ["/", "/devices", "/orders", "/merchants", "/new-mandate", "/mandates"])
async def test_a_page_of_a_large_home_is_small(house: House, path: str, language: str) -> None:
    """Also with two hundred items, and where every letter takes three bytes."""
    milk = house.home.known["milk"]
    for number in range(len(house.home.known), _ITEMS):
        item = milk.item.model_copy(update={"id": f"item-{number}", "name": f"Something to eat {number}"})
        house.home.known[ItemId(item.id)] = replace(milk, item=item)
    async with house.client() as client:
        await sign_in(client)
        page = await client.get(path, headers={"accept-language": language})
    assert page.status_code == 200
    assert f'<html lang="{"en" if language == "en" else "zh-Hans"}"' in page.text
    assert len(page.content) < _PAGE_BYTES_MAX


@pytest.mark.parametrize(
    "path", ["/devices", "/devices?page=7", "/devices?q=scale", "/devices/scale-7", "/scan?code=96385074"]
)
@pytest.mark.parametrize("is_bound", [True, False])
async def test_a_page_of_a_home_with_many_devices_is_small(house: House, path: str, *, is_bound: bool) -> None:
    """Two hundred, each with ten signals, silent ones and messages kept apart among them; all bound, or none."""
    crowd(house, is_bound=is_bound)
    async with house.client() as client:
        await sign_in(client)
        page = await client.get(path)
    assert page.status_code == 200
    assert len(page.content) < _PAGE_BYTES_MAX


def crowd(house: House, *, is_bound: bool) -> None:
    """Two hundred devices and items, and a flood of messages that were kept apart."""
    milk, strange = house.home.known["milk"], house.home.kept_apart[0]
    items = [
        milk.item.model_copy(
            update={
                "id": f"item-{n}",
                "name": f"Something to eat {n}",
                "binding": Binding(device=f"scale-{n}", signal="milk.amount"),
            }
        )
        for n in range(_ITEMS)
    ]
    house.home.known = {item.id: replace(milk, item=item) for item in items} if is_bound else {}
    house.home.all_devices = [
        DeviceOverview(DeviceId(f"scale-{n}"), "scale", "1.0", online=n % 9 > 0, seen_at=NOW) for n in range(_ITEMS)
    ]
    fed = ("item",) if is_bound else ()
    more = tuple(signal(f"food_{n}.amount", 5.0, "g", feeds=fed) for n in range(9))
    devices = tuple(
        replace(
            device(each.device, "scale", signal("milk.amount", 900.0, "g", feeds=fed), *more), title="A kitchen scale"
        )
        for each in house.home.all_devices
    )
    house.home.inventory = Inventory(NOW, "x", devices=devices, offers=offers(devices, items=items))
    house.home.kept_apart = [
        replace(strange, device=DeviceId(f"scale-{n % 9}"), payload=b"<&" * 2_000, detail="y" * 500) for n in range(500)
    ]


def test_styles_and_script_are_small() -> None:
    """Under 40 kB together."""
    loaded = [name for name in STATIC_FILES if name.endswith((".css", ".js"))]
    assert (
        sum(len(files("edge_agent.web").joinpath("static", name).read_bytes()) for name in loaded) < _STATIC_BYTES_MAX
    )
