"""The one form of JSONPath that profiles may use, against an independent implementation of RFC 9535."""

from __future__ import annotations

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from edge_agent.core.decoding.filtering import all_finder, finder
from edge_agent.core.decoding.payload import MISSING, Tree
from edge_agent.core.decoding.places import Places
from edge_agent.core.profile.parts import ArrayFilter

NAMES = ("kind", "level", "b.c", "x")
LITERALS = ("'OIL'", "''", "1", "0", "-7", "true", "false")
STEP = st.sampled_from([".kind", ".level", "['b.c']", ".x"])
QUERIES = st.builds(
    lambda before, inside, literal, after: f"${''.join(before)}[?@{''.join(inside)} == {literal}]{''.join(after)}",
    st.lists(STEP, max_size=2),
    st.lists(STEP, min_size=1, max_size=2),
    st.sampled_from(LITERALS),
    st.lists(STEP | st.sampled_from(["[0]", "[1]", "[-1]"]), max_size=2),
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -7, 1.0, "OIL", "", "1"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(NAMES), below, max_size=3),
    max_leaves=12,
)


@given(query=QUERIES, tree=TREES)
def test_the_same_as_the_standard_says(query: str, tree: Tree) -> None:
    """Where exactly one value is found it is that one, and otherwise there is none."""
    TypeAdapter(ArrayFilter).validate_python(query)
    found = jsonpath.findall(query, tree) if isinstance(tree, (dict, list)) else []
    wanted = found[0] if len(found) == 1 else MISSING
    got = finder(query)(tree)
    assert (type(got), got) == (type(wanted), wanted)


@given(queries=st.lists(QUERIES, min_size=1, max_size=4), tree=TREES)
def test_several_at_once(queries: list[str], tree: Tree) -> None:
    """Queries that share a walk find what each of them finds alone."""
    assert all_finder(queries)(tree) == [finder(query)(tree) for query in queries]


def test_a_flag_is_no_number() -> None:
    """`true` is not 1 and "1" is not 1; 1.0 is."""
    tree: Tree = [{"a": True, "v": 1}, {"a": "1", "v": 2}, {"a": 1.0, "v": 3}]
    assert finder("$[?@.a == 1].v")(tree) == 3
    assert finder("$[?@.a == true].v")(tree) == 1


def test_of_two_that_fit_neither_is_told() -> None:
    """A second toner of the same kind makes both unknown, and a member without the value does not count."""
    assert finder("$[?@.a == 1].v")([{"a": 1, "v": 5}, {"a": 1, "v": 5}]) is MISSING
    assert finder("$[?@.a == 1].v")([{"a": 1, "v": 5}, {"a": 1}]) == 5


@pytest.mark.parametrize(
    "query",
    [
        "$.a",
        "$..a[?@.b == 1]",
        "$[?@.b]",
        "$[?@.b == 1 && @.c == 2]",
        "$[?@.b == $.c]",
        "$[?length(@.b) == 1]",
        "$[?@.b == 1][?@.c == 2]",
        "$[*]",
        "$[?@.b =~ 'x']",
        "$[?@.b == 'a\\'b']",
    ],
)
def test_nothing_more_of_the_language(query: str) -> None:
    """No search through everything, no functions, no second filter, no escapes."""
    with pytest.raises(ValidationError):
        TypeAdapter(ArrayFilter).validate_python(query)


@given(tree=TREES)
def test_places_are_found_in_one_walk(tree: Tree) -> None:
    """The same as each pointer and filter alone, whatever they share."""
    texts = ["/kind", "/kind/level", "/kind/0", "/b.c/x/1", "$[?@.kind == 1].level", "$.kind[?@.x == 'OIL'].level"]
    places = Places()
    numbers = [places.at(text) for text in texts]
    values = places.finder()(tree)
    for text, number in zip(texts, numbers, strict=True):
        alone = Places()
        at = alone.at(text)
        assert values[number] is alone.finder()(tree)[at] or values[number] == alone.finder()(tree)[at]
