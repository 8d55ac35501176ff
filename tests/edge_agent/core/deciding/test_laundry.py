"""Detergent follows the programmes, by the table and by what the level fell; the fitting product is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge_agent.core.deciding.laundry import (
    Soil,
    Span,
    Wash,
    advice,
    dose_factor,
    doses,
    fitting,
    kind_of,
    soil_of,
)
from tests.edge_agent.consumables import START


def wash(programme: str = "cotton", *, day: float = 0.0, **how: object) -> Wash:
    """One wash."""
    return Wash(START + timedelta(days=day), programme, **how)  # type: ignore[arg-type]


def spans(used: float | None, *programmes: str, times: int = 1) -> list[Span]:
    """So many looks at the level, each after these washes."""
    return [Span(tuple(wash(programme) for programme in programmes), used)] * times


@pytest.mark.parametrize(
    ("programme", "load_kg", "soil", "factor"),
    [
        ("cotton", 4.5, "normal", 1.0),
        ("cotton", None, "normal", 1.0),
        ("cotton", 4.5, "heavy", 1.4),
        ("wool", 4.5, "normal", 0.6),
        ("DelicatesSilk", 4.5, "normal", 0.65),
        ("Easy Care", 4.5, "normal", 0.85),
        ("cotton", 9.0, "normal", 1.8),
        ("cotton", 0.5, "light", 0.28),
    ],
)
def test_the_dose_follows_load_soil_and_fabric(
    programme: str, load_kg: float | None, soil: Soil, factor: float
) -> None:
    """In the steps of the packs' tables."""
    assert dose_factor(wash(programme, load_kg=load_kg, soil=soil)) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("word", "soil"), [("light", "light"), ("extraHeavy", "heavy"), ("normal", "normal"), ("muddy", None), ("", None)]
)
def test_how_dirty_in_the_words_of_devices(word: str, soil: Soil | None) -> None:
    """A word that nobody agreed on says nothing."""
    assert soil_of(word) == soil


def test_what_was_measured_corrects_the_table() -> None:
    """Wool takes 0.6 of cotton by the table; a machine that takes more is believed after some washes of it."""
    cotton = spans(50.0, "cotton", times=400)
    table = doses([*cotton, *spans(None, "wool")])
    few, many = (doses([*cotton, *spans(50.0, "wool", times=times)]) for times in (1, 40))
    assert table["wool"].amount == pytest.approx(30.0)
    assert 32 < few["wool"].amount < 36
    assert many["wool"].amount > 47
    assert (table["wool"].measured, few["wool"].measured, many["wool"].measured) == (0, 1, 40)


def test_a_level_that_is_seen_after_several_washes_is_shared_out() -> None:
    """Other mixes of the same programmes tell how much each of them took."""
    seen = [*spans(140.0, "cotton", "cotton", times=15), *spans(95.0, "cotton", "wool", times=15)]
    seen += spans(50.0, "wool", "wool", times=15)
    found = doses(seen)
    assert found["cotton"].amount == pytest.approx(70.0, rel=0.08)
    assert found["wool"].amount == pytest.approx(25.0, rel=0.08)


@pytest.mark.parametrize("seen", [[], spans(None, "cotton"), spans(90.0, "cotton", ""), spans(0.0, "", times=9)])
def test_nothing_measured_is_no_dose(seen: list[Span]) -> None:
    """Nor is what fell while a programme ran that nobody told."""
    assert doses(seen) == {}


@pytest.mark.parametrize(
    ("programme", "kind"),
    [
        ("Cotton Eco 40-60", "universal"),
        ("LaundryCare.Washer.Program.DelicatesSilk", "delicate"),
        ("hand-wash", "delicate"),
        ("Dark Colours", "colour"),
        ("sport_fitness", "sport"),
        ("Baby Care", "sensitive"),
    ],
)
def test_what_a_programme_asks_for(programme: str, kind: str) -> None:
    """By its name, as makers write it."""
    assert kind_of(programme) == kind


def test_the_fitting_product_is_advised_where_it_is_a_habit() -> None:
    """A third of the washes at the least, and not where it is bought already."""
    washes = [wash("sport", day=day) if day % 2 else wash(day=day) for day in range(20)]
    assert fitting(washes) == "sport"
    said = advice(washes, title="Universal liquid 1 L")
    assert said is not None
    assert said.text == "10 of your last 20 washes would do better with a detergent for sportswear."
    assert advice(washes, title="Sport wash 750 mL") is None
    assert advice(washes[:4], title="Universal") is None
