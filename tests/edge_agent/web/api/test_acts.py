"""What programs may do goes by the rules of the pages: terms, PIN, second person; and bodies are read strictly."""

from __future__ import annotations

import pytest

from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Role
from edge_agent.core.prompt import PromptState
from edge_agent.web.sign_in import FAILURES_MAX
from tests.edge_agent.web.api.programs import give_token, program
from tests.edge_agent.web.house import House

APPROVE = "/api/v1/prompts/p-milk/approve"


async def test_an_approval_orders_on_exactly_the_terms_that_were_read(house: House) -> None:
    """The hash from the prompt makes the order, once."""
    async with program(house, give_token(house)) as client:
        asked = (await client.get("/api/v1/prompts/p-milk")).json()
        first = await client.post(APPROVE, json={"terms_hash": asked["terms_hash"]})
        again = await client.post(APPROVE, json={"terms_hash": asked["terms_hash"]})
    assert asked["terms"]["total_minor"] == house.home.all_prompts["p-milk"].offer.total_minor
    assert "delivery_ref" not in asked["terms"]
    assert (first.status_code, first.json()["outcome"]) == (200, "ordered")
    assert (again.status_code, again.json()["code"]) == (409, "refused")
    assert len([one for one in house.home.all_intents.values() if one.prompt == "p-milk"]) == 1


async def test_other_terms_buy_nothing(house: House) -> None:
    """Another hash is stale, however well it is formed."""
    async with program(house, give_token(house)) as client:
        answer = await client.post(APPROVE, json={"terms_hash": "0" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_terms")
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN


async def test_a_pin_is_asked_for_as_on_the_page(house: House) -> None:
    """Missing or wrong: nothing; too many wrong ones: not even checked; and no answer repeats what was sent."""
    house.give_pin("the-owner", "482913")
    terms = {"terms_hash": house.home.all_prompts["p-milk"].terms_hash}
    async with program(house, give_token(house)) as client:
        assert (await client.get("/api/v1/prompts/p-milk")).json()["leave"]["needs_pin"] is True
        missing = await client.post(APPROVE, json=terms)
        wrong = [await client.post(APPROVE, json={**terms, "pin": "111111"}) for _ in range(FAILURES_MAX)]
        locked = await client.post(APPROVE, json={**terms, "pin": "482913"})
    assert (missing.status_code, missing.json()["code"]) == (403, "pin_needed")
    assert {(one.status_code, one.json()["code"]) for one in wrong} == {(403, "pin_wrong")}
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_wrong_pins")
    assert "111111" not in wrong[0].text
    assert house.home.intent_of(house.home.all_prompts["p-milk"].id) is None


async def test_the_right_pin_orders(house: House) -> None:
    """Once it was checked."""
    house.give_pin("the-owner", "482913")
    async with program(house, give_token(house)) as client:
        terms = {"terms_hash": house.home.all_prompts["p-milk"].terms_hash}
        answer = await client.post(APPROVE, json={**terms, "pin": "482913"})
    assert answer.json()["outcome"] == "ordered"


async def test_a_token_that_ends_while_the_pin_is_checked_orders_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check takes a while; the token must hold after it, too."""
    house.give_pin("the-owner", "482913")
    verify = house.passwords.verify

    async def slowly(password_hash: str | None, password: str) -> bool:
        house.accounts.end_sessions("the-owner", keep=None)
        return await verify(password_hash, password)

    monkeypatch.setattr(house.passwords, "verify", slowly)
    terms = {"terms_hash": house.home.all_prompts["p-milk"].terms_hash, "pin": "482913"}
    async with program(house, give_token(house)) as client:
        answer = await client.post(APPROVE, json=terms)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_ended")
    assert house.home.intent_of(house.home.all_prompts["p-milk"].id) is None


async def test_two_people_are_two_people(house: House) -> None:
    """One person's two tokens are one voice; the second person's makes the order."""
    house.policies.policy = Policy(two_people_above_minor=0)
    terms = {"terms_hash": house.home.all_prompts["p-milk"].terms_hash}
    said = []
    for role in (Role.OWNER, Role.OWNER, Role.MEMBER):
        async with program(house, give_token(house, role)) as client:
            said.append(await client.post(APPROVE, json=terms))
    assert said[0].json()["outcome"] == "waits_for_second"
    assert said[1].json().get("outcome") != "ordered"
    assert said[2].json()["outcome"] == "ordered"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 422, "wrong_body"),
        (b"[]", {}, 422, "wrong_body"),
        (b'{"hours": "6"}', {}, 422, "wrong_body"),
        (b'{"hours": 73}', {}, 422, "wrong_body"),
        (b'{"hours": 6, "by": "the-owner"}', {}, 422, "wrong_body"),
        (b'{"hours": 6, "hours": 7}', {}, 422, "wrong_body"),
        (b"[" * 16_000, {}, 422, "wrong_body"),
        (b"", {}, 422, "wrong_body"),
        (b"x" * 16_385, {}, 413, "too_large"),
        (b'{"hours": 6}', {"content-type": "text/plain"}, 415, "wrong_media"),
        (b"hours=6", {"content-type": "application/x-www-form-urlencoded"}, 415, "wrong_media"),
    ],
)
async def test_a_body_is_read_strictly(
    house: House, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """What is not exactly the model changes nothing, and is told as a problem that names the field."""
    async with program(house, give_token(house)) as client:
        answer = await client.post(
            "/api/v1/prompts/p-milk/snooze", content=content, headers={"content-type": "application/json", **headers}
        )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert bool(answer.json()["fields"]) is (status == 422)
    assert house.calls == []
