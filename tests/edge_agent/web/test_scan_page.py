"""A bar code: a known one is one tap, an unknown one says what to do next, a wrong one says what is wrong."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import date

import httpx
import pytest

from edge_agent.core.messages import ItemId
from edge_agent.core.people import Role
from edge_agent.core.stock_events import Label, Labelled, Scanned
from edge_agent.web.guard import PERMISSIONS_POLICY
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field, sign_in

CODE = "4006381333931"
OTHER = "96385074"


def give(house: House, item: str, gtin14: str) -> None:
    """Let an item's product have a number."""
    known = house.home.known[item]
    product = known.item.product.model_copy(update={"gtin14": gtin14})
    house.home.known[item] = replace(known, item=known.item.model_copy(update={"product": product}))


@pytest.fixture
def known(house: House) -> House:
    """A house whose milk has the number."""
    give(house, "milk", "04006381333931")
    return house


@pytest.mark.parametrize("code", [CODE, "(01)04006381333931(17)261231(10)A1", "https://id.gs1.org/01/04006381333931"])
async def test_a_known_code_is_one_tap(owner: httpx.AsyncClient, known: House, code: str) -> None:
    """Both buttons stand on the page with all that they send, and lead back to the next code."""
    page = await owner.get("/scan", params={"code": code})
    assert page.status_code == 200
    card = page.text.split('data-found="milk"')[1].split("</article>")[0]
    assert 'action="/items/milk/stock"' in card
    form = {name: field(card, name) for name in ("csrf", "packs", "back")}
    answer = await owner.post("/items/milk/stock", data={**form, "what": "taken_in"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/scan?after=milk")
    assert known.calls == [("stock", "milk", "taken_in", 1.0, "the-owner")]


async def test_what_was_noted_is_said_from_the_store(owner: httpx.AsyncClient, house: House) -> None:
    """An address alone says nothing."""
    assert "Noted for" not in (await owner.get("/scan?after=milk")).text
    house.stock.events = [Scanned(ItemId("milk"), NOW, "robin", 1.0)]
    assert "Packs taken in: 1." in (await owner.get("/scan?after=milk")).text


async def test_the_days_and_the_batch_of_a_code_are_shown(owner: httpx.AsyncClient, known: House) -> None:
    """A day that is over is said."""
    page = (await owner.get("/scan", params={"code": "(01)04006381333931(17)260102(10)<b>7"})).text
    assert "Use by" in page
    assert "That day is over." in page
    assert "&lt;b&gt;7" in page
    assert "That day is over." not in (await owner.get("/scan", params={"code": "(01)04006381333931(17)301231"})).text


async def test_a_substitute_counts_as_so_much_of_the_usual_pack(owner: httpx.AsyncClient, house: House) -> None:
    """Half a litre is half a pack."""
    known = house.home.known["milk"]
    half = known.item.substitutes[1].model_copy(update={"gtin14": "00000096385074"})
    item = known.item.model_copy(update={"substitutes": (known.item.substitutes[0], half)})
    house.home.known["milk"] = replace(known, item=item)
    page = (await owner.get(f"/scan?code={OTHER}")).text
    assert field(page.split('data-found="milk"')[1], "packs") == "0.5"
    assert "counts as 0.5 of the usual pack" in page


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("4006381333932", "The last digit does not fit the others"),
        ("12345", "A product&#39;s number has 8, 12, 13 or 14 digits."),
        ("https://id.gs1.org/AQnYUc1gmiCNV4JGYgYAAg", "compressed form"),
        ("<b>milk", "That is no bar code"),
    ],
)
async def test_what_is_no_code_is_said_beside_the_field(owner: httpx.AsyncClient, code: str, why: str) -> None:
    """What was typed stays."""
    answer = await owner.get("/scan", params={"code": code})
    assert answer.status_code == 422
    error = answer.text.split('id="code-error">')[1].split("</span>")[0]
    assert why.replace("&#39;", "'") in error.replace("&#39;", "'")
    assert f'value="{html.escape(code)}"' in answer.text


async def test_an_unknown_code_says_the_next_step(owner: httpx.AsyncClient, known: House) -> None:
    """An item of it, or one that is there; an owner binds it, and then it is known."""
    page = (await owner.get(f"/scan?code={OTHER}")).text
    assert "No item of this home has this number." in page
    assert f'href="/new-item?gtin={OTHER}"' in page
    form = {name: field(page, name) for name in ("csrf", "seen")} | {
        "code": field(page.split('action="/scan"')[2], "code")
    }
    wrong = await owner.post("/scan", data=form | {"item": ""})
    assert (wrong.status_code, known.calls) == (422, [])
    assert 'id="item-error"' in wrong.text
    answer = await owner.post("/scan", data=form | {"item": "coffee"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/scan?code={OTHER}")
    assert known.calls == [("set_gtin", "coffee", "00000096385074", "the-owner")]
    assert 'data-found="coffee"' in (await owner.get(answer.headers["location"])).text


async def test_a_product_that_was_edited_meanwhile_is_not_bound_unseen(owner: httpx.AsyncClient, known: House) -> None:
    """Nothing is written; the page says so, with the item still chosen."""
    page = (await owner.get(f"/scan?code={OTHER}")).text
    give(known, "coffee", "00036000291452")
    form = {name: field(page, name) for name in ("csrf", "seen")}
    answer = await owner.post("/scan", data=form | {"item": "coffee", "code": OTHER})
    assert (answer.status_code, known.calls) == (422, [])
    assert "was edited while you looked at this page" in answer.text
    assert '<option value="coffee" selected>' in answer.text


async def test_a_member_takes_in_and_does_not_bind(house: House) -> None:
    """The way on is to ask an owner."""
    async with house.client() as client:
        await sign_in(client, role=Role.MEMBER)
        page = (await client.get(f"/scan?code={OTHER}")).text
    assert "An owner of this home can make an item of it" in page
    assert "/new-item" not in page


async def test_only_this_page_may_use_the_camera(owner: httpx.AsyncClient) -> None:
    """Every other page says that it may not; no page may use a microphone."""
    scan, home = await owner.get("/scan"), await owner.get("/")
    assert scan.headers["permissions-policy"] == "camera=(self)"
    assert home.headers["permissions-policy"] == PERMISSIONS_POLICY
    assert "camera=()" in PERMISSIONS_POLICY


async def test_what_stands_on_packs_is_kept_with_them(owner: httpx.AsyncClient, known: House) -> None:
    """A code with a batch asks of how many packs; they come in, or are counted already."""
    code = "(01)04006381333931(15)261231(10)A1"
    page = (await owner.get("/scan", params={"code": code})).text
    form = page.split("data-label>")[1].split("</form>")[0]
    sent = {name: html.unescape(field(form, name)) for name in ("csrf", "packs", "back", "code")}
    for what in ("taken_in", "labelled"):
        answer = await owner.post("/items/milk/stock", data={**sent, "what": what, "packs": "2"})
        assert answer.status_code == 303
    label = Label("04006381333931", "A1", date(2026, 12, 31))
    assert known.calls == [("stock", "milk", what, 2.0, "the-owner", label) for what in ("taken_in", "labelled")]
    assert "data-label" not in (await owner.get("/scan", params={"code": CODE})).text


async def test_the_item_shows_what_stands_on_its_packs(owner: httpx.AsyncClient, house: House) -> None:
    """Batch and dates, with who read them; without any there is no such part."""
    assert "data-labels" not in (await owner.get("/items/milk")).text
    label = Label("04006381333931", "<A1>", date(2026, 12, 31), date(2026, 12, 1))
    house.stock.events = [Labelled(ItemId("milk"), NOW, "robin", 2.0, label)]
    page = (await owner.get("/items/milk")).text.split("data-labels>")[1].split("</ul>")[0]
    for said in ("&lt;A1&gt;", "best before", "use by", "packs: 2", "robin"):
        assert said in page
