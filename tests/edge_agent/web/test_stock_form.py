"""What a person may say of a stock on the item's page, and what the page says of doubts."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge_agent.core.messages import ItemId, Reason
from edge_agent.core.people import Role
from tests.edge_agent.web.house import House, field, sign_in

PAGE = "/items/milk"


async def say(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send the form as the page has it."""
    csrf = field((await client.get(PAGE)).text, "csrf")
    return await client.post(f"{PAGE}/stock", data={"csrf": csrf, **fields})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"what": "counted", "packs": "3"}, ("counted", 3.0), id="counted"),
        pytest.param({"what": "counted", "packs": "1,5"}, ("counted", 1.5), id="with a comma"),
        pytest.param({"what": "bought", "packs": "2"}, ("bought", 2.0), id="bought elsewhere"),
        pytest.param({"what": "thrown_away", "packs": "0.5"}, ("thrown_away", 0.5), id="thrown away"),
        pytest.param({"what": "opened", "packs": ""}, ("opened", 0.0), id="opened takes no number"),
    ],
)
async def test_what_is_said_is_kept_once(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], told: tuple[str, float]
) -> None:
    """The item, what it was, the packs and who says so; then the person is back on the item's page."""
    answer = await say(owner, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert house.stock.calls == [("stock", "milk", *told, "the-owner")]


@pytest.mark.parametrize("packs", ["", "-1", "1e3", "100", "2.345", "two", "nan", "٣"])
async def test_what_is_no_number_of_packs_changes_nothing(owner: httpx.AsyncClient, house: House, packs: str) -> None:
    """The page says what is wrong beside the field."""
    answer = await say(owner, what="counted", packs=packs)
    assert (answer.status_code, house.stock.calls) == (422, [])
    assert "A number of packs from 0 to 99" in answer.text


async def test_an_unknown_word_changes_nothing(owner: httpx.AsyncClient, house: House) -> None:
    """Only what the form offers can be said."""
    assert ((await say(owner, what="sold", packs="1")).status_code, house.stock.calls) == (422, [])


@pytest.mark.parametrize("role", [Role.GUEST, Role.CHILD])
async def test_guests_and_children_only_look(house: House, role: Role) -> None:
    """They see the doubts and no form."""
    async with house.client() as client:
        await sign_in(client, role=role)
        assert f'action="{PAGE}/stock"' not in (await client.get(PAGE)).text


async def test_doubts_are_told_in_words(owner: httpx.AsyncClient, house: House) -> None:
    """Why the stock is not trusted stands on the page."""
    known = house.home.known[ItemId("milk")]
    assert known.estimate is not None
    doubts = (Reason("stuck", "fridge has said the same for 4 days."),)
    estimate = replace(known.estimate, doubts=doubts, cupboard_packs=2.0)
    house.home.known[ItemId("milk")] = replace(known, estimate=estimate)
    page = (await owner.get(PAGE)).text
    assert "fridge has said the same for 4 days." in page
    assert "about 2 packs stand in the cupboard" in page


async def test_an_unknown_stock_does_not_run_out_today(owner: httpx.AsyncClient, house: House) -> None:
    """Beside "Not known yet" no day is named."""
    known = house.home.known[ItemId("milk")]
    assert known.estimate is not None
    house.home.known[ItemId("milk")] = replace(known, estimate=replace(known.estimate, amount=None))
    page = (await owner.get(PAGE)).text
    assert "Not known yet" in page
    assert "There is not enough to go by yet." in page
    assert "most likely" not in page
