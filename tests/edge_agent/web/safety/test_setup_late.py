"""A form of the first run that comes once more, or later than it should."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from edge_agent.adapters.setup_files import DRAFT_FILE, is_due
from tests.edge_agent.web.test_setup_pages import BROKER, CODE, OWNER, Hub, Visitor


async def _finished(anna: Visitor) -> httpx.Response:
    await anna.give(CODE)
    await anna.send("/setup/owner", OWNER)
    await anna.send("/setup/broker", BROKER)
    return await anna.send("/setup/finish", {"currency": "EUR"})


async def test_after_the_end_no_form_brings_the_draft_back(tmp_path: Path) -> None:
    """The server stops a moment later: until then nothing may write the owner or the broker anew."""
    hub = Hub(tmp_path / "data")
    async with hub.visitor() as anna:
        assert (await _finished(anna)).status_code == 200
        again = OWNER | {"name": "mallory"}
        await anna.send("/setup/owner", again)
        await anna.send("/setup/broker", BROKER)
    assert not (tmp_path / "data" / DRAFT_FILE).exists()


async def test_the_last_button_twice_is_one_home_and_no_alarm(tmp_path: Path) -> None:
    """Whoever presses it twice is told what the first press has done, and not that somebody else was faster."""
    hub = Hub(tmp_path / "data")
    async with hub.visitor() as anna:
        first = await _finished(anna)
        second = await anna.send("/setup/finish", {"currency": "EUR"})
    assert first.status_code == 200
    assert not is_due(tmp_path / "data"), "the next start would put the first household in the place of today's"
    assert "set up by command" not in second.text
    assert second.status_code == 200


@pytest.mark.parametrize("take", ["9" * 5_000, "١", "-1", "0x1"])  # noqa: RUF001
async def test_no_number_of_a_broker_is_a_fault(tmp_path: Path, take: str) -> None:
    """What is no number of the list fills nothing in."""
    hub = Hub(tmp_path / "data")
    async with hub.visitor() as anna:
        await anna.give(CODE)
        await anna.send("/setup/owner", OWNER)
        assert (await anna.get(f"/setup/broker?take={take}")).status_code == 200
