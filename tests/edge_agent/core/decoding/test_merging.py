"""Devices that send changes only: the whole picture of each, within limits, and never a changed past."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.decoding.merging import MergeLimits, Pictures
from edge_agent.core.decoding.payload import Tree
from edge_agent.errors import DecodeError

TREES: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.integers(0, 9) | st.text(max_size=2),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)


def merged(before: Tree, change: Tree) -> Tree:
    """RFC 7396 without its removal: null is a value here, since devices send it as one."""
    if not isinstance(before, dict) or not isinstance(change, dict):
        return change
    return {key: merged(before[key], change[key]) if key in before and key in change else (change | {})[key]
            if key in change else before[key] for key in before | change}  # fmt: skip


@given(changes=st.lists(TREES, min_size=1, max_size=5))
def test_objects_merge_and_everything_else_replaces(changes: list[Tree]) -> None:
    """Step by step as the plain rule says, and no tree that was given out is changed later."""
    pictures, wanted, given_out = Pictures(), changes[0], []
    for number, change in enumerate(changes):
        wanted = change if number == 0 else merged(wanted, change)
        told = pictures.delta("p", "d", change)
        assert told == wanted
        given_out.append((told, copy.deepcopy(told)))
    assert all(told == kept for told, kept in given_out)


def test_values_by_name() -> None:
    """One topic, one value; devices and profiles stay apart."""
    pictures = Pictures()
    pictures.one("p", "d", key="soc", value=80)
    pictures.one("p", "other", key="soc", value=1)
    pictures.one("q", "d", key="soc", value=2)
    assert pictures.one("p", "d", key="odometer", value="5") == {"soc": 80, "odometer": "5"}
    assert pictures.one("p", "d", key="soc", value=None) == {"soc": None, "odometer": "5"}


def test_a_picture_that_grows_too_large_is_begun_anew() -> None:
    """A device that invents names is not locked out for ever; what alone is too much changes nothing."""
    pictures = Pictures(MergeLimits(values_max=5))
    for name in "abcd":
        pictures.one("p", "d", key=name, value=1)
    with pytest.raises(DecodeError, match="too_large"):
        pictures.delta("p", "d", {"a": [1, 2, 3, 4, 5]})
    assert pictures.one("p", "d", key="a", value=2) == {"a": 2, "b": 1, "c": 1, "d": 1}
    assert pictures.one("p", "d", key="e", value=1) == {"e": 1}
    assert pictures.delta("p", "d", {"a": [1, 2]}) == {"a": [1, 2], "e": 1}
    assert pictures.delta("p", "d", {"b": [1, 2]}) == {"b": [1, 2]}


def test_replacing_for_ever_is_not_growing() -> None:
    """Many changes of the same few values stay within the limit."""
    pictures = Pictures(MergeLimits(values_max=10))
    for number in range(1_000):
        assert pictures.delta("p", "d", {"a": {"b": number}, "c": [number] * 3}) is not None


def test_the_oldest_device_is_forgotten() -> None:
    """A flood of names costs the memory of a thousand devices, no more; who is heard again stays."""
    pictures = Pictures(MergeLimits(devices_max=2))
    pictures.one("p", "one", key="a", value=1)
    pictures.one("p", "two", key="a", value=2)
    pictures.one("p", "one", key="b", value=1)
    pictures.one("p", "three", key="a", value=3)
    assert pictures.one("p", "one", key="c", value=1) == {"a": 1, "b": 1, "c": 1}
    assert pictures.one("p", "two", key="c", value=1) == {"c": 1}
