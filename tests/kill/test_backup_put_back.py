"""A backup of a running hub, an order after it, the hub lost, the backup put back: the order is not placed again.

Hub, bridge and merchant are the real ones, each a process; the merchant's own database is the judge.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.adapters.backup.sealed_file import Cost
from edge_agent.commands import keeping
from edge_agent.config import load
from firmware_sim.page_client import PageError, _hidden_inputs
from tests.kill.conftest import HomeMaker
from tests.kill.home import HUB
from tests.kill.oracle import order_faults

pytestmark = [pytest.mark.merchant, pytest.mark.demo]

PASSPHRASE = "a passphrase of the test"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
DONE, ANSWERED_ALREADY = 303, 409


async def test_an_order_that_is_younger_than_the_backup_is_not_placed_again(
    make_home: HomeMaker, tmp_path: Path
) -> None:
    """The question is open in the backup. The restored hub hears from the bridge that it was answered, and sends none.

    The person signs in anew, presses the same button once more, and is told that it is answered already.
    """
    async with make_home() as home:
        config, file = load(home._config(HUB)), tmp_path / "sealed"
        form = await home.form()
        await asyncio.to_thread(lambda: keeping.back_up(config, file, passphrase=PASSPHRASE, cost=CHEAP))
        assert await home.approve(form) == DONE
        assert await home.placed()

        home.kill(HUB)
        shutil.rmtree(tmp_path / "data")
        keeping.put_back(config, file, passphrase=PASSPHRASE)
        home.to_bridge.requests.clear()
        home.to_bridge.passed.clear()
        await home.start(HUB)
        assert await home.placed()
        with pytest.raises(PageError, match="signed out"):  # sessions end with a restore
            await home.approve(form)
        fresh = _hidden_inputs(await home.page._read("/account"))["csrf"]
        assert await home.approve(replace(form, csrf=fresh)) == ANSWERED_ALREADY

        first, *_ = [line for line in home.to_bridge.requests if "/v1/" in line]
        assert first.startswith("GET /v1/head")
        assert not [line for line in home.to_bridge.requests if line.startswith("POST /v1/intents")]
        books = await home.books()
    assert order_faults(books) == []
    assert len(books.merchant) == 1
