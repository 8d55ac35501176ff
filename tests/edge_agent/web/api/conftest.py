"""The house of the pages, seen by programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import House, opened


@pytest.fixture
def clock() -> ManualClock:
    """The house's time."""
    return ManualClock()


@pytest.fixture
def house(tmp_path: Path, clock: ManualClock) -> Iterator[House]:
    """A running site."""
    with opened(tmp_path, clock) as house:
        yield house
