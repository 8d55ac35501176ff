"""A signal that cannot tell an item's stock is refused, with the reason and what to do."""

from __future__ import annotations

import pytest

from edge_agent.core.binding_check import Declared, misfit
from edge_agent.core.catalogue import Binding
from tests.edge_agent.consumables import MILK


def bound(signal: str, **told: object) -> Binding:
    """A binding of the fridge."""
    return Binding(device="fridge", signal=signal, **told)  # type: ignore[arg-type]


FITS = [
    pytest.param(bound("milk.amount"), Declared("level", "down", "g"), id="a level in the item's unit"),
    pytest.param(bound("milk.remaining", full_amount=2000), Declared("level", "down", "%"), id="percent of something"),
    pytest.param(
        bound("cycle.count", kind="counter", amount_per_count=50), Declared("counter", "up", "{cycle}"), id="a counter"
    ),
    pytest.param(
        bound("pages.count_left", kind="counter", amount_per_count=0.1),
        Declared("level", "down", "{page}"),
        id="what is left in counts",
    ),
    pytest.param(
        bound("filter.time_used", kind="run_time", amount_per_hour=1), Declared("run_time", "up", "h"), id="hours"
    ),
    pytest.param(bound("salt.state", kind="flag", low_amount=100), Declared("flag", "none", ""), id="a flag"),
    pytest.param(bound("milk.amount"), None, id="a profile that is not loaded"),
    pytest.param(bound("shelf.amount"), None, id="a name that nobody knows"),
]
MISFITS = [
    pytest.param(bound("filter.used", full_amount=500), Declared("level", "up", "%"), "It rises", id="a rising level"),
    pytest.param(bound("filter.used", full_amount=500), None, "It rises", id="by its name, without the profile"),
    pytest.param(bound("weight"), Declared("level", "up", "g"), "It rises", id="a scale under the waste"),
    pytest.param(
        bound("filter.time_used", full_amount=500), Declared("run_time", "up", "h"), '"run_time"', id="hours as a level"
    ),
    pytest.param(bound("cycle.count"), Declared("counter", "up", "{cycle}"), '"counter"', id="a counter as a level"),
    pytest.param(bound("salt.state"), Declared("flag", "none", ""), '"flag"', id="a flag as a level"),
    pytest.param(bound("milk.capacity"), Declared("setting", "none", "g"), "no stock", id="a setting"),
    pytest.param(bound("distance"), Declared("level", "down", "cm"), "cannot become g", id="centimetres as grams"),
    pytest.param(bound("milk.amount"), Declared("level", "down", "kg"), "in kg", id="another unit of the same"),
    pytest.param(bound("milk.remaining"), Declared("level", "down", "%"), "full_amount", id="percent of nothing known"),
    pytest.param(
        bound("milk.amount", kind="run_time", amount_per_hour=1), Declared("level", "down", "g"), "no time", id="grams"
    ),
    pytest.param(
        bound("milk.amount", kind="counter", amount_per_count=1), Declared("level", "down", "g"), "no count", id="mass"
    ),
    pytest.param(
        bound("milk.amount", kind="flag", low_amount=1), Declared("level", "down", "g"), '"level"', id="level as flag"
    ),
]


@pytest.mark.parametrize(("binding", "declared"), FITS)
def test_what_fits_is_taken(binding: Binding, declared: Declared | None) -> None:
    """Class, direction and unit are those of its kind, as far as they are known."""
    assert misfit(binding, declared, item=MILK) is None


@pytest.mark.parametrize(("binding", "declared", "why"), MISFITS)
def test_what_does_not_fit_is_refused_with_what_to_do(binding: Binding, declared: Declared | None, why: str) -> None:
    """The reason names the item, the signal and the way out."""
    reason = misfit(binding, declared, item=MILK)
    assert reason is not None
    assert reason.code == "binding_refused"
    assert reason.text.startswith(f"Milk: fridge {binding.signal} is not counted. ")
    assert why in reason.text
