"""The power-loss campaign: its short tier, the bugs that it must catch, and the simulated disk itself."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from edge_agent.core.catalogue import Household
from tests.campaign.bugs import Bug
from tests.campaign.power import campaign, documents
from tests.campaign.power.books import Books
from tests.campaign.power.life import Life
from tests.campaign.power.medium import SECTOR_BYTES, Loss, Medium, Rename, Sync, SyncFolder, Truncate, Write
from tests.campaign.power.stores import Scene, Stores

_OLD, _NEW = b"o" * 2 * SECTOR_BYTES, b"n" * 2 * SECTOR_BYTES


def test_nothing_acknowledged_is_lost_when_the_power_goes(tmp_path: Path) -> None:
    """Short tier: at every step of a few lives, and of the recoveries after it, the store stands where it may stand."""
    figures = campaign.run(1_000, seed=21, folder=tmp_path)
    assert figures.faults == ()
    assert figures.missed == ()
    assert figures.holds


def test_a_home_of_the_first_release_is_carried_over(tmp_path: Path) -> None:
    """At every step of the migrations, the old home or the new one is found, whole, and it may send."""
    figures = campaign.run(300, seed=1, folder=tmp_path, offset=3)
    assert figures.faults == ()
    assert figures.covered["opening schema 1"]


def test_lives_come_to_every_act(tmp_path: Path) -> None:
    """What rarely can be done is done when it can: a few short lives have met everything, draws and cancels too."""
    lived: Counter[str] = Counter()
    for number in range(6):
        stores = Stores.at(tmp_path / f"hub-{number}.sqlite3")
        with closing(stores.connection):
            stores.open()
            life = Life(Scene(stores, Random(number), Books()), acknowledged=lambda: None, lived=lived)
            for _ in range(25):
                life.act()
    assert {name for name in campaign.WANTED_LONG if not name.startswith("opening")} <= lived.keys()


def test_the_same_seed_does_the_same_again(tmp_path: Path) -> None:
    """A fault can be shown again: two runs of one seed meet the same states."""
    first, second = (campaign.run(60, seed=3, folder=tmp_path) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("bug", "seed", "said"),
    [
        (Bug.SYNCHRONOUS_NORMAL, 1, "lost|neither before nor after"),
        (Bug.ACK_BEFORE_COMMIT, 2, "lost reading"),
        (Bug.TOKEN_BURNED_APART, 3, "half a hand-over"),
        (Bug.TINYDB_OUTBOX, 4, "lost order|unusable|after (approval|draw|answered|attempt)"),
        (Bug.WALL_CLOCK_DELETE, 1, "no longer in the outbox"),
    ],
)
def test_a_planted_bug_of_the_store_is_caught(tmp_path: Path, bug: Bug, seed: int, said: str) -> None:
    """The campaign can fail: each bug that belongs to the store breaks it, and is called what it is."""
    figures = campaign.run(10_000, seed=seed, folder=tmp_path, bug=bug)
    assert not figures.holds
    assert re.search(said, figures.faults[0])


class _InPlace:
    """The documents, flushed, but written over what was there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Household:
        return Household.model_validate_json(self._path.read_text(encoding="utf-8"))

    def save(self, household: Household) -> None:
        self._path.write_text(household.model_dump_json(), encoding="utf-8")


def test_documents_that_are_written_in_place_are_caught(tmp_path: Path) -> None:
    """The model of the household's file can fail: a file without temporary copy and rename is lost."""
    faults = [fault for _, found in documents.losses(tmp_path, Random(1), opened=_InPlace) for fault in found]
    assert any("unusable" in fault for fault in faults)


@pytest.mark.parametrize("loss", list(Loss))
def test_what_was_synced_stays(loss: Loss) -> None:
    """No loss touches what was made durable, contents and names."""
    medium = Medium()
    for step in (Rename("a", 0), Write(0, 0, _NEW), Sync(0, folder=True)):
        medium.take(step)
    assert medium.lose_power(loss, Random(1)) == {"a": _NEW}


@pytest.mark.parametrize(("loss", "left"), [(Loss.DROPPED, {"a": _OLD}), (Loss.KEPT, {"a": _NEW, "b": b""})])
def test_what_was_not_synced_goes_or_stays(loss: Loss, left: dict[str, bytes]) -> None:
    """Without a sync, a write and a new name are lost or kept."""
    medium = Medium.holding({"a": _OLD})
    medium.take(Write(0, 0, _NEW))
    medium.take(Rename("b", 1))
    assert medium.lose_power(loss, Random(1)) == left


def test_a_write_tears_at_sectors() -> None:
    """A torn write leaves old and new sectors, each of them whole."""
    medium = Medium.holding({"a": _OLD})
    medium.take(Write(0, 0, _NEW))
    rng = Random(1)
    found = {medium.lose_power(Loss.TORN, rng)["a"] for _ in range(200)}
    assert found == {old + new for old in (_OLD[:512], _NEW[:512]) for new in (_OLD[:512], _NEW[:512])}


def test_a_rename_is_one_step() -> None:
    """After a rename that was not synced, the old or the new file has the name; the content must be synced before."""
    medium = Medium.holding({"a": _OLD})
    for step in (Rename("new", 1), Write(1, 0, _NEW), Sync(1), Rename("a", 1, gone="new")):
        medium.take(step)
    rng = Random(2)
    assert {medium.lose_power(Loss.SUBSET, rng)["a"] for _ in range(100)} == {_OLD, _NEW}
    medium.take(SyncFolder())
    assert medium.lose_power(Loss.DROPPED, rng) == {"a": _NEW}


def test_a_file_is_cut_and_filled_up() -> None:
    """Truncation shortens a file, and lengthens it with zeros."""
    medium = Medium.holding({"a": _OLD})
    medium.take(Truncate(0, 3))
    medium.take(Truncate(0, 5))
    assert medium.lose_power(Loss.KEPT, Random(1)) == {"a": b"ooo\0\0"}
