"""Answers to restock cases: the hub's arithmetic, blind to the future, strict about its input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_agent.core.deciding.reorder import need_packs, price_d
from models.dataset import CATEGORIES, DAYS
from models.policy import Cases, decision_inputs, needs, read_cases

chances = arrays(np.float32, (3, 4, 6), elements=st.floats(0, 1, width=32) | st.just(np.nan))


@given(chances, st.floats(1e-5, 0.1), st.booleans())
def test_needs_are_the_hubs(table: np.ndarray, thrift: float, falls: bool) -> None:
    """Many at once or one by one, with garbage or without: the same positions."""
    table = -np.sort(-table, axis=2) if falls else table
    orders, rates = (1.0, 3.0, 12.0), (0.05, 0.4, 1e-3)
    prices = np.array([price_d(order_packs=n, rate_packs_per_day=r) for n, r in zip(orders, rates, strict=True)])
    found = needs(table, prices, thrift=thrift)
    for case, day in np.ndindex(3, 4):
        hub = need_packs(
            table[case, day].tolist(), order_packs=orders[case], rate_packs_per_day=rates[case], thrift=thrift
        )
        assert found[case, day] == hub


def test_an_answer_sees_no_later_day() -> None:
    """Whatever happens from a day on, the inputs of the decisions up to that day are the same."""
    rng = np.random.default_rng(4)
    finished = rng.poisson(0.2, (1, DAYS))
    other = finished.copy()
    other[0, 200:] = rng.poisson(2.0, DAYS - 200)
    days = np.arange(141, 365)
    first, last = (
        decision_inputs(Cases(one, np.array([9]), np.array([2]), np.array([1]), days, lead_d=2), 0)
        for one in (finished, other)
    )
    assert np.array_equal(first[days <= 200], last[days <= 200])
    assert not np.array_equal(first[days > 200], last[days > 200])


def _case_file(path: Path, **changed: object) -> Path:
    whole: dict[str, object] = {
        "counts": np.ones((2, DAYS), np.int16),
        "first": np.array([3, 5]),
        "q": np.array([1, 2]),
        "category": np.array([next(iter(CATEGORIES)), "NO SUCH THING"]),
        "days": np.arange(141, 365),
        "lead_days": np.array(2),
    }
    np.savez(path, **{name: value for name, value in (whole | changed).items() if value is not None})  # type: ignore[arg-type]
    return path


def test_cases_are_read_with_unknown_categories_as_unknown(tmp_path: Path) -> None:
    """A category the model never saw takes the slot for all others."""
    cases = read_cases(_case_file(tmp_path / "cases.npz"))
    assert cases.category.tolist() == [1, 0]
    assert (cases.lead_d, cases.finished.shape) == (2, (2, DAYS))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"q": None}, "q missing"),
        ({"counts": np.ones((2, 100), np.int16)}, "counts must be"),
        ({"counts": -np.ones((2, DAYS), np.int16)}, "negative"),
        ({"q": np.array([1, 0])}, "negative"),
        ({"first": np.array([3])}, "lead_days|one entry|counts must be"),
        ({"first": np.array([3, 300])}, "before the first decision"),
        ({"lead_days": np.array(40)}, "lead_days must be"),
        ({"days": np.arange(300, 400)}, "decision days"),
    ],
)
def test_wrong_cases_are_refused_by_name(changed: dict[str, object], said: str, tmp_path: Path) -> None:
    """What is wrong with a file is said, and nothing is answered."""
    with pytest.raises(ValueError, match=said):
        read_cases(_case_file(tmp_path / "cases.npz", **changed))
