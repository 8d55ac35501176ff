"""A bar code that no item has: what Open Food Facts tells is suggested, with whose words it is, and nothing more."""

from __future__ import annotations

import re

import httpx
import pytest

from edge_agent.core.people import Role
from edge_agent.core.said import say
from edge_agent.errors import HubError, ProductsUnreachableError, RefusedError
from tests.edge_agent.product_records import CODE, GTIN, hint
from tests.edge_agent.web.house import House, field, sign_in


def typed(page: str, name: str) -> str:
    """What stands in a field of the form."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


async def test_a_hint_is_shown_with_whose_words_it_is(owner: httpx.AsyncClient, house: House) -> None:
    """Name, licence, and since when it is kept; nobody is asked."""
    assert "Open Food Facts" not in (await owner.get(f"/scan?code={CODE}")).text
    house.products.keep(hint())
    page = (await owner.get(f"/scan?code={CODE}")).text
    card = page.split("data-hint>")[1].split("</article>")[0]
    for part in ("Mill Brook Oat drink, 1 l", "From Open Food Facts", "ODbL", "from a file"):
        assert part in card
    assert house.calls == []


async def test_a_hint_fills_the_form(owner: httpx.AsyncClient, house: House) -> None:
    """Name, product, unit and amount, to be looked at; merchant and price are nobody's to guess."""
    house.products.keep(hint())
    page = (await owner.get(f"/new-item?gtin={CODE}")).text
    assert [typed(page, name) for name in ("name", "title", "pack_amount", "gtin14")] == [
        "Oat drink", "Mill Brook Oat drink, 1 l", "1000", CODE,
    ]  # fmt: skip
    assert '<option value="mL" selected>' in page
    assert (typed(page, "merchant"), typed(page, "sku")) == ("", "")
    assert "From Open Food Facts" in page
    assert "ODbL" in page


async def test_a_hint_overwrites_nothing_that_was_typed(owner: httpx.AsyncClient, house: House) -> None:
    """Not even what was emptied."""
    house.products.keep(hint())
    page = (await owner.get(f"/new-item?gtin={CODE}")).text
    form = {"csrf": field(page, "csrf"), "name": "Our oats", "title": "", "pack_amount": "5", "gtin14": CODE}
    again = await owner.post("/new-item", data=form)
    assert again.status_code == 422
    assert [typed(again.text, name) for name in ("name", "title", "pack_amount")] == ["Our oats", "", "5"]
    assert "From Open Food Facts" in again.text


async def test_what_is_not_clear_stays_empty(owner: httpx.AsyncClient, house: House) -> None:
    """No amount and no unit where the pack's words say none; markup comes out as text."""
    house.products.keep(hint(quantity="6 eggs", product_quantity=None, product_name_en='Eggs &amp; "co"'))
    page = (await owner.get(f"/new-item?gtin={CODE}")).text
    assert typed(page, "pack_amount") == ""
    assert "selected" not in page.split('name="unit"')[1].split("</select>")[0]
    assert typed(page, "name") == "Eggs &amp; &#34;co&#34;"


async def test_a_person_lets_it_be_asked(owner: httpx.AsyncClient, house: House) -> None:
    """By a button that says what leaves; to look asks nobody."""
    assert "/scan/ask" not in (await owner.get(f"/scan?code={CODE}")).text
    house.products.is_allowed, house.products.answer = True, hint()
    page = (await owner.get(f"/scan?code={CODE}")).text
    assert "This number leaves the home, and the address that this hub gives as its contact." in page
    assert house.calls == []
    form = page.split('action="/scan/ask"')[1]
    answer = await owner.post("/scan/ask", data={name: field(form, name) for name in ("csrf", "code")})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/scan?code={CODE}")
    assert house.calls == [("ask_product", GTIN)]
    assert "asked on" in (await owner.get(answer.headers["location"])).text


async def test_that_there_is_no_such_product_is_said(owner: httpx.AsyncClient, house: House) -> None:
    """With the day."""
    house.products.is_allowed = True
    page = (await owner.get(f"/scan?code={CODE}")).text
    await owner.post("/scan/ask", data={"csrf": field(page, "csrf"), "code": CODE})
    page = (await owner.get(f"/scan?code={CODE}")).text
    assert "Open Food Facts had no such product on" in page
    assert "/scan/ask" not in page


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        (ProductsUnreachableError("away"), "did not answer"),
        (RefusedError(say("Nobody is asked for this number.")), "Nobody"),
    ],
)
async def test_why_it_was_not_told_stands_on_the_page(
    owner: httpx.AsyncClient, house: House, refusal: HubError, why: str
) -> None:
    """The way on is still there."""
    house.products.is_allowed, house.products.refusal = True, refusal
    page = (await owner.get(f"/scan?code={CODE}")).text
    answer = await owner.post("/scan/ask", data={"csrf": field(page, "csrf"), "code": CODE})
    assert answer.status_code == 503
    assert why in answer.text.split("data-hint-refused")[1].split("</p>")[0]
    assert f'href="/new-item?gtin={CODE}"' in answer.text


async def test_a_member_may_ask_and_a_guest_may_not(house: House) -> None:
    """The page is a member's."""
    house.products.is_allowed, house.products.answer = True, hint()
    for role, status in ((Role.MEMBER, 303), (Role.GUEST, 403)):
        async with house.client() as client:
            await sign_in(client, role=role)
            page = (await client.get("/account")).text
            answer = await client.post("/scan/ask", data={"csrf": field(page, "csrf"), "code": CODE})
        assert answer.status_code == status
    assert house.calls == [("ask_product", GTIN)]
