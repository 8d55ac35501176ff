"""A signal becomes an item, or tells of one that is there, or of none: by an owner, on the pages."""

from __future__ import annotations

import httpx
import pytest

from edge_agent.core.catalogue import Binding, Item
from edge_agent.errors import RefusedError
from tests.edge_agent.web.house import House, field

SOFTENER = "/devices/washer/softener.remaining"
NEW = {
    "device": "washer",
    "signal": "softener.remaining",
    "name": "Softener",
    "unit": "mL",
    "full_amount": "1500",
    "title": "Fabric softener, 1.5 L",
    "pack_amount": "1500",
    "pack_days": "45",
    "merchant": "Grocer",
    "sku": "soft-1",
    "gtin14": "4006381-333931",
    "mode": "shadow",
}


async def send(client: httpx.AsyncClient, path: str, *, of: str = "", **fields: str) -> httpx.Response:
    """Send a form with the token of its page."""
    csrf = field((await client.get(of or path)).text, "csrf")
    return await client.post(path, data={"csrf": csrf, **fields})


async def seen(client: httpx.AsyncClient, path: str) -> str:
    """The mark that the page's form carries."""
    return field((await client.get(path)).text, "seen")


async def test_the_form_of_a_new_item_is_filled_in(owner: httpx.AsyncClient) -> None:
    """With what the device tells: its name and what it is; nothing is set off by looking."""
    page = (await owner.get("/new-item?device=washer&signal=softener.remaining")).text
    assert 'name="name" type="text" value="Softener"' in page
    assert "softener: how much is left" in page
    assert 'name="full_amount"' in page


async def test_a_signal_becomes_an_item(owner: httpx.AsyncClient, house: House) -> None:
    """It begins as was chosen, bound to the signal, with the product's number in 14 digits."""
    answer = await send(owner, "/new-item", of="/new-item?device=washer&signal=softener.remaining", **NEW)
    assert (answer.status_code, answer.headers["location"]) == (303, "/items/softener")
    ((_, item, by),) = house.keeping.calls
    assert isinstance(item, Item)
    assert (item.mode, by) == ("shadow", "the-owner")
    assert item.binding == Binding(device="washer", signal="softener.remaining", full_amount=1500.0)
    assert item.product.gtin14 == "04006381333931"
    assert item.product.merchant == "grocer"


async def test_an_item_without_a_sensor_goes_by_how_long_a_pack_lasts(owner: httpx.AsyncClient, house: House) -> None:
    """As one that was scanned; the number stands in its field."""
    page = (await owner.get("/new-item?gtin=4006381333931")).text
    assert 'name="gtin14" type="text" value="4006381333931"' in page
    typed = {name: value for name, value in NEW.items() if name not in {"device", "signal", "full_amount"}}
    await send(owner, "/new-item", **typed | {"unit": "g", "mode": "ask"})
    ((_, item, _by),) = house.keeping.calls
    assert isinstance(item, Item)
    assert (item.binding, item.cycle_days, item.mode, item.unit) == (None, 45.0, "ask", "g")


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("name", ""),
        ("unit", "gallons"),
        ("full_amount", "0"),
        ("title", ""),
        ("pack_amount", "much"),
        ("pack_days", "-3"),
        ("merchant", "my shop"),
        ("sku", "a b"),
        ("gtin14", "4006381333932"),
    ],
)
async def test_a_wrong_entry_is_said_beside_its_field(
    owner: httpx.AsyncClient, house: House, name: str, typed: str
) -> None:
    """Nothing is kept; what was typed stays, in this field and in the others."""
    answer = await send(owner, "/new-item", **NEW | {name: typed})
    assert (answer.status_code, house.keeping.calls) == (422, [])
    assert f'id="{name}-error"' in answer.text
    assert 'value="Fabric softener, 1.5 L"' in answer.text or name == "title"
    assert f'value="{typed}"' in answer.text or not typed or name == "unit"


async def test_what_the_file_refuses_is_said_and_what_was_typed_stays(owner: httpx.AsyncClient, house: House) -> None:
    """In the file's words."""
    house.keeping.refusal = RefusedError("Somebody else is writing the household's file.")
    answer = await send(owner, "/new-item", **NEW)
    assert answer.status_code == 422
    assert "Somebody else is writing" in answer.text
    assert 'value="soft-1"' in answer.text


async def test_a_mode_that_orders_by_itself_cannot_be_sent(owner: httpx.AsyncClient, house: House) -> None:
    """Whatever a browser sends, the item asks first."""
    await send(owner, "/new-item", **NEW | {"mode": "auto"})
    assert [call[1].mode for call in house.keeping.calls if isinstance(call[1], Item)] == ["ask"]


@pytest.mark.parametrize(("how", "beside"), [("instead", False), ("beside", True)])
async def test_a_signal_is_bound_to_an_item_that_is_there(
    owner: httpx.AsyncClient, house: House, how: str, *, beside: bool
) -> None:
    """Instead of its sensor, or beside it."""
    mark = await seen(owner, SOFTENER)
    fields = {"act": "bind", "item": "detergent", "how": how, "full_amount": "1,5", "seen": mark}
    answer = await send(owner, SOFTENER, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/devices/washer")
    binding = Binding(device="washer", signal="softener.remaining", full_amount=1.5)
    assert house.calls == [("bind", "detergent", binding, beside, "the-owner")]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"item": ""}, "item"),
        ({"item": "nothing"}, "item"),
        ({"full_amount": "all"}, "full_amount"),
        ({"how": "x"}, "how"),
    ],
)
async def test_a_binding_that_cannot_be_is_refused_beside_its_field(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], wrong: str
) -> None:
    """What was chosen stays."""
    good = {"act": "bind", "item": "milk", "how": "beside", "full_amount": "900", "seen": await seen(owner, SOFTENER)}
    answer = await send(owner, SOFTENER, **good | fields)
    assert (answer.status_code, house.calls) == (422, [])
    assert f'id="{wrong}-error"' in answer.text
    if wrong != "item":
        assert '<option value="milk" selected>' in answer.text


async def test_an_item_that_was_edited_meanwhile_is_not_bound_unseen(owner: httpx.AsyncClient, house: House) -> None:
    """Nothing is written; a second press, with how it stands now in view, is taken."""
    form = {"act": "bind", "item": "coffee", "how": "beside", "full_amount": "900", "seen": await seen(owner, SOFTENER)}
    coffee = house.home.known["coffee"].item
    house.keeping._put(coffee.model_copy(update={"binding": Binding(device="fridge", signal="milk.amount")}))
    answer = await send(owner, SOFTENER, **form)
    assert (answer.status_code, house.calls) == (422, [])
    assert "was edited while you looked at this page" in answer.text
    assert 'value="900"' in answer.text
    again = await send(owner, SOFTENER, **form | {"seen": field(answer.text, "seen")})
    assert (again.status_code, len(house.calls)) == (303, 1)


async def test_a_sensor_is_taken_away_from_its_item(owner: httpx.AsyncClient, house: House) -> None:
    """Of the last one is asked how long a pack lasts; that is filled in from the item's own guess."""
    page = (await owner.get("/devices/fridge/milk.amount")).text
    assert 'name="pack_days" type="text" value="5"' in page
    form = {"act": "unbind", "item": "milk", "seen": field(page, "seen")}
    answer = await send(owner, "/devices/fridge/milk.amount", **form, pack_days="soon")
    assert (answer.status_code, house.calls) == (422, [])
    assert 'id="milk-pack_days-error"' in answer.text
    assert 'value="soon"' in answer.text
    await send(owner, "/devices/fridge/milk.amount", **form, pack_days="6")
    assert house.calls == [("unbind", "milk", "fridge", "milk.amount", 6.0, "the-owner")]


@pytest.mark.parametrize(
    "path", ["/devices/washer/nothing.here", "/devices/nobody/a.b", "/new-item?device=washer&signal=x.y"]
)
async def test_a_signal_that_is_not_there_is_said_so(owner: httpx.AsyncClient, path: str) -> None:
    """As any page that is not there."""
    assert (await owner.get(path)).status_code == 404


async def test_a_signal_that_tells_no_stock_says_so(owner: httpx.AsyncClient) -> None:
    """With the way back."""
    page = (await owner.get("/devices/car/tyre_fl.pressure")).text
    assert "does not tell how much is left" in page
    assert 'href="/devices/car"' in page
