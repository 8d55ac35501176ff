"""A link in a message: looking at it uses nothing up, one button does, and nobody answers anything by it."""

from __future__ import annotations

import httpx
import pytest

from edge_agent.core.people import DISABLED_MARK, Account, Role
from edge_agent.web.asking.look import COOKIE
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.fake_channels import token_of
from tests.edge_agent.web.house import House, field, sign_in

PAGE = f"/n/{token_of()}"


async def follow(client: httpx.AsyncClient) -> httpx.Response:
    """Open the link and press its button."""
    page = await client.get(PAGE)
    return await client.post(PAGE, data={"csrf": field(page.text, "csrf")})


async def test_looking_uses_nothing_up_and_tells_nothing(anyone: httpx.AsyncClient, house: House) -> None:
    """As often as a scanner likes; neither who nor what is on the page, and no other site is told its address."""
    for method in ("GET", "HEAD", "GET"):
        page = await anyone.request(method, PAGE)
        assert page.status_code == 200
    assert "Show it" in page.text
    assert not any(word in page.text for word in ("Milk", "milk", "the-owner", "Order", "grocer"))
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert house.links.calls == []


async def test_who_is_signed_in_comes_to_the_question(owner: httpx.AsyncClient, house: House) -> None:
    """And the receipt says that it was seen."""
    answer = await follow(owner)
    assert (answer.status_code, answer.headers["location"]) == (303, "/prompts/p-milk")
    assert "Its link was opened." in (await owner.get("/prompts/p-milk")).text
    assert [call for call in house.calls if call[0] != "link"] == []


async def test_a_link_to_what_has_no_page_leads_home(owner: httpx.AsyncClient, house: House) -> None:
    """Such as an order that was taken over from the order service: nobody here was asked about it."""
    del house.home.all_prompts["p-milk"]
    assert (await follow(owner)).headers["location"] == "/"


async def test_who_is_not_may_look_and_no_more(anyone: httpx.AsyncClient, house: House, clock: ManualClock) -> None:
    """The terms without any form; the other pages stay closed; after ten minutes it is over."""
    answer = await follow(anyone)
    assert (answer.status_code, answer.headers["location"]) == (303, "/look")
    page = await anyone.get("/look")
    assert "Milk" in page.text
    assert "<form" not in page.text
    assert "terms_hash" not in page.text
    assert (await anyone.get("/prompts/p-milk")).headers["location"] == "/login"
    assert (await anyone.post("/prompts/p-milk/approve", data={"csrf": "x"})).headers["location"] == "/login"
    assert house.answers.calls == []
    clock.advance(minutes=11)
    assert "Milk" not in (await anyone.get("/look")).text


async def test_a_look_cannot_be_made_up_or_carried_on(anyone: httpx.AsyncClient, house: House) -> None:
    """One changed sign, a seal of another text, and a person who may no longer sign in: nothing is shown."""
    await follow(anyone)
    kept = anyone.cookies[COOKIE]
    for forged in (f"{kept[:-1]}{'0' if kept[-1] != '0' else '1'}", f"x{kept}", kept.partition(".")[0], "é.é"):
        page = await anyone.get("/look", headers=[(b"cookie", f"{COOKIE}={forged}".encode())])
        assert "Milk" not in page.text
    assert "Milk" in (await anyone.get("/look", headers={"cookie": f"{COOKIE}={kept}"})).text
    house.accounts.put_account(Account("the-owner", Role.OWNER, DISABLED_MARK))
    assert "Milk" not in (await anyone.get("/look", headers={"cookie": f"{COOKIE}={kept}"})).text


@pytest.mark.parametrize("case", ["used", "expired", "foreign", "mangled"])
async def test_a_link_that_has_ended_says_what_to_do(anyone: httpx.AsyncClient, clock: ManualClock, case: str) -> None:
    """One plain page for all of them, to the press and to the look."""
    page = await anyone.get(PAGE)
    form, address = {"csrf": field(page.text, "csrf")}, PAGE
    match case:
        case "used":
            assert (await anyone.post(PAGE, data=form)).status_code == 303
        case "expired":
            clock.advance(hours=25)
        case "foreign":
            address = f"/n/{'6' * 32}.{'a' * 64}"
        case "mangled":
            address = f"{PAGE[:-1]}g"
    told = [await anyone.get(address), await anyone.post(address, data=form)]
    assert [answer.status_code for answer in told] == [410, 410]
    assert all("every question is on the page" in answer.text for answer in told)
    assert all("Show it" not in answer.text for answer in told)


async def test_the_button_works_once(house: House) -> None:
    """Two browsers with the same link: the second one learns nothing."""
    async with house.client() as first, house.client() as second:
        pages = [(client, field((await client.get(PAGE)).text, "csrf")) for client in (first, second)]
        statuses = [(await client.post(PAGE, data={"csrf": csrf})).status_code for client, csrf in pages]
        assert statuses == [303, 410]
        assert "Milk" not in (await second.get("/look")).text


async def test_a_link_signs_nobody_in(anyone: httpx.AsyncClient, house: House) -> None:
    """Neither does the look; who wants to answer signs in and finds the question."""
    await follow(anyone)
    assert (await anyone.get("/")).headers["location"] == "/login"
    assert (await sign_in(anyone)).headers["location"] == "/"
    assert "Milk" in (await anyone.get("/")).text
    assert house.answers.calls == []
