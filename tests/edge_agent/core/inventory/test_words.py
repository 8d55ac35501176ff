"""What a signal is in words: every name that a profile may use has some."""

from __future__ import annotations

import pytest

from edge_agent.core.inventory.words import in_words
from edge_agent.core.signals import ALONE, QUANTITIES, SUBJECTS


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        ("main_brush.time_left", "main brush: time until it is due"),
        ("detergent_2.remaining", "detergent 2: how much is left"),
        ("toner_cyan.used", "cyan toner: how much is used up"),
        ("tyre_fl.pressure", "front left tyre: pressure"),
        ("odometer", "distance driven so far"),
        ("soap.level", ""),
        ("", ""),
    ],
)
def test_a_name_says_a_thing_and_a_quantity(signal: str, words: str) -> None:
    """A name of no list has no words."""
    assert in_words(signal) == words


def test_every_name_of_the_lists_has_words() -> None:
    """A quantity that is added without words would show a person its code alone."""
    assert [name for name in ALONE if not in_words(name)] == []
    assert [name for name in QUANTITIES if not in_words(f"liquid.{name}")] == []
    assert not any("_" in in_words(f"{subject}_2.remaining") for subject in SUBJECTS)
