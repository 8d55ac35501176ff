"""Tokens are made and revoked by an owner, shown once, and kept as hashes; nobody gets a second voice by one."""

from __future__ import annotations

import re

import httpx
import pytest

from edge_agent.core.api_token import Scope
from tests.edge_agent.web.house import PASSWORD, House, field
from tests.edge_agent.web.test_routes import everything

ASKED = {"label": "Phone", "account": "the-owner", "scope": "answer", "days": "30", "own_password": PASSWORD}


async def make(client: httpx.AsyncClient, **typed: str) -> httpx.Response:
    """The form, with what was typed."""
    csrf = field((await client.get("/tokens")).text, "csrf")
    return await client.post("/tokens/add", data={"csrf": csrf, **ASKED, **typed})


async def test_a_token_is_shown_once_and_works_until_it_is_revoked(owner: httpx.AsyncClient, house: House) -> None:
    """The store never holds it."""
    page = (await make(owner)).text
    found = re.search(r"<code data-token>(rstk_[\w-]{43})</code>", page)
    assert found is not None
    token = found[1]
    assert token not in (await owner.get("/tokens")).text
    assert token not in everything(house)
    kept = next(one for one in house.tokens.all() if one.label == "Phone")
    assert kept.scopes == frozenset(Scope)
    async with house.client() as client:
        client.headers["authorization"] = f"Bearer {token}"
        assert (await client.get("/api/v1/me")).json()["account"] == "the-owner"
        assert "Never used" not in (await owner.get("/tokens")).text.split("Wall display")[0]
        csrf = field((await owner.get("/tokens")).text, "csrf")
        await owner.post(f"/tokens/{kept.id}/revoke", data={"csrf": csrf})
        assert (await client.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"own_password": "wrong"}, "That password is wrong"),
        ({"label": " "}, "What the program is called"),
        ({"account": "nobody"}, "One of the list"),
        ({"scope": "all"}, "One of the list"),
        ({"days": "366"}, "A whole number from 1 to 365"),
        ({"account": "the-member"}, "Give your password"),
        ({"account": "the-member", "their_password": "wrong"}, "That password is wrong"),
    ],
)
async def test_what_is_wrong_is_said_and_no_token_is_made(
    owner: httpx.AsyncClient, house: House, typed: dict[str, str], wrong: str
) -> None:
    """Beside its field; a token that answers for somebody else needs that person's password."""
    answer = await make(owner, **typed)
    assert answer.status_code == 422
    assert wrong in answer.text
    assert house.calls == []
    assert PASSWORD not in answer.text


async def test_a_token_for_somebody_else_with_their_word(owner: httpx.AsyncClient, house: House) -> None:
    """To look, the owner's word is enough; to answer, that person's password comes too."""
    assert (await make(owner, account="the-member", scope="read")).status_code == 200
    assert (await make(owner, account="the-member", their_password=PASSWORD)).status_code == 200
    assert [one.account for one in house.tokens.all() if one.label == "Phone"] == ["the-member", "the-member"]
