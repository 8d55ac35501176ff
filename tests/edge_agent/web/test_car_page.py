"""The page for a car's screen: it answers where the car stands or a passenger is, and the check is at the answer."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from edge_agent.core.messages import DeviceId
from edge_agent.core.people import Role
from edge_agent.core.prompt import PromptState
from edge_agent.web.passengers import PASSENGER_FOR
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.fake_road import CAR
from tests.edge_agent.web.house import House, field, sign_in

ANSWERS = ("approve", "later", "bring")


async def press(client: httpx.AsyncClient, path: str, **more: str) -> httpx.Response:
    """One press, whether or not the page offers it."""
    page = (await client.get("/prompts/p-milk")).text
    return await client.post(f"/car/{path}", data={"csrf": field(page, "csrf"), **more})


async def answer(client: httpx.AsyncClient, house: House, what: str) -> httpx.Response:
    """An answer to the milk, with the terms that stand, whether or not the page offers it."""
    prompt = house.home.all_prompts["p-milk"]
    redirections = house.road.redirections(prompt.id)
    terms = redirections[0].terms_hash if what == "bring" and redirections else prompt.terms_hash
    return await press(client, f"{prompt.id}/{what}", terms_hash=terms)


def answers_of(house: House) -> list[tuple[object, ...]]:
    """What reached the rules behind the page."""
    return [call for call in house.calls if call[0] in {"approve", "snooze", "bring"}]


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.parametrize("stands", [None, False])
@pytest.mark.parametrize("has_chosen", [True, False])
async def test_nothing_is_answered_while_it_may_drive(
    owner: httpx.AsyncClient, house: House, what: str, *, stands: bool | None, has_chosen: bool
) -> None:
    """Moving, unknown, or no car chosen: no button, and an answer that comes all the same changes nothing."""
    house.road.goes_to = "Work"
    if has_chosen:
        await press(owner, "this", car=CAR)
    house.road.standing[CAR] = stands if has_chosen else True
    page = (await owner.get("/car")).text
    assert 'data-may="no"' in page
    assert "p-milk/" not in page
    refused = await answer(owner, house, what)
    assert refused.status_code == 403
    assert "Not while driving." in refused.text
    assert answers_of(house) == []


async def test_it_answers_where_the_car_stands(owner: httpx.AsyncClient, house: House) -> None:
    """Yes takes the way of the question's own page; then the next question is shown."""
    await press(owner, "this", car=CAR)
    house.road.standing[CAR] = True
    assert 'data-may="yes"' in (await owner.get("/car")).text
    done = await answer(owner, house, "approve")
    assert (done.status_code, done.headers["location"]) == (303, "/car?done=yes")
    assert answers_of(house) == [("approve", "p-milk", "the-owner")]
    assert "Done." in (await owner.get("/car?done=yes")).text


async def test_a_page_from_when_it_stood_answers_nothing_once_it_drives(owner: httpx.AsyncClient, house: House) -> None:
    """What the page offered a moment ago counts for nothing."""
    await press(owner, "this", car=CAR)
    house.road.standing[CAR] = True
    token = field((await owner.get("/car")).text, "csrf")
    house.road.standing[CAR] = False
    prompt = house.home.all_prompts["p-milk"]
    late = await owner.post("/car/p-milk/approve", data={"csrf": token, "terms_hash": prompt.terms_hash})
    assert late.status_code == 403
    assert answers_of(house) == []


async def test_a_passenger_answers_for_five_minutes(owner: httpx.AsyncClient, house: House, clock: ManualClock) -> None:
    """In the session in which it was said, and in no other one."""
    house.road.standing[CAR] = False
    assert (await press(owner, "passenger")).status_code == 303
    async with house.client() as other:
        await sign_in(other)
        assert (await answer(other, house, "later")).status_code == 403
    clock.advance(seconds=PASSENGER_FOR.total_seconds() - 1)
    assert (await answer(owner, house, "later")).status_code == 303
    assert house.home.all_prompts["p-milk"].state is PromptState.SNOOZED
    clock.advance(seconds=1)
    assert (await press(owner, "p-detergent/later")).status_code == 403
    clock.advance(seconds=-timedelta(hours=1).total_seconds())
    assert (await press(owner, "p-detergent/later")).status_code == 403


async def test_another_car_is_no_word_of_this_one(owner: httpx.AsyncClient, house: House) -> None:
    """One that stands at home says nothing of the one that drives."""
    house.road.standing = {CAR: False, DeviceId("ovms.car"): True}
    await press(owner, "this", car=CAR)
    assert (await answer(owner, house, "approve")).status_code == 403
    assert (await press(owner, "this", car="nobody's")).status_code == 422
    await press(owner, "other")
    assert "Which car is this?" in (await owner.get("/car")).text


async def test_to_where_it_goes_in_two_presses(owner: httpx.AsyncClient, house: House) -> None:
    """The first one changes the terms, which the page then shows; the second one is the yes, to those and no others."""
    house.road.goes_to = "Work"
    await press(owner, "passenger")
    before = house.home.all_prompts["p-milk"].terms_hash
    assert (await answer(owner, house, "bring")).status_code == 303
    page = (await owner.get("/car")).text
    assert "<bdi>work</bdi>" in page
    stale = await press(owner, "p-milk/approve", terms_hash=before)
    assert stale.status_code == 409
    assert "Other terms now. Look again." in stale.text
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN
    assert (await answer(owner, house, "approve")).status_code == 303
    assert house.home.all_prompts["p-milk"].offer.delivery_ref == "work"


async def test_the_question_s_own_page_offers_it_too(owner: httpx.AsyncClient, house: House) -> None:
    """With when somebody is there, by when it comes and what it costs; what is gone since then changes nothing."""
    house.road.goes_to = "Work"
    page = (await owner.get("/prompts/p-milk")).text
    assert "Rather to <bdi>Work</bdi>" in page
    redirection = house.road.redirections(house.home.all_prompts["p-milk"].id)[0]
    form = {"csrf": field(page, "csrf"), "terms_hash": redirection.terms_hash}
    house.road.goes_to = None
    gone = await owner.post("/prompts/p-milk/bring", data=form)
    assert gone.status_code == 409
    assert "This is no longer offered." in gone.text
    house.road.goes_to = "Work"
    assert (await owner.post("/prompts/p-milk/bring", data=form)).status_code == 303
    assert house.home.all_prompts["p-milk"].terms_hash == redirection.terms_hash
    assert "Rather to" not in (await owner.get("/prompts/p-milk")).text


async def test_where_a_car_goes_is_for_who_runs_the_home(house: House) -> None:
    """A guest and a child are not told."""
    house.road.goes_to = "Work"
    for role in (Role.GUEST, Role.CHILD):
        async with house.client() as client:
            await sign_in(client, role=role)
            await press(client, "passenger")
            for path in ("/prompts/p-milk", "/car"):
                assert "Work" not in (await client.get(path)).text


async def test_who_has_a_pin_answers_on_the_own_page(owner: httpx.AsyncClient, house: House) -> None:
    """No PIN is typed in a car: the question is counted, not shown, and an approval without it is refused."""
    house.give_pin("the-owner", "123456")
    await press(owner, "passenger")
    assert "own page" in (await owner.get("/car")).text
    assert (await answer(owner, house, "approve")).status_code == 403
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN
