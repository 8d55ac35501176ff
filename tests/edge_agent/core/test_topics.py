"""Topic patterns: which topics fit, which device and value they name, and whether two patterns can meet."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.topics import DEVICE_ID, Pattern, TopicIndex, device_id

LEVELS = ("a", "b", "", "$x")
TOPICS = ["/".join(levels) for size in (1, 2, 3, 4) for levels in itertools.product(LEVELS, repeat=size)]
OPEN = st.sampled_from(["a", "b", "", "+", "{device}", "$x"])
PATTERNS = st.builds(
    lambda first, rest, last: "/".join([first, *rest, *last]),
    st.sampled_from(["a", "b", "$x", "{device}"]),
    st.lists(OPEN, max_size=2),
    st.sampled_from([[], ["{key}"], ["{key+}"]]),
)


def fits(pattern: str, topic: str) -> bool:
    """By a regular expression: a second opinion that shares nothing with the index."""
    said = {"+": "[^/]*", "{device}": "[^/]+", "{key}": "[^/]*", "{key+}": ".*"}
    form = "/".join(said.get(level, re.escape(level)) for level in pattern.split("/"))
    is_hidden = topic.startswith("$") and pattern.split("/", maxsplit=1)[0] in said
    return re.fullmatch(form, topic) is not None and not is_hidden


@given(pattern=PATTERNS)
def test_the_index_finds_what_fits(pattern: str) -> None:
    """Over every short topic: the same as the second opinion, never twice."""
    index: TopicIndex[str] = TopicIndex()
    index.add(Pattern.of(pattern, device="fixed"), pattern)
    for topic in TOPICS:
        assert [each for _, each in index.find(topic)] == [pattern] * fits(pattern, topic), topic


@given(one=PATTERNS, other=PATTERNS)
def test_two_patterns_meet_where_a_topic_fits_both(one: str, other: str) -> None:
    """Right and symmetric, against every short topic."""
    first, second = Pattern.of(one, device="x"), Pattern.of(other, device="x")
    wanted = any(fits(one, topic) and fits(other, topic) for topic in TOPICS)
    assert first.meets(second) is wanted
    assert second.meets(first) is wanted


@pytest.mark.parametrize(
    ("pattern", "topic", "device", "key", "named"),
    [
        ("a/{device}/s", "a/tank-1/s", "tank-1", None, ("tank-1",)),
        ("a/{device}/+/{device}", "a/x/y/z", "x-z", None, ("x", "z")),
        ("a/{device}/{key}", "a/x/soc", "x", "soc", ("x",)),
        ("a/{device}/{key+}", "a/x/v/b/soc", "x", "v/b/soc", ("x",)),
        ("a/+/s", "a/anything/s", "fixed", None, ()),
        ("$aws/{device}/s", "$aws/x/s", "x", None, ("x",)),
    ],
)
def test_what_a_topic_tells(pattern: str, topic: str, device: str, key: str | None, named: tuple[str, ...]) -> None:
    """The device by our name and by its own levels, and the name of a value."""
    index: TopicIndex[str] = TopicIndex()
    index.add(Pattern.of(pattern, device="fixed"), "it")
    ((told, _),) = index.find(topic)
    assert (told.key, told.named) == (key, named)
    assert told.device == device or told.device.startswith(f"{device}--")


NAMES = st.text(max_size=80) | st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True)


@given(name=NAMES)
def test_every_name_gives_an_id(name: str) -> None:
    """An id of our form; a name of that form keeps it, unless it is made to look like one of ours."""
    ours = device_id(name)
    assert DEVICE_ID.fullmatch(ours)
    if DEVICE_ID.fullmatch(name) and "--" not in name:
        assert ours == name


@given(one=NAMES, other=NAMES)
def test_two_names_never_share_an_id(one: str, other: str) -> None:
    """Two devices stay two, also where one is named like the id of the other."""
    assert (device_id(one) == device_id(other)) is (one == other)
    assert device_id(device_id("Two Words")) != device_id("Two Words")


def test_the_cost_does_not_grow_with_the_patterns() -> None:
    """A look-up visits as many nodes with a thousand patterns as with one."""

    def visited(count: int) -> int:
        index: TopicIndex[int] = TopicIndex()
        for number in range(count):
            index.add(Pattern.of(f"vendor{number}/{{device}}/status", device=None), number)
        return len(index.find("vendor0/x/status"))

    assert visited(1) == visited(1_000) == 1
