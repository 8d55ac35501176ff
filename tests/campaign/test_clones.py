"""A short tier of the campaign of copied cards."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import clones


def test_a_copied_card_orders_nothing_twice(tmp_path: Path) -> None:
    """Two cards of hundreds, one of which boots with a wrong clock: no harm, and the fork is found."""
    ran = clones.run(2, seed=1, folder=tmp_path)
    assert ran.faults == ()
    assert ran.covered["frozen"] > 0
    assert ran.covered["held_back"] > 0
