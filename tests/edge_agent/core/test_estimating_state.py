"""The folded state's records, and how one is made of another."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from edge_agent.core.estimating.state import Container, Shelf, StockState, Track, changed
from edge_agent.core.messages import ItemId

_RECORDS = (
    (Track("a/b"), {"level": 3.0, "values": 2}),
    (Container("jar"), {"tracks": (Track("a/b"),)}),
    (Shelf(), {"amount": 2.0}),
    (StockState(ItemId("oats"), "g", version=2), {"reading_id": 7}),
)


@pytest.mark.parametrize(("record", "fields"), _RECORDS, ids=lambda each: type(each).__name__)
def test_a_changed_record_is_what_replace_makes(record: Track, fields: dict[str, object]) -> None:
    """The same values in the same order, and the old record as it was."""
    before = repr(record)
    assert changed(record, **fields) == replace(record, **fields)  # type: ignore[arg-type]
    assert repr(changed(record, **fields)) == repr(replace(record, **fields))  # type: ignore[arg-type]
    assert repr(record) == before


def test_a_changed_record_is_frozen() -> None:
    """Nobody changes a record in place."""
    track = changed(Track("a/b"), level=3.0)
    with pytest.raises(FrozenInstanceError):
        track.level = 4.0  # type: ignore[misc]


def test_a_field_that_is_not_there_is_refused() -> None:
    """A misspelt field would otherwise be lost without a word."""
    with pytest.raises(TypeError, match="Track has no field levle"):
        changed(Track("a/b"), levle=3.0)
