"""The household's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.core.catalogue import Household, NamedPlace, Preferences
from edge_agent.core.household_edit import PreferencesEdit
from edge_agent.errors import ConfigurationError
from tests.edge_agent.samples import MILK

HOUSEHOLD = Household(items=(MILK,), preferences=Preferences(cover_days=9))


def test_documents_come_back_as_they_went_in(tmp_path: Path) -> None:
    """Items and preferences survive the file unchanged."""
    path = tmp_path / "household.json"
    HouseholdFile(path).save(HOUSEHOLD)
    assert HouseholdFile(path).load() == HOUSEHOLD


def test_a_persons_edit_is_read_at_once(tmp_path: Path) -> None:
    """The file is people's: an edit takes effect without a restart, in any field order."""
    path = tmp_path / "household.json"
    store = HouseholdFile(path)
    store.save(HOUSEHOLD)
    store.load()
    path.write_text(path.read_text().replace('"room_packs": 6', '"room_packs": 12'))
    item = store.load().item("milk")
    assert item is not None
    assert item.room_packs == 12


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('"pack_amount": 1035.0', '"pack_amount": 0', "product.pack_amount"),
        ('"mode": "ask"', '"mode": "always"', "mode"),
        ('"unit": "g"', '"unit": "V"', "unit"),
        ('"room_packs": 6', '"room_packs": 6, "colour": "red"', "colour"),
    ],
)
def test_an_edit_that_does_not_fit_is_named(tmp_path: Path, before: str, after: str, named: str) -> None:
    """The error names the field and the value."""
    path = tmp_path / "household.json"
    running = HouseholdFile(path)
    running.save(HOUSEHOLD)
    running.load()
    path.write_text(path.read_text().replace(before, after))
    assert running.load() == HOUSEHOLD, "a running hub goes on with what it last read"
    said = running.problem()
    assert said is not None
    wrong = after.rpartition(", ")[2]
    [line] = [number for number, text in enumerate(path.read_text().splitlines(), start=1) if wrong in text]
    assert f"{path}, line {line}: items.milk.{named} = " in said
    (tmp_path / "household.good").unlink()
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")):
        HouseholdFile(path).load()


def test_the_last_good_copy_is_kept(tmp_path: Path) -> None:
    """After a write the file before it is still there, and broken JSON points to it."""
    path = tmp_path / "household.json"
    store = HouseholdFile(path)
    store.save(HOUSEHOLD)
    store.save(Household(items=()))
    path.write_text("{ not json")
    with pytest.raises(ConfigurationError, match=r"household\.last"):
        HouseholdFile(path).load()
    (tmp_path / "household.last").rename(path)
    assert HouseholdFile(path).load() == HOUSEHOLD


@pytest.mark.parametrize(
    "text", ['{"items": []}', '{"items": null}', '{"items": {"x": {}}}', "[]", '{"items": {"1": 7}}']
)
def test_a_document_of_another_shape_is_refused_as_ours(tmp_path: Path, text: str) -> None:
    """Valid JSON that is no household is a configuration error too, not a crash."""
    path = tmp_path / "household.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        HouseholdFile(path).load()


def test_an_id_stands_once(tmp_path: Path) -> None:
    """Two items under one id are refused when the file is read."""
    with pytest.raises(ValueError, match="stands twice"):
        Household(items=(MILK, MILK))


def test_a_missing_file_is_an_empty_household(tmp_path: Path) -> None:
    """A hub without documents runs: it keeps nothing yet."""
    assert HouseholdFile(tmp_path / "household.json").load() == Household(items=())


@pytest.mark.parametrize(
    "broken",
    ['{\n "items": {\n  oops\n', "[]", '{"items": {"1": 7}}', "\udcff", "[" * 100_000, None],
    ids=["syntax", "list", "number", "no text", "deep", "gone"],
)
def test_a_broken_file_goes_on_with_the_last_good_one(tmp_path: Path, broken: str | None) -> None:
    """After a restart too: the household stands, the page is told file and copy, and mending it ends the problem."""
    path = tmp_path / "household.json"
    HouseholdFile(path).save(HOUSEHOLD)
    good = path.read_text()
    assert HouseholdFile(path).problem() is None
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken, encoding="utf-8", errors="surrogateescape")
    started = HouseholdFile(path)
    assert started.load() == HOUSEHOLD
    said = started.problem()
    assert said is not None
    assert str(path) in said
    assert "household.good" in said
    assert ("line 3" in said) is (broken is not None and "oops" in broken)
    path.write_text(good)
    assert started.load() == HOUSEHOLD
    assert started.problem() is None


def test_an_edit_that_fits_becomes_the_last_good_one(tmp_path: Path) -> None:
    """And one that does not fit never does."""
    path = tmp_path / "household.json"
    store = HouseholdFile(path)
    store.save(HOUSEHOLD)
    store.load()
    edited = HOUSEHOLD.model_copy(update={"preferences": Preferences(cover_days=10)})
    store.save(edited)
    assert store.load() == edited
    path.write_text("{")
    assert store.load() == edited
    assert HouseholdFile(path).load() == edited


def test_a_last_good_one_that_is_broken_too_helps_nobody(tmp_path: Path) -> None:
    """Then the hub says what is wrong with the file, and ends, as on its first day."""
    path = tmp_path / "household.json"
    path.write_text("{")
    (tmp_path / "household.good").write_text("{")
    with pytest.raises(ConfigurationError, match=r"household\.json, line 1"):
        HouseholdFile(path).load()


PLACES = (
    NamedPlace(name="Work", latitude=47.193726, longitude=8.836195, delivery_ref="work"),
    NamedPlace(name="Locker", latitude=47.5, longitude=8.9, within_m=40, delivery_ref="locker-7", lead_time_d=0),
)


def test_places_come_back_and_an_edit_on_a_page_leaves_them(tmp_path: Path) -> None:
    """They stand in a table of their own, which nothing but a person writes."""
    path = tmp_path / "household.json"
    file = HouseholdFile(path)
    file.save(HOUSEHOLD.model_copy(update={"places": PLACES}))
    file.edit(PreferencesEdit(changes={"cover_days": 11}, seen={"cover_days": 9}))
    assert HouseholdFile(path).load().places == PLACES
    assert HouseholdFile(path.with_suffix(".good")).load().places == PLACES


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("47.193726", "947.193726", "places.1.latitude: "),
        ("8.836195", '"8.836195 E"', "places.1.longitude: "),
        ('"Locker"', '"Work"', "places: "),
        ("47.193726", "[47.193726", "not valid JSON"),
    ],
)
def test_what_is_wrong_with_a_place_is_said_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, before: str, after: str, named: str
) -> None:
    """The line and the field, and no number of where it lies: pages and logs say it."""
    path = tmp_path / "household.json"
    running = HouseholdFile(path)
    running.save(HOUSEHOLD.model_copy(update={"places": PLACES}))
    running.load()
    path.write_text(path.read_text().replace(before, after))
    said = running.problem()
    assert said is not None
    assert named in said
    assert not any(number in said + caplog.text for number in ("47.1", "8.83", "47.5", "8.9"))
