"""Data and report: everything in numbers, a copy for the owner, and readings deleted on the owner's own password."""

from __future__ import annotations

from datetime import date

import httpx
import pytest

from edge_agent.core.catalogue import Preferences
from edge_agent.core.holdings import Beside, ForgettingNow
from edge_agent.core.people import Role
from edge_agent.core.report import HomeReport, MonthRow
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from tests.edge_agent.web.house import PASSWORD, House, field, sign_in


async def forget(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """Send one of the two forms."""
    csrf = field((await client.get("/data")).text, "csrf")
    return await client.post("/data/forget", data={"csrf": csrf, "own_password": PASSWORD, **fields})


async def test_what_is_held_and_what_left_stand_there_in_numbers(owner: httpx.AsyncClient) -> None:
    """In words, with what has none summed up."""
    page = (await owner.get("/data")).text
    for words in ("412,806", "since Wed 3 Sep 2025", "Inner bookkeeping", "38,212 bytes", "5,820", "Never deleted"):
        assert words in page


async def test_the_export_is_a_file(owner: httpx.AsyncClient) -> None:
    """It is kept by nobody on the way."""
    answer = await owner.get("/data/export.jsonl")
    assert answer.headers["content-disposition"] == 'attachment; filename="restock-export.jsonl"'
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.text.splitlines()) == 2


@pytest.mark.parametrize(
    ("fields", "told", "rows"),
    [
        ({"which": "before", "before": "2026-01-01"}, ("forget_before", date(2026, 1, 1), "the-owner"), 123),
        ({"which": "device", "device": "washer"}, ("forget_device", "washer", "the-owner"), 1),
    ],
)
async def test_readings_go_and_the_page_says_how_many(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], told: tuple[object, ...], rows: int
) -> None:
    """Of a device, or from before a day."""
    answer = await forget(owner, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/data?gone={rows}")
    assert house.forgetting.calls == [told]
    assert "deleted." in (await owner.get(answer.headers["location"])).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"which": "before", "before": "soon"}, "A day, such as 2026-12-31."),
        ({"which": "before", "before": "2030-01-01"}, "A day until today."),
        ({"which": "device", "device": "nobody"}, "One of the list."),
        ({"which": "before", "before": "2026-01-01", "own_password": "guess"}, "before-own_password-error"),
    ],
)
async def test_nothing_goes_on_a_wrong_entry(
    owner: httpx.AsyncClient, house: House, fields: dict[str, str], words: str
) -> None:
    """It is named beside its field, and the day that was typed stays."""
    answer = await forget(owner, **fields)
    assert (answer.status_code, house.forgetting.calls) == (422, [])
    assert words in answer.text
    assert fields.get("before", "") in answer.text


async def test_members_see_numbers_and_no_button(house: House) -> None:
    """The copy and the deletion are the owner's."""
    async with house.client() as client:
        await sign_in(client, role=Role.MEMBER)
        page = (await client.get("/data")).text
    assert "/data/export.jsonl" not in page
    assert "/data/forget" not in page


async def test_the_report_tells_months_spoiled_and_shadows(owner: httpx.AsyncClient) -> None:
    """An item that is gone keeps its name."""
    page = (await owner.get("/report")).text
    for words in ("February 2026", "$84.12", "6 orders", "1.55 kg", "gone", "2 days", "No carbon figure is shown"):
        assert words in page


async def test_an_empty_report_claims_nothing(owner: httpx.AsyncClient, house: House) -> None:
    """No figure where nothing happened."""
    house.reporting.found = HomeReport()
    page = (await owner.get("/report")).text
    assert "No order was placed yet." in page
    assert "data-month" not in page


async def test_a_long_deletion_is_shown_and_looked_at_again(owner: httpx.AsyncClient, house: House) -> None:
    """Progress in rows, no second form, and the browser comes back by itself; then it is over."""
    house.forgetting.under_way = ForgettingNow(before=None, device="washer", gone=10_000, left=390_000)
    answer = await forget(owner, which="device", device="washer")
    assert answer.headers["location"] == "/data"
    page = await owner.get("/data")
    for words in ("Readings are being deleted.", "Rows deleted so far: 10,000. Still there: 390,000.", "washer"):
        assert words in page.text
    assert page.headers["refresh"] == "5"
    assert "/data/forget" not in page.text
    house.forgetting.under_way = None
    assert "refresh" not in (await owner.get("/data")).headers


async def test_a_second_deletion_is_refused_in_words(owner: httpx.AsyncClient, house: House) -> None:
    """While one is under way."""
    house.forgetting.refusal = RefusedError(say("readings are being deleted already: wait until that is done"))
    answer = await forget(owner, which="device", device="washer")
    assert answer.status_code == 422
    assert "readings are being deleted already: wait until that is done. Nothing was changed." in answer.text


async def test_what_holds_readings_beside_the_store_is_told(owner: httpx.AsyncClient, house: House) -> None:
    """Copies that go too, and what stays because it is the operator's."""
    house.holdings.found_beside = Beside(("hub.sqlite3.schema-5",), 3_145_728, ("hub.sqlite3.damaged-1",))
    page = (await owner.get("/data")).text
    assert "An upgrade left 1 copy of the store beside it (3.0 MiB)." in page
    assert "hub.sqlite3.damaged-1" in page
    assert "hub.sqlite3.schema-5" not in page


async def test_carbon_is_shown_only_with_a_source(owner: httpx.AsyncClient, house: House) -> None:
    """Deliveries fewer, times the figure that the household named, beside who says so."""
    assert 'data-carbon="none"' in (await owner.get("/report")).text
    house.settings.stands = Preferences(delivery_co2e_g=250, delivery_co2e_source="Carrier's report 2025")
    month = MonthRow(date(2026, 2, 1), "USD", orders=7, spent_minor=1, agreed_only=0, joined=6, saved_deliveries=4)
    house.reporting.found = HomeReport(months=(month,))
    page = (await owner.get("/report")).text
    assert "Estimate: 4 deliveries less, at 250 g of CO₂e each, is 1.0 kg of CO₂e." in page
    assert "Carrier&#39;s report 2025" in page
