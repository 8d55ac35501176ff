"""Texts in the store: what was said can be said again, and a broken record is plain English."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.stored_texts import packed, unpacked
from edge_agent.core.messages import PromptId, Reason
from edge_agent.core.said import Day, Names, Opening, Part, Said, Sum, say, say_many
from tests.edge_agent.samples import prompt

_NAMES = st.text(max_size=30) | st.sampled_from(["{item}", "{", "}}", "{0.__class__}", "%s", "\u202e"])
_SIMPLE: st.SearchStrategy[Part] = (
    _NAMES
    | st.integers(-(10**9), 10**9)
    | st.builds(Day, st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.booleans())
    | st.builds(Sum, st.integers(0, 10**9), st.sampled_from(["EUR", "USD", "JPY", "KWD"]))
    | st.builds(Opening, _NAMES)
    | st.builds(Names, st.lists(_NAMES, max_size=4).map(tuple))
)
_TEXTS = st.recursive(
    _SIMPLE,
    lambda inner: st.builds(lambda item, day: say("{item} by {day}, 100 %.", item=item, day=day), inner, inner)
    | st.builds(lambda number, item: say_many("{number} {item}", "{number} {item}s", number, item=item),
                st.integers(0, 5), inner)
    | st.just(say("Nothing in {braces}.")),
    max_leaves=6,
).filter(lambda text: isinstance(text, Said))  # fmt: skip


@given(text=_TEXTS)
def test_a_text_comes_back_with_its_pattern(text: Said) -> None:
    """By way of JSON it is the same English, made of the same parts."""
    made = json.loads(json.dumps(packed(text)))
    again = unpacked(str(text), made)
    assert again == text
    assert isinstance(again, Said)
    assert (again.pattern, again.plural, again.number) == (text.pattern, text.plural, text.number)
    assert packed(again) == packed(text)


def test_plain_english_stays_plain() -> None:
    """A name has no pattern, and a row from before has none either."""
    assert packed("Milk") is None
    assert type(unpacked("Milk is low.", None)) is str


_LOW = {"pattern": "{item} is low.", "parts": {"item": "Milk"}}


@pytest.mark.parametrize(
    "made",
    [
        None,
        7,
        [],
        {},
        {"pattern": 7},
        {"pattern": "{item} is high.", "parts": {"item": "Milk"}},
        {"pattern": "{other} is low.", "parts": {"item": "Milk"}},
        {"pattern": "{item.__class__} is low.", "parts": {"item": "Milk"}},
        {"pattern": "{item!r} is low.", "parts": {"item": "Milk"}},
        {"pattern": "{item:>99999999999} is low.", "parts": {"item": "Milk"}},
        {"pattern": "{item", "parts": {"item": "Milk"}},
        {"pattern": "{item} is low.", "parts": {"item": None}},
        {"pattern": "{item} is low.", "parts": {"item": True}},
        {"pattern": "{item} is low.", "parts": {"item": {"day": "yesterday", "with_year": False}}},
        {"pattern": "{item} is low.", "parts": {"item": "Milk"}, "plural": "{item} are low.", "number": "2"},
        {"pattern": "{item} is low.", "parts": {f"item{i}": "Milk" for i in range(20)}},
        {"pattern": "x" * 3_000},
        {"pattern": "{item}", "parts": {"item": {"pattern": "{item}", "parts": {"item": {"pattern": "{item}", "parts": {
            "item": {"pattern": "{item}", "parts": {"item": {"pattern": "{item}", "parts": {"item": _LOW}}}}}}}}}},
    ],
)  # fmt: skip
def test_a_broken_record_is_plain_english(made: object) -> None:
    """What would give another text, or cannot be read, leaves the English that was kept."""
    kept = unpacked("Milk is low.", made)
    assert kept == "Milk is low."
    assert type(kept) is str
    assert isinstance(unpacked("Milk is low.", _LOW), Said)


def test_the_reasons_of_a_question_keep_their_pattern(tmp_path: Path) -> None:
    """By way of the store; a question from before is plain English."""
    low = say("{item} is low.", item="Milk")
    with Connection(tmp_path / "hub.sqlite3") as connection:
        orders = Orders(connection)
        orders.add_prompt(replace(prompt("p1"), reasons=(Reason("low", low), Reason("plain", "As it was."))))
        asked = orders.prompt(PromptId("p1"))
        assert asked is not None
        assert [reason.text for reason in asked.reasons] == [low, "As it was."]
        assert packed(asked.reasons[0].text) == packed(low)
        with connection.transaction() as db:
            db.execute("UPDATE prompt SET reasons = ?", ('[["low", "Milk is low."]]',))
        before = orders.prompt(PromptId("p1"))
    assert before is not None
    assert before.reasons == (Reason("low", "Milk is low."),)
    assert type(before.reasons[0].text) is str
