"""The drawn state machines are those of the code."""

from __future__ import annotations

from pathlib import Path

from tests.drawings import document

DRAWN = Path(__file__).parents[1] / "docs" / "state-machines.md"


def test_the_drawings_are_those_of_the_tables() -> None:
    """`make drawings` was run after the last change of a table."""
    assert DRAWN.read_text(encoding="utf-8") == document(), "run `make drawings`"
