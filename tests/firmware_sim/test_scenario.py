"""Scenario files."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_sim.faults import FaultKind
from firmware_sim.scenario import DEMO, ScenarioError, load_scenario


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The demo's file with one text replaced."""
    text = DEMO.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "changed.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_demo_starts_low_and_has_every_fault() -> None:
    """Initial shares, capacities in packs, and one fault of each kind at the least."""
    scenario = load_scenario()
    shares = {
        name: scenario.item(name).initial / scenario.item(name).capacity for name in scenario.items.model_fields_set
    }
    assert shares == pytest.approx({"milk": 0.4, "detergent": 0.5, "washer_fluid": 0.35})
    assert scenario.item("milk").capacity == 10 * scenario.item("milk").pack_amount
    assert all(scenario.faults.counts()[kind] >= 1 for kind in FaultKind)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("capacity = 10350.0", "capacity = -1.0", "items.milk.capacity = -1.0"),
        ("initial = 500.0", "initial = 5000.0", "items.detergent"),
        ('unit = "g"', "unit = 3", "items.milk.unit = 3"),
        ("report_every_min = 30.0", "report_every_min = 0.0", "fridge.report_every_min = 0.0"),
        ("pump_error = 0.02", "pump_eror = 0.02", "washer.pump_eror"),
        ("malformed = 2", "malformed = 1.5", "faults.malformed = 1.5"),
        ('id = "home"', 'id = "My Home"', "home.id = 'My Home'"),
        ("[items.milk]", "[items.milk", "not valid TOML"),
    ],
)
def test_a_wrong_field_is_named_with_its_value(tmp_path: Path, old: str, new: str, said: str) -> None:
    """One line: file, field, value, what is allowed."""
    with pytest.raises(ScenarioError, match=r"changed\.toml") as caught:
        load_scenario(changed(tmp_path, old, new))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which."""
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario(tmp_path / "none.toml")


def test_an_unknown_item_is_refused() -> None:
    """The error lists what there is."""
    with pytest.raises(ValueError, match="milk, detergent, washer_fluid"):
        load_scenario().item("beer")
