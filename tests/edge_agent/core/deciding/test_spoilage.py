"""What spoils: counted as of use only as far as it is used in time, and never bought beyond that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.deciding.spoilage import USED_UP_SURELY, packs_used_in_time, usable
from edge_agent.core.messages import Batch
from tests.edge_agent.consumables import START

TODAY = START.date()


def steady(rate: float, spread: float = 0.0) -> object:
    """Demand that grows evenly, a little less at low probabilities."""
    return lambda days, probability: days * rate * (1 + spread * (probability - 0.5))


def batch(packs: float, days: int, *, opened: bool = False) -> Batch:
    """Packs of 1000 that are good until so many days from today."""
    return Batch(packs * 1000.0, TODAY + timedelta(days=days), opened)


@pytest.mark.parametrize(
    ("packs", "batches", "rate", "of_use", "spoiling"),
    [
        pytest.param(3.0, (), 0.5, 3.0, 0.0, id="nothing has a date"),
        pytest.param(3.0, (batch(3.0, 9),), 0.5, 3.0, 0.0, id="runs out before it spoils"),
        pytest.param(3.0, (batch(3.0, 1),), 0.5, 1.0, 2.0, id="spoils before it runs out"),
        pytest.param(3.0, (batch(1.0, 0), batch(2.0, 9)), 0.5, 2.5, 0.5, id="the older carton is not finished in time"),
        pytest.param(3.0, (batch(1.0, -2),), 0.5, 2.0, 1.0, id="what is over is of no use"),
        pytest.param(1.0, (batch(5.0, 0),), 0.5, 0.5, 0.5, id="no more can spoil than there is"),
    ],
)
def test_what_is_of_use(packs: float, batches: tuple[Batch, ...], rate: float, of_use: float, spoiling: float) -> None:
    """The earliest date is used first, and what is left at its end is thrown away."""
    found = usable(packs, batches, pack_amount=1000.0, demand=steady(rate), now=START)  # type: ignore[arg-type]
    assert (found.packs, found.spoiling_packs) == (pytest.approx(of_use), pytest.approx(spoiling))
    assert (found.spoils_on is not None) == (spoiling > 0)


@pytest.mark.parametrize(
    ("held", "rate", "packs"),
    [
        pytest.param(0.0, 1.0, 8.0 * (0.5 + USED_UP_SURELY), id="as many as are surely used"),
        pytest.param(5.0, 1.0, 8.0 * (0.5 + USED_UP_SURELY) - 5.0, id="what is there is used first"),
        pytest.param(8.0, 1.0, 0.0, id="none"),
        pytest.param(0.0, 0.06, 0.48, id="less than one"),
    ],
)
def test_how_many_are_used_in_time(held: float, rate: float, packs: float) -> None:
    """Until the new packs spoil, on top of what is there."""
    demand = steady(rate, spread=1.0)
    found = packs_used_in_time(held, keeps_d=6.0, arrives_in_d=2.0, demand=demand)  # type: ignore[arg-type]
    assert found == pytest.approx(packs)


@given(
    packs=st.floats(0, 20),
    amounts=st.lists(st.tuples(st.floats(0, 10), st.integers(-3, 30)), max_size=6),
    rate=st.floats(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_or_made(packs: float, amounts: list[tuple[float, int]], rate: float) -> None:
    """What is of use and what spoils are never negative, and together what there is."""
    batches = [batch(amount, days) for amount, days in sorted(amounts, key=lambda one: one[1])]
    found = usable(packs, batches, pack_amount=1000.0, demand=steady(rate), now=START)  # type: ignore[arg-type]
    assert found.packs >= 0
    assert found.spoiling_packs >= -1e-9
    assert found.packs + found.spoiling_packs == pytest.approx(packs)
