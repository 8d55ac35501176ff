"""Household: what is typed is kept or refused beside its field, and only what differs is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import httpx
import pytest

from edge_agent.core.catalogue import DateRange, Preferences, QuietHours
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Role
from edge_agent.errors import BridgeUnreachableError, RefusedError, StoreFailedError
from tests.edge_agent.web.house import House, field, sign_in

SAME = {"prompt_gap_h": "12", "stock": "balanced", "budget_period": "MONTHLY", "notice_changes": "yes"}


async def save(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send the form as the page has it, with other entries."""
    page = (await client.get("/household")).text
    return await client.post(
        "/household", data={"csrf": field(page, "csrf"), "seen": field(page, "seen"), **SAME, **fields}
    )


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"prompt_gap_h": "6"}, {"prompt_gap_h": 6}, id="a number"),
        pytest.param(
            {"quiet_start": "22:00", "quiet_end": "07:00:00"},
            {"quiet_hours": {"start": "22:00", "end": "07:00"}},
            id="quiet hours",
        ),
        pytest.param({"budget": "120,50"}, {"budget_minor": 12_050}, id="a budget"),
        pytest.param({"notice_changes": ""}, {"notice_changes": False}, id="a switch off"),
        pytest.param(
            {"stock": "hold_little", "personal_advice": "yes"},
            {"stock": "hold_little", "personal_advice": True},
            id="two",
        ),
        pytest.param(
            {"delivery_co2e_g": "250", "delivery_co2e_source": "Carrier's report 2025"},
            {"delivery_co2e_g": 250, "delivery_co2e_source": "Carrier's report 2025"},
            id="carbon with its source",
        ),
    ],
)
async def test_only_what_differs_is_written(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], changes: dict[str, object] | None
) -> None:
    """Then the page is shown as it stands; nothing to write writes nothing."""
    answer = await save(owner, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/household")
    assert house.settings.calls == [("settings", changes or {}, "the-owner")]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"quiet_start": "25:00", "quiet_end": "07:00"}, "A time from 00:00 to 23:59", id="no time"),
        pytest.param({"quiet_start": "22:00"}, "Name both times, or neither.", id="one time"),
        pytest.param({"quiet_start": "22:00", "quiet_end": "22:00"}, "Another time than the first", id="no time left"),
        pytest.param({"prompt_gap_h": "169"}, "A whole number from 0 to 168.", id="too long a gap"),
        pytest.param({"stock": "much"}, "One of the list.", id="no such setting"),
        pytest.param({"budget": "about 100"}, "An amount in USD, such as 12.50.", id="no amount"),
        pytest.param({"delivery_co2e_g": "250"}, "Give the figure and who says so", id="carbon without a source"),
        pytest.param({"delivery_co2e_source": "me"}, "Give the figure and who says so", id="a source of nothing"),
        pytest.param({"budget": "0"}, "An amount in USD, such as 12.50.", id="no budget at all"),
    ],
)
async def test_a_wrong_entry_is_named_and_what_was_typed_stays(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], words: str
) -> None:
    """Nothing is written, and no other entry is lost."""
    answer = await save(owner, **{"budget": "77.70", **fields})
    assert (answer.status_code, house.settings.calls) == (422, [])
    assert words in answer.text
    assert f'value="{fields.get("budget", "77.70")}"' in answer.text


async def test_an_edit_of_the_file_meanwhile_is_shown_before_it_is_overwritten(
    owner: httpx.AsyncClient, house: House
) -> None:
    """What the file says now stands beside what was typed; saving once more takes it."""
    page = (await owner.get("/household")).text
    house.settings.stands = Preferences(quiet_hours=QuietHours(start="21:00", end="06:00"))
    data = {
        "csrf": field(page, "csrf"),
        "seen": field(page, "seen"),
        **SAME,
        "quiet_start": "22:00",
        "quiet_end": "06:00",
    }
    answer = await owner.post("/household", data=data)
    assert (answer.status_code, house.settings.calls) == (422, [])
    assert "was edited while you looked at this page" in answer.text
    assert 'data-file-says="quiet_start">The file says now: <strong>21:00</strong>' in answer.text
    assert 'value="22:00"' in answer.text
    assert (await owner.post("/household", data={**data, "seen": field(answer.text, "seen")})).status_code == 303


async def test_a_refusal_of_the_file_keeps_what_was_typed(owner: httpx.AsyncClient, house: House) -> None:
    """Its reason stands on the page."""
    house.settings.refusal = RefusedError("somebody else is writing the household's file")
    answer = await save(owner, prompt_gap_h="6")
    assert answer.status_code == 422
    assert "The hub says: somebody else is writing the household&#39;s file. Nothing was changed." in answer.text
    assert 'value="6"' in answer.text


async def days(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send the form of days."""
    csrf = field((await client.get("/household")).text, "csrf")
    return await client.post("/household/days", data={"csrf": csrf, "act": "add", "kind": "away", **fields})


async def test_who_may_do_what_stands_there(owner: httpx.AsyncClient, house: House) -> None:
    """People with their roles, what each role may approve, and the ways to where that is changed."""
    house.policies.policy = Policy(limit_minor={**Policy().limit_minor, Role.MEMBER: 5_000, Role.GUEST: 0})
    page = (await owner.get("/household")).text
    for words in ("the-member", "Members may approve up to", "$50.00", 'href="/people"', 'href="/mandates"'):
        assert words in page


async def stop(client: httpx.AsyncClient) -> httpx.Response:
    """Press the button that stops all orders."""
    csrf = field((await client.get("/household")).text, "csrf")
    return await client.post("/household/stop", data={"csrf": csrf})


async def test_a_member_stops_all_orders_at_once(house: House) -> None:
    """Every mandate that is in force is paused, every order that is not placed is taken back, and the page says so."""
    fluid = house.home.all_intents["i-p-fluid"]
    house.home.all_intents["i-p-fluid"] = replace(fluid, state=IntentState.HELD)
    async with house.client() as client:
        await sign_in(client, role=Role.MEMBER)
        answer = await stop(client)
    assert answer.status_code == 200
    assert ("cancel", "i-p-fluid", "the-member") in house.answers.calls
    assert not [view for view in house.mandates.all() if view.record.state is MandateState.ACTIVE]
    assert "1 order is taken back." in answer.text


@pytest.mark.parametrize("trouble", ["too late", "no answer", "a failing disk"])
async def test_an_order_that_may_still_come_is_told(owner: httpx.AsyncClient, house: House, trouble: str) -> None:
    """Nobody is left to believe that all is stopped when an order may be under way."""
    fluid = house.home.all_intents["i-p-fluid"]
    house.home.all_intents["i-p-fluid"] = replace(fluid, state=IntentState.HELD)
    if trouble == "too late":
        house.answers.too_late = IntentState.PLACED
    elif trouble == "no answer":
        house.answers.refusal = BridgeUnreachableError("away")
    else:
        house.answers.refusal = StoreFailedError("full")
    assert "1 order is not confirmed as cancelled" in (await stop(owner)).text


@pytest.mark.parametrize("act", ["add", "remove"])
async def test_members_note_days_and_take_them_away(house: House, act: str) -> None:
    """Both are told with their days."""
    async with house.client() as client:
        await sign_in(client, role=Role.MEMBER)
        answer = await days(client, act=act, kind="guests", first="2026-03-10", last="2026-03-12")
    assert answer.status_code == 303
    told = DateRange(first=date(2026, 3, 10), last=date(2026, 3, 12))
    assert house.settings.calls == [(f"{act}_days", "guests", told, "the-member")]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"first": "2026-03-12", "last": "2026-03-10"}, "The last day is before the first."),
        ({"first": "2026-03-12", "last": ""}, "A day, such as 2026-12-31."),
        ({"first": "2026-03-12", "last": "2027-12-31"}, "No more than 366 days at once."),
    ],
)
async def test_days_that_cannot_be_are_named(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], words: str
) -> None:
    """Beside the field, with what was typed."""
    answer = await days(owner, **fields)
    assert (answer.status_code, house.settings.calls) == (422, [])
    assert words in answer.text
    assert 'value="2026-03-12"' in answer.text


@pytest.mark.parametrize(
    ("item", "mode", "status"),
    [("milk", "auto", 303), ("coffee", "auto", 422), ("coffee", "shadow", 303), ("milk", "x", 422)],
)
async def test_an_item_orders_by_itself_only_where_a_mandate_fits(
    owner: httpx.AsyncClient, house: House, item: str, mode: str, status: int
) -> None:
    """Without one the page says so and links to where one is made."""
    csrf = field((await owner.get(f"/items/{item}")).text, "csrf")
    answer = await owner.post(f"/items/{item}/mode", data={"csrf": csrf, "mode": mode})
    assert answer.status_code == status
    assert house.settings.calls == ([("mode", item, mode, "the-owner")] if status == 303 else [])
    if (item, status) == ("coffee", 422):
        assert "No mandate that stands fits this item" in answer.text
        assert 'href="/new-mandate/coffee"' in answer.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"what": "taken_in", "packs": "1"}, ("taken_in", 1.0)),
        ({"what": "taken_out", "packs": "1"}, ("taken_out", 1.0)),
        ({"what": "counted", "packs": "1.5"}, ("counted", 1.5)),
    ],
)
async def test_a_pack_or_a_count_is_one_button(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], told: tuple[str, float]
) -> None:
    """Every such button stands on the page with all that it sends."""
    page = (await owner.get("/items/milk")).text
    assert f'value="{fields["what"]}"' in page
    assert f'value="{fields["packs"]}"' in page
    answer = await owner.post("/items/milk/stock", data={"csrf": field(page, "csrf"), **fields})
    assert (answer.status_code, house.stock.calls) == (303, [("stock", "milk", *told, "the-owner")])
