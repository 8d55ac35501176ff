"""A short tier of the campaign of copied cards."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign import clones

_PAIRS_MAX = 6


def test_a_copied_card_orders_nothing_twice(tmp_path: Path) -> None:
    """Two cards of hundreds, one of which boots with a wrong clock: no harm, and the fork is found.

    Ids of prompts and orders are random, so that one pair in twelve lives apart without meeting: then comes the next.
    """
    met = Counter[str]()
    for seed in range(1, _PAIRS_MAX + 1):
        ran = clones.run(2, seed=seed, folder=tmp_path / str(seed))
        assert ran.faults == ()
        met.update(ran.covered)
        if met["frozen"] and met["held_back"]:
            break
    assert met["frozen"] > 0
    assert met["held_back"] > 0


def test_a_home_without_need_holds_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong clock counts only where an order waits for it to be set right."""
    monkeypatch.setattr(clones, "COURSE", replace(clones.COURSE, use_packs=(0.0, 0.0)))
    ran = clones.run(2, seed=1, folder=tmp_path)
    assert ran.faults == ()
    assert "held_back" in ran.missed
    assert not ran.holds


def test_only_a_hub_that_is_up_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping one that was never started, or twice, counts for nothing."""
    monkeypatch.setattr(clones, "_RESTART", 1.0)
    monkeypatch.setattr(clones, "_TOGETHER_TURNS", 1)
    assert "restarted" in clones.run(1, seed=1, folder=tmp_path).missed
