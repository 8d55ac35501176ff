"""A house with pages for each test, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import House, opened, sign_in


@pytest.fixture
def clock() -> ManualClock:
    """The house's time."""
    return ManualClock()


@pytest.fixture
def house(tmp_path: Path, clock: ManualClock) -> Iterator[House]:
    """A running site."""
    with opened(tmp_path, clock) as house:
        yield house


@pytest.fixture
async def anyone(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is not signed in."""
    async with house.client() as client:
        yield client


@pytest.fixture
async def owner(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is signed in as the owner."""
    async with house.client() as client:
        assert (await sign_in(client)).status_code == 303
        yield client
