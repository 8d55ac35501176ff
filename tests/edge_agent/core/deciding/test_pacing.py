"""A device that floods is slowed down alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.deciding.pacing import Pace, Paces, device_part

_T = Pace.TAKEN
_DAY_MS = 86_400_000


def test_a_flood_empties_only_its_own_bucket() -> None:
    """The neighbour's message is taken between two that are too many; only the first of those is told."""
    paces = Paces(per_min=60, burst_max=3)
    assert [paces.take("loud", at_ms=0) for _ in range(6)] == [
        _T, _T, _T, Pace.FIRST_TOO_MANY, Pace.TOO_MANY, Pace.TOO_MANY,
    ]  # fmt: skip
    assert paces.take("quiet", at_ms=0) is _T


def test_it_fills_by_time_and_no_further_than_full() -> None:
    """One a second here; after a long silence the burst and no more. A new flood is told anew."""
    paces = Paces(per_min=60, burst_max=2)
    assert [paces.take("a", at_ms=0) for _ in range(3)] == [_T, _T, Pace.FIRST_TOO_MANY]
    assert [paces.take("a", at_ms=1_000) for _ in range(2)] == [_T, Pace.FIRST_TOO_MANY]
    assert [paces.take("a", at_ms=30 * _DAY_MS) for _ in range(3)] == [_T, _T, Pace.FIRST_TOO_MANY]


def test_the_devices_heard_last_are_remembered() -> None:
    """Invented names cannot fill the memory; one that is forgotten begins with a full bucket."""
    paces = Paces(per_min=60, burst_max=1, devices_max=2)
    for device in ("a", "b", "a", "c"):
        paces.take(device, at_ms=0)
    assert paces.take("a", at_ms=0) is not _T
    assert paces.take("b", at_ms=0) is _T


def test_topics_below_one_device_share_its_bucket() -> None:
    """Whatever a device invents below its own topics; its neighbour's are others."""
    own = [device_part(f"restock/v1/home/fridge/{kind}") for kind in ("birth", "reading", "x/y/z")]
    assert set(own) == {"restock/v1/home/fridge"}
    assert device_part("restock/v1/home/washer/reading") not in own
    assert device_part("zigbee2mqtt/soil") == "zigbee2mqtt/soil"


@given(st.lists(st.integers(0, 100_000), max_size=200), st.integers(1, 20), st.integers(1, 600))
def test_never_more_than_the_burst_and_what_time_gave(gaps_ms: list[int], burst_max: int, per_min: int) -> None:
    """The bound holds for every arrival."""
    paces, at_ms, taken = Paces(per_min=per_min, burst_max=burst_max), 0, 0
    for gap_ms in gaps_ms:
        at_ms += gap_ms
        taken += paces.take("a", at_ms=at_ms) is _T
        assert taken <= burst_max + at_ms / (60_000 // per_min) + 1
