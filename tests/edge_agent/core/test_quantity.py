"""Units: conversion inside a dimension, refusal across dimensions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.quantity import UNITS, convert, countable, same_quantity, unit_of
from edge_agent.errors import DecodeError


@pytest.mark.parametrize(
    ("value", "source", "target", "wanted"),
    [
        (1.5, "L", "mL", 1_500.0),
        (1.0, "[gal_us]", "mL", 3_785.411784),
        (2.0, "[lb_av]", "g", 907.18474),
        (63.0, "%", "%", 63.0),
        (0.5, "1", "%", 50.0),
        (10.0, "[mi_i]", "km", 16.09344),
        (180.0, "d", "min", 259_200.0),
        (212.0, "[degF]", "Cel", 100.0),
        (4.0, "Cel", "K", 277.15),
        (2.3, "bar", "kPa", 230.0),
        (7.0, "{cycle}", "{cycle}", 7.0),
    ],
)
def test_conversion_against_known_values(value: float, source: str, target: str, wanted: float) -> None:
    """Factors and offsets agree with published figures."""
    assert convert(value, source, target=target) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("source", "target"),
    [("g", "mL"), ("cc", "mL"), ("ML", "mL"), ("{cup}", "{page}"), ("{cup}", "1"), ("", "g"), ("g", ""), ("xx", "xx")],
)
def test_what_is_unknown_or_another_quantity_is_refused(source: str, target: str) -> None:
    """No unit is guessed, not by letter case, not by a name from a shop, not across dimensions."""
    assert not same_quantity(source, target)
    with pytest.raises(DecodeError, match="wrong_unit"):
        convert(1.0, source, target=target)


@given(st.floats(-1e9, 1e9), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_there_and_back_is_the_same(value: float, one: str, other: str) -> None:
    """Conversion has an inverse wherever it is allowed."""
    if not same_quantity(one, other):
        return
    scale = max(1.0, abs(value), abs(convert(value, one, target=other)))
    assert math.isclose(convert(convert(value, one, target=other), other, target=one), value, abs_tol=scale * 1e-3)


def test_every_factor_is_positive() -> None:
    """A zero or negative factor would turn stock around."""
    assert all(unit.factor > 0 for unit in UNITS.values())
    assert unit_of("{cup}") != unit_of("{page}")


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        *((each, True) for each in ("g", "mL", "L", "[lb_av]", "m", "h", "{wash}", "{piece}")),
        *((each, False) for each in ("V", "mV", "kPa", "Cel", "%", "kW.h", "pieces", "")),
    ],
)
def test_what_goods_are_counted_in(unit: str, wanted: bool) -> None:
    """Amounts, times and so many of a thing; nothing that is only measured."""
    assert countable(unit) is wanted
