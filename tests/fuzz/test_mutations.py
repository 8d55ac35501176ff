"""Two hundred thousand payloads that no device should send: none raises, is slow, or is let out wrong."""

from __future__ import annotations

import pytest

from tests.edge_agent.shipped import shipped_registry
from tests.fuzz.mutator import torment

_SHARDS, _EACH = 20, 10_000
PROFILES = shipped_registry().profiles()


@pytest.mark.parametrize("seed", range(_SHARDS))
def test_mutated_samples(seed: int) -> None:
    """Ten thousand from one seed, over the samples of every profile; `make fuzz` tries a hundred times as many."""
    tally = torment(PROFILES, count=_EACH, seed=seed)
    assert tally.payloads == _EACH
    assert tally.wrong == []
    assert tally.slow == 0, f"the slowest took {tally.slowest_s:.3f} s"
    assert tally.understood > _EACH // 50, "nearly nothing was understood, so nearly nothing was tried"
    assert tally.values > 0
