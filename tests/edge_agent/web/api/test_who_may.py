"""Every address of the API: which token gets in, and what an answer tells to who does not."""

from __future__ import annotations

import httpx
import pytest

from edge_agent.core.api_token import Scope, TokenId
from edge_agent.core.people import Role
from edge_agent.web.api.acts import ACTS
from edge_agent.web.api.gate import BURST
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.api.expected import API
from tests.edge_agent.web.api.programs import body_for, give_token, program, ready
from tests.edge_agent.web.house import House, sign_in
from tests.edge_agent.web.test_routes import MAY, everything

STREAM = ("GET", "/api/v1/events")  # it never ends by itself: test_streams
METRICS = ("GET", "/metrics")  # its library need not be there: test_metrics
REFUSED_BY_POLICY = {"approve": frozenset({Role.GUEST, Role.CHILD})}


async def ask(client: httpx.AsyncClient, house: House, key: tuple[str, str]) -> httpx.Response:
    """One request that nothing but the token can make wrong."""
    method, path = key
    address = ready(house, path)
    return await client.request(method, address, json=body_for(house, path) if method == "POST" else None)


def test_the_table_is_the_one_that_was_agreed() -> None:
    """Rule and scope of every act, and every POST needs leave to answer."""
    assert {(act.method, act.path): (str(act.rule), str(act.scope)) for act in ACTS} == API
    assert all((act.method == "POST") is (act.scope is Scope.ANSWER) for act in ACTS)


@pytest.mark.parametrize("key", API)
@pytest.mark.parametrize("token", [None, "", "rstk_" + "a" * 43, "x" * 43, "rstk_" + "a" * 43 + " ", "a b c"])
async def test_without_a_token_nothing_is_told(house: House, key: tuple[str, str], token: str | None) -> None:
    """401 with a way in, and not a word of the home; nothing is set off."""
    async with program(house, token) as client:
        answer = await ask(client, house, key)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "no_token"
    assert "milk" not in answer.json()["detail"]
    assert house.calls == []


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("key", [key for key in API if key not in {STREAM, METRICS}])
async def test_each_role_gets_what_its_rule_says(house: House, role: Role, key: tuple[str, str]) -> None:
    """Who may is answered, and a POST sets off one act; who may not gets 403 and sets nothing off."""
    async with program(house, give_token(house, role)) as client:
        answer = await ask(client, house, key)
    act = key[1].rsplit("/", 1)[-1]
    refused = REFUSED_BY_POLICY.get(act, frozenset())
    if role in MAY[API[key][0]] - refused:
        assert answer.status_code == 200, answer.text
        assert bool(house.calls) is (key[0] == "POST")
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert house.home.intent_of(house.home.all_prompts["p-milk"].id) is None


@pytest.mark.parametrize("key", API)
async def test_a_token_does_only_what_it_is_for(house: House, key: tuple[str, str]) -> None:
    """One that may read answers nothing, and one that may answer reads nothing."""
    other = Scope.READ if API[key][1] == "answer" else Scope.ANSWER
    async with program(house, give_token(house, scopes=frozenset({other}))) as client:
        answer = await ask(client, house, key)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_scope")
    assert house.calls == []


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
@pytest.mark.parametrize("key", API)
async def test_a_page_of_another_site_is_refused(house: House, key: tuple[str, str], headers: dict[str, str]) -> None:
    """Even with a token that holds."""
    async with program(house, give_token(house)) as client:
        client.headers.update(headers)
        answer = await ask(client, house, key)
    assert (answer.status_code, answer.json()["code"]) == (403, "alien_origin")
    assert house.calls == []


@pytest.mark.parametrize("key", [key for key in API if key != STREAM])
async def test_a_session_of_the_pages_is_no_token(house: House, key: tuple[str, str]) -> None:
    """A browser that is signed in cannot be made to call the API."""
    async with house.client() as client:
        await sign_in(client)
        answer = await ask(client, house, key)
    assert answer.status_code == 401
    assert house.calls == []


async def test_a_token_ends(house: House, clock: ManualClock) -> None:
    """By its day, by being revoked, with its person, and when the person is barred or gets another password."""
    async with program(house, give_token(house, days=1)) as client:
        assert (await client.get("/api/v1/me")).status_code == 200
        clock.advance(days=1)
        assert (await client.get("/api/v1/me")).status_code == 401
    tokens = house.parts.tokens
    async with program(house, give_token(house, Role.MEMBER)) as client:
        tokens.revoke(TokenId(tokens.all()[0].id), by="the-owner")
        assert (await client.get("/api/v1/me")).status_code == 401
    async with program(house, give_token(house, Role.MEMBER)) as client:
        house.accounts.end_sessions("the-member", keep=None)
        assert (await client.get("/api/v1/me")).status_code == 401
    async with program(house, give_token(house, Role.GUEST)) as client:
        house.accounts.remove_account("the-guest", by="the-owner")
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_reading_writes_nothing_and_the_last_use_is_kept(house: House) -> None:
    """A GET leaves the store as it was; when the token was used is known at once and written down later."""
    async with program(house, give_token(house)) as client:
        ready(house, "")
        before = everything(house)
        for method, path in API:
            if method == "GET" and (method, path) not in {STREAM, METRICS}:
                assert (await client.get(ready(house, path))).status_code == 200
        assert everything(house) == before
    assert house.parts.tokens.all()[0].used_at == house.parts.clock.now()


async def test_a_client_in_a_hurry_is_slowed_down(house: House) -> None:
    """After a burst: 429, and when to come again."""
    async with program(house, give_token(house)) as client:
        codes = [(await client.get("/api/v1/me")).status_code for _ in range(BURST + 60)]
    assert codes[:BURST] == [200] * BURST
    assert 429 in codes


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/api/v1/", "/api/v2/items", "/api/v1/items/", "/API/v1/items"])
async def test_no_other_spelling_is_an_address(house: House, path: str) -> None:
    """404, with or without a token."""
    async with program(house, give_token(house)) as client:
        assert (await client.get(path)).status_code == 404


async def test_what_does_not_exist_is_told_as_a_problem(house: House) -> None:
    """An address, a method, a thing: each in JSON, with what, where and what to do."""
    async with program(house, give_token(house)) as client:
        asked = [
            await client.get("/api/v1/nothing"),
            await client.delete("/api/v1/items"),
            await client.get("/api/v1/items/none"),
        ]
    for answer in asked:
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json()
        assert said["status"] == answer.status_code
        assert said["detail"]
        assert said["instance"].startswith("/api/v1/")
        assert said["what_to_do"]
    assert [answer.status_code for answer in asked] == [404, 405, 404]
