"""Detergent follows the programmes, by the table and by what was measured; the fitting product is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge_agent.core.deciding.laundry import (
    Fabric,
    Soil,
    Wash,
    advice,
    dose_factor,
    doses,
    fitting,
    foreseen_per_day,
    kind_of,
)
from tests.edge_agent.consumables import START


def wash(programme: str = "cotton", *, day: float = 0.0, used: float | None = None, **how: object) -> Wash:
    """One wash."""
    return Wash(START + timedelta(days=day), programme, used=used, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("load_kg", "soil", "fabric", "hardness_dh", "factor"),
    [
        (4.5, "normal", "cotton", 10.0, 1.0),
        (None, "normal", "cotton", None, 1.0),
        (4.5, "heavy", "cotton", 10.0, 1.4),
        (4.5, "normal", "wool", 10.0, 0.6),
        (4.5, "normal", "cotton", 20.0, 1.25),
        (4.5, "normal", "cotton", 3.0, 0.85),
        (9.0, "normal", "cotton", 10.0, 1.8),
        (0.5, "light", "cotton", 10.0, 0.28),
    ],
)
def test_the_dose_follows_load_soil_fabric_and_water(
    load_kg: float | None, soil: Soil, fabric: Fabric, hardness_dh: float | None, factor: float
) -> None:
    """In the steps of the packs' tables."""
    found = dose_factor(wash(load_kg=load_kg, soil=soil, fabric=fabric), hardness_dh=hardness_dh)
    assert found == pytest.approx(factor)


def test_what_was_measured_corrects_the_table() -> None:
    """A machine that takes 80 where the table says 50 is believed after some washes, programme by programme."""
    few = doses([wash(used=80.0)], usual_dose=50.0, hardness_dh=10.0)["cotton"]
    many = doses([wash(used=80.0)] * 40, usual_dose=50.0, hardness_dh=10.0)
    mixed = doses([wash(used=80.0)] * 40 + [wash("wool", fabric="wool")], usual_dose=50.0, hardness_dh=10.0)
    assert 50 < few < 60
    assert many["cotton"] > 76
    assert mixed["wool"] == pytest.approx(30.0)


def test_a_week_of_cotton_foretells_more_than_a_week_of_wool() -> None:
    """Use is foreseen by programme, not by the number of washes."""
    cotton = [wash("cotton", day=day, soil="heavy") for day in range(14)]
    wool = [wash("wool", day=day, fabric="wool") for day in range(14)]
    now = START + timedelta(days=14)
    heavy, light = (foreseen_per_day(one, usual_dose=50.0, hardness_dh=18.0, now=now) for one in (cotton, wool))
    assert heavy == pytest.approx(50 * 1.4 * 1.25)
    assert light == pytest.approx(50 * 0.6 * 1.25)
    assert foreseen_per_day(cotton, usual_dose=50.0, hardness_dh=None, now=now + timedelta(days=60)) == 0.0


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
