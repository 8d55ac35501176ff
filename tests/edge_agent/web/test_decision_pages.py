"""Pages of decisions: the question to the home, what shadow would have done, advice, and the decision as a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import httpx
import pytest

from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.messages import Reason
from edge_agent.core.people import Role
from tests.edge_agent.web.house import House, field, sign_in

AWAY = Reason("seems_away", "Hardly anything has been used since Tue 3 Mar. Are you away?")


async def test_the_question_to_the_home_is_asked_and_answered(house: House, owner: httpx.AsyncClient) -> None:
    """It stands where the household looks first, and a day or a word ends it."""
    assert "Are you away?" not in (await owner.get("/")).text
    house.decisions.asked = AWAY
    page = (await owner.get("/")).text
    assert AWAY.text in page
    assert "Nothing. You will be asked" not in page
    csrf = field(page, "csrf")
    for data in ({"said": "away", "last": "2026-03-20"}, {"said": "as_usual"}):
        answer = await owner.post("/presence", data={"csrf": csrf, **data})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert house.decisions.calls == [("tell", "away", date(2026, 3, 20)), ("tell", "as_usual", None)]


@pytest.mark.parametrize(
    "data", [{"said": "away"}, {"said": "away", "last": "soon"}, {"said": "abroad", "last": "2026-03-20"}, {}]
)
async def test_an_answer_that_says_nothing_is_refused(
    house: House, owner: httpx.AsyncClient, data: dict[str, str]
) -> None:
    """No day, no such answer: nothing is noted."""
    csrf = field((await owner.get("/account")).text, "csrf")
    assert (await owner.post("/presence", data={"csrf": csrf, **data})).status_code == 400
    assert house.decisions.calls == []


async def test_a_guest_sees_the_question_and_cannot_answer(house: House) -> None:
    """Who is at home is for those who run it to say."""
    house.decisions.asked = AWAY
    async with house.client() as client:
        await sign_in(client, role=Role.GUEST)
        page = (await client.get("/")).text
        assert AWAY.text in page
        assert "/presence" not in page


async def test_the_decision_comes_as_a_file(owner: httpx.AsyncClient) -> None:
    """By a link on the item's and on the question's page; what is not kept is not there."""
    for page in ("/items/milk", "/prompts/p-milk"):
        link = f"{page}/decision.json"
        assert f'href="{link}"' in (await owner.get(page)).text
        file = await owner.get(link)
        assert (file.status_code, file.headers["content-type"]) == (200, "application/json")
        assert "attachment" in file.headers["content-disposition"]
    assert (await owner.get("/items/nothing/decision.json")).status_code == 404


async def test_shadow_shows_what_it_would_have_done(house: House, owner: httpx.AsyncClient) -> None:
    """Orders, packs, money, days avoided and doubles; or that it did nothing yet."""
    known = house.home.known["milk"]
    item = known.item.model_copy(update={"mode": "shadow"})
    house.home.known["milk"] = replace(known, item=item)
    assert "it was never due while in shadow" in (await owner.get("/items/milk")).text
    house.decisions.reported = ShadowReport(date(2026, 2, 1), 3, 12, 1_548, "USD", avoided_days=2, doubles=1)
    page = (await owner.get("/items/milk")).text
    for word in ("3 orders", "12 packs", "$15.48", "2 days", "1 order"):
        assert word in page


async def test_advice_stands_beside_the_reasons(house: House, owner: httpx.AsyncClient) -> None:
    """As words, escaped like everything from outside."""
    house.decisions.advised = (Reason("frost", "Is <it> safe against frost?"),)
    assert "Is &lt;it&gt; safe against frost?" in (await owner.get("/items/milk")).text
