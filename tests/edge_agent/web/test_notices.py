"""What stops the sends stands on every page, with the two answers that an owner can give."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge_agent.config import WebConfig
from edge_agent.core.people import Role
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.web.factory import create_app
from tests.edge_agent.web.house import HOME, ORIGIN, House, field, sign_in

PAGES = (
    "/",
    "/items/milk",
    "/prompts/p-milk",
    "/orders",
    "/merchants",
    "/mandates",
    "/mandates/m-milk",
    "/new-mandate/milk",
    "/devices",
    "/account",
    "/people",
    "/sent",
    "/sent/3",
)


@pytest.mark.parametrize("code", SafetyCode)
async def test_every_page_says_why_nothing_is_sent(owner: httpx.AsyncClient, house: House, code: SafetyCode) -> None:
    """In the guard's own words."""
    house.safety.found = (SafetyProblem(code, "This happened, to that: do this."),)
    for path in PAGES if code is SafetyCode.CHAIN_BROKEN else ("/prompts/p-milk",):
        page = (await owner.get(path)).text
        assert f'data-problem="{code}"' in page, path
        assert "This happened, to that: do this." in page


async def test_without_a_problem_no_page_alarms_anybody(owner: httpx.AsyncClient) -> None:
    """A banner that is always there is read by nobody."""
    for path in PAGES:
        assert "Nothing is sent." not in (await owner.get(path)).text


async def test_several_problems_stand_together(owner: httpx.AsyncClient, house: House) -> None:
    """None hides another."""
    house.safety.found = tuple(SafetyProblem(code, f"About {code}.") for code in SafetyCode)
    page = (await owner.get("/")).text
    assert page.count("data-problem=") == len(SafetyCode)


@pytest.mark.parametrize(
    ("code", "path", "call"),
    [(SafetyCode.CLOCK_UNTRUSTED, "/safety/clock", "clock"), (SafetyCode.BRIDGE_RESTORED, "/safety/bridge", "bridge")],
)
async def test_only_an_owner_is_offered_the_answer(house: House, code: SafetyCode, path: str, call: str) -> None:
    """The others read whom to ask; their form would be refused."""
    house.safety.found = (SafetyProblem(code, "Look at this."),)
    for role in (Role.MEMBER, Role.GUEST, Role.CHILD, Role.OWNER):
        async with house.client() as client:
            await sign_in(client, role=role)
            page = (await client.get("/")).text
            assert (f'action="{path}"' in page) is (role is Role.OWNER)
            assert ("An owner of this home can answer that here." in page) is (role is not Role.OWNER)
            answer = await client.post(path, data={"csrf": field(page, "csrf")})
            assert answer.status_code == (303 if role is Role.OWNER else 403)
    assert house.safety.calls == [(call, "the-owner")]


async def test_a_wrong_file_is_told(owner: httpx.AsyncClient, house: House) -> None:
    """With the file, the field and what to do."""
    house.home.wrong_file = "household.json: items.0.name = 1: a text"
    page = (await owner.get("/")).text
    assert "household.json: items.0.name = 1: a text" in page
    assert "put the last good copy back" in page


async def test_strangers_learn_nothing_of_it(anyone: httpx.AsyncClient, house: House) -> None:
    """Neither at the sign-in nor on a page that is missing."""
    house.safety.found = (SafetyProblem(SafetyCode.CHAIN_BROKEN, "The audit log is broken at entry 7."),)
    house.home.wrong_file = "household.json: x"
    for path in ("/login", "/nothing"):
        page = (await anyone.get(path)).text
        assert "entry 7" not in page
        assert "household.json" not in page


async def test_a_hub_without_people_tells_everybody(anyone: httpx.AsyncClient, house: House) -> None:
    """After its store was set aside nobody can sign in, so the sign-in page says why; not a word once somebody can."""
    house.safety.found = (SafetyProblem(SafetyCode.STORE_SET_ASIDE, "The store was kept apart."),)
    assert "kept apart" not in (await anyone.get("/login")).text
    house.connection.db.execute("DELETE FROM account")
    assert "kept apart" in (await anyone.get("/login")).text


async def test_a_disk_without_room_is_told(house: House) -> None:
    """In the hub's words, with the setting; orders are not said to have stopped."""
    parts = replace(house.parts, no_room=lambda: "the disk has 3 MiB free (store.reserve_mib)")
    app = create_app(parts, web=WebConfig(), home=HOME)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as client:
        await sign_in(client)
        page = (await client.get("/devices")).text
        assert "3 MiB free (store.reserve_mib)" in page
        assert "Nothing is sent" not in page
