"""Recalls: at the top of Home for everybody, filed by owners, dealt with by those who run the home."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import httpx
import pytest

from edge_agent.core.messages import IntentId
from edge_agent.core.people import Role
from edge_agent.core.recall import Certainty, Match, Notice, filed
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field, sign_in

NOTICE = Notice(
    gtin="4006381333931", batch="A1", until=date(2026, 12, 31), text="<b>Do not drink it.", source="the maker"
)
RECALL = filed(NOTICE, by="the-owner", at=NOW)


@pytest.fixture
def called_back(house: House) -> House:
    """Milk with a batch that is called back, and an order that may bring some."""
    house.recalls.kept = [RECALL]
    milk = house.home.known["milk"].item
    house.recalls.found = [Match(RECALL, milk, Certainty.AFFECTED, 2.0, (IntentId("i-p-fluid"),))]
    return house


async def test_it_stands_at_the_top_of_home_with_what_to_do(owner: httpx.AsyncClient, called_back: House) -> None:
    """Before anything else; the words of the notice are never markup."""
    page = (await owner.get("/")).text
    card = page.split('data-recall="')[1].split("</article>")[0]
    assert page.index('data-recall="') < page.index('id="needs"')
    for said in ("Called back: ", "&lt;b&gt;Do not drink it.", "4006381333931", "A1", "the maker", "/prompts/p-fluid"):
        assert said in card
    assert "Nothing. You will be asked here" not in page
    called_back.recalls.found = [replace(called_back.recalls.found[0], certainty=Certainty.MAY_BE, packs=0.0)]
    assert "May be called back: " in (await owner.get("/")).text


async def test_what_was_done_is_told_from_home(owner: httpx.AsyncClient, called_back: House) -> None:
    """Packs go with it, but for those that are not affected; wrong packs set nothing off."""
    card = (await owner.get("/")).text.split('data-recall="')[1].split("</article>")[0]
    sent = {name: field(card, name) for name in ("csrf", "item", "packs", "back")}
    address = f"/recalls/{RECALL.id}/done"
    answer = await owner.post(address, data={**sent, "what": "sent_back"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    await owner.post(address, data={**sent, "packs": "", "what": "not_affected"})
    assert (await owner.post(address, data={**sent, "packs": "", "what": "thrown_away"})).status_code == 422
    assert called_back.calls == [
        ("recall_done", RECALL.id, "milk", "sent_back", 2.0, "the-owner"),
        ("recall_done", RECALL.id, "milk", "not_affected", 0.0, "the-owner"),
    ]


async def test_an_owner_files_a_recall(owner: httpx.AsyncClient, house: House) -> None:
    """A wrong number or day is said beside what was typed, and nothing is kept."""
    page = (await owner.get("/recalls")).text
    typed = {"csrf": field(page, "csrf"), "gtin": "4006381333931", "batch": "A1", "until": "2026-12-31"}
    words = {"text": "<b>Do not drink it.", "source": "the maker"}
    for wrong in ({"gtin": "4006381333932"}, {"until": "soon"}, {"text": ""}, {"batch": "L\u00e9"}):
        answer = await owner.post("/recalls", data={**typed, **words, **wrong})
        assert answer.status_code == 422
        assert "the maker" in answer.text
    assert house.calls == []
    assert (await owner.post("/recalls", data={**typed, **words})).status_code == 303
    assert house.calls == [("recall", NOTICE.model_copy(update={"gtin": "04006381333931"}), "the-owner")]
    assert "Nothing here that is known to be affected" in (await owner.get("/recalls")).text


async def test_guests_see_it_and_only_look(called_back: House) -> None:
    """What is dangerous is shown to everybody; forms are for those who run the home, filing for owners."""
    async with called_back.client() as client:
        await sign_in(client, role=Role.GUEST)
        page = (await client.get("/")).text
        assert "Called back: " in page
        assert "/done" not in page
        assert (await client.get("/recalls")).status_code == 403
    async with called_back.client() as client:
        await sign_in(client, role=Role.MEMBER)
        page = (await client.get("/recalls")).text
        assert f"/recalls/{RECALL.id}/done" in page
        assert 'action="/recalls"' not in page
