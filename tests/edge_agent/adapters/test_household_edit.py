"""A change from the pages touches what it changes and nothing else of the file that people write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.core.household_edit import ModeEdit, PreferencesEdit
from edge_agent.errors import RefusedError
from edge_agent.ports import CrashPoint

TEXT = """{
\t"notes": {"1": {"from": "Robin", "says": "the café pays for coffee"}},
\t"preferences": {"7": {"stock": "hold_little", "currency": "EUR"}},
\t"items": {
\t\t"3": {
\t\t\t"name": "Milk", "mode": "ask", "id": "milk", "category": "food", "unit": "L", "cycle_days": 4,
\t\t\t"product": {"title": "Milk 1 L", "merchant": "grocer", "sku": "milk-1", "pack_amount": 1.0}
\t\t}
\t}
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as somebody wrote it by hand."""
    path = tmp_path / "household.json"
    path.write_text(TEXT, encoding="utf-8")
    return path


def gap(hours: int, *, seen: int = 12) -> PreferencesEdit:
    """Another gap between questions."""
    return PreferencesEdit(changes={"prompt_gap_h": hours}, seen={"prompt_gap_h": seen})


def test_only_what_is_changed_is_touched(path: Path) -> None:
    """Order of the tables and fields, numbers, indent and tables that the hub does not read are as they were."""
    HouseholdFile(path).edit(gap(6))
    text, expected = path.read_text(encoding="utf-8"), json.loads(TEXT)
    expected["preferences"]["7"]["prompt_gap_h"] = 6
    assert text == json.dumps(expected, indent="\t", ensure_ascii=False) + "\n"
    assert path.with_suffix(".last").read_text(encoding="utf-8") == TEXT


def test_a_mode_is_set_where_its_item_stands(path: Path) -> None:
    """The other fields keep their order."""
    HouseholdFile(path).edit(ModeEdit("milk", "auto"))
    item = json.loads(path.read_text(encoding="utf-8"))["items"]["3"]
    assert (list(item)[:3], item["mode"]) == (["name", "mode", "id"], "auto")


def test_an_edit_of_something_else_in_between_is_kept(path: Path) -> None:
    """The file is read at the moment of the change, not at that of the page."""
    household = HouseholdFile(path)
    household.load()
    path.write_text(TEXT.replace('"Milk"', '"Oat milk"'), encoding="utf-8")
    household.edit(gap(6))
    assert "Oat milk" in path.read_text(encoding="utf-8")
    assert household.load().preferences.prompt_gap_h == 6


def test_an_edit_while_the_hub_writes_is_kept_too(path: Path) -> None:
    """An editor that saves between reading and renaming is seen, and the change is made in its text."""
    edits = iter([TEXT.replace('"Milk"', '"Oat milk"')])

    def meanwhile(point: CrashPoint) -> None:
        text = next(edits, None)
        if point is CrashPoint.FILE_WRITTEN and text is not None:
            other = path.with_suffix(".editor")
            other.write_text(text, encoding="utf-8")
            other.replace(path)

    HouseholdFile(path, crash_hook=meanwhile).edit(gap(6))
    loaded = HouseholdFile(path).load()
    assert (loaded.items[0].name, loaded.preferences.prompt_gap_h) == ("Oat milk", 6)


def test_a_file_that_changes_all_the_time_is_left_alone(path: Path) -> None:
    """After a few tries it is refused, and the newest text of the editor stands."""
    written: list[str] = []

    def always(point: CrashPoint) -> None:
        if point is CrashPoint.FILE_WRITTEN:
            written.append(TEXT.replace('"Milk"', f'"Milk {len(written)}"'))
            path.write_text(written[-1], encoding="utf-8")

    with pytest.raises(RefusedError, match="somebody else is writing"):
        HouseholdFile(path, crash_hook=always).edit(gap(6))
    assert path.read_text(encoding="utf-8") == written[-1]
    assert not path.with_suffix(".new").exists()


@pytest.mark.parametrize(
    ("text", "edit", "why"),
    [
        pytest.param(TEXT, gap(6, seen=24), "prompt_gap_h was edited", id="the same field was edited"),
        pytest.param(TEXT, gap(999), "would not fit", id="a value out of bounds"),
        pytest.param(TEXT, ModeEdit("tea", "ask"), "no item tea", id="the item is gone"),
        pytest.param(TEXT.replace("{", "", 1), gap(6), "must be mended", id="a broken file"),
    ],
)
def test_what_does_not_fit_changes_nothing(path: Path, text: str, edit: PreferencesEdit, why: str) -> None:
    """The reason is told, and the file is the same to the byte."""
    household = HouseholdFile(path)
    household.load()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError, match=why):
        household.edit(edit)
    assert path.read_text(encoding="utf-8") == text
    assert not path.with_suffix(".new").exists()
