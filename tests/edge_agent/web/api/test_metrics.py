"""Health and figures: what they say, and that nobody reads them without a token but this machine, switched on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.intent import IntentState
from edge_agent.core.overview import RoomLeft
from edge_agent.web.factory import create_app
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW, intent
from tests.edge_agent.web.api.programs import give_token, program
from tests.edge_agent.web.house import House, opened


async def test_health_says_what_is_wrong(house: House) -> None:
    """A file that needs mending is trouble."""
    async with program(house, give_token(house)) as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        house.home.wrong_file = "line 3"
        told = (await client.get("/health")).json()
    assert (told["status"], told["problems"]) == ("trouble", [{"code": "household_file", "text": "line 3"}])


async def test_figures_are_in_the_text_format(house: House) -> None:
    """Read back by the library's own parser."""
    parser = pytest.importorskip("prometheus_client.parser")
    async with program(house, give_token(house)) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in parser.text_string_to_metric_families(answer.text)}
    assert families["restock_sends_allowed"].samples[0].value == 1
    assert {sample.labels["item"] for sample in families["restock_item_days_left"].samples} >= {"milk"}


async def test_an_order_in_doubt_is_counted_however_many_came_after_it(house: House) -> None:
    """An alert must not end because the home went on buying."""
    parser = pytest.importorskip("prometheus_client.parser")
    parked = replace(intent("i-parked", state=IntentState.PARKED), created_at=NOW - timedelta(days=90))
    done = [replace(intent(f"i-{n}", state=IntentState.DELIVERED), created_at=NOW) for n in range(300)]
    house.home.all_intents = {str(one.id): one for one in (parked, *done)}
    async with program(house, give_token(house)) as client:
        text = (await client.get("/metrics")).text
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    states = {sample.labels["state"]: sample.value for sample in families["restock_orders"].samples}
    assert (states["parked"], states["unknown"]) == (1, 0)


@pytest.mark.parametrize("hears", [True, False])
async def test_broker_room_and_prices_are_told(house: House, *, hears: bool) -> None:
    """What an alert asks for; where it is not known nothing is told, and never 0."""
    parser = pytest.importorskip("prometheus_client.parser")
    unknown = await _families(house, parser)
    assert unknown["restock_broker_connected"].samples == unknown["restock_room_bytes"].samples == []
    parts = replace(house.parts, hears_broker=lambda: hears, room=lambda: RoomLeft(5, 7))
    house = replace(house, parts=parts, app=create_app(parts, web=WebConfig(), home=HomeConfig()))
    told = await _families(house, parser)
    assert [sample.value for sample in told["restock_broker_connected"].samples] == [float(hears)]
    assert [sample.value for sample in told["restock_room_bytes"].samples] == [5, 7]
    [grocer] = told["restock_prices_fetched_timestamp_seconds"].samples
    assert grocer.labels == {"merchant": "grocer"}


async def _families(house: House, parser: Any) -> dict[str, Any]:  # noqa: ANN401  a module
    async with program(house, give_token(house)) as client:
        text = (await client.get("/metrics")).text
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


@pytest.mark.parametrize(
    ("is_on", "headers", "status"),
    [
        (True, {}, 200),
        (False, {}, 401),
        (True, {"x-forwarded-for": "192.0.2.7"}, 401),
        (True, {"forwarded": "for=192.0.2.7"}, 401),
        (True, {"host": "restock.home"}, 401),
        (True, {"authorization": "Bearer nothing"}, 401),
        (True, {"origin": "http://evil.example"}, 403),
    ],
)
async def test_this_machine_needs_no_token_only_where_switched_on(
    tmp_path: Path, clock: ManualClock, *, is_on: bool, headers: dict[str, str], status: int
) -> None:
    """What a proxy passes on is not this machine; and nothing else becomes open by it."""
    web = WebConfig(local_metrics=is_on, allowed_hosts=("127.0.0.1", "restock.home"))
    with opened(tmp_path, clock, web=web) as house:
        async with program(house, None) as client:
            assert (await client.get("/health", headers=headers)).status_code == status
            assert (await client.get("/api/v1/items", headers=headers)).status_code in {401, 403}
