"""Health and figures: what they say, and that nobody reads them without a token but this machine, switched on."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config import WebConfig
from tests.edge_agent.clock import ManualClock
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
