"""What a tier goes on with after it was stopped: each piece once, of this version, and one run at a time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.campaign import record
from tests.campaign.__main__ import main
from tests.campaign.figures import Figures
from tests.campaign.record import UNKNOWN, Record, RecordInUseError, version
from tests.campaign.tiers import Done, Piece, Share, pieces

WANTED = pieces([Share("power", 300, 100)])
GOOD = Figures("power", 100, "states", covered={"torn": 3})
BAD = Figures("power", 100, "states", lost=1, faults=("x",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a record is to be."""
    return tmp_path / "deep.jsonl"


def of(path: Path, commit: str, *, any_version: bool = False) -> Record:
    """The record as a run of this commit sees it."""
    return Record(path, version=commit, any_version=any_version)


def test_a_run_goes_on_where_it_stopped(path: Path) -> None:
    """Another size and a broken process are run again."""
    kept = of(path, "a")
    kept.add(Done(WANTED[0], BAD))
    kept.add(Done(WANTED[1], None))
    assert kept.left(WANTED) == WANTED[1:]
    assert kept.results(WANTED) == [Done(WANTED[0], BAD)]
    larger = [Piece("power", 200, 1)]
    assert kept.left(larger) == larger


def test_a_line_that_a_power_loss_cut_off_is_not_there_and_spoils_no_other(path: Path) -> None:
    """Its piece is run again, and the next result has a line of its own."""
    path.write_text('{"piece": "power-3", "si', encoding="utf-8")
    kept = of(path, "a")
    assert kept.left(WANTED) == WANTED
    kept.add(Done(WANTED[2], GOOD))
    assert kept.results(WANTED) == [Done(WANTED[2], GOOD)]


def test_a_piece_that_is_there_twice_counts_once(path: Path) -> None:
    """As one result."""
    kept = of(path, "a")
    kept.add(Done(WANTED[0], GOOD))
    kept.add(Done(WANTED[0], GOOD))
    assert kept.results(WANTED) == [Done(WANTED[0], GOOD)]


@pytest.mark.parametrize("first", [GOOD, BAD])
def test_of_two_results_the_one_that_fails_counts(path: Path, first: Figures) -> None:
    """Whichever was there first."""
    kept = of(path, "a")
    for each in (first, BAD if first is GOOD else GOOD):
        kept.add(Done(WANTED[0], each))
    assert kept.results(WANTED) == [Done(WANTED[0], BAD)]


def test_results_of_another_commit_count_only_where_that_was_said(path: Path) -> None:
    """Else they are left out, and their pieces are run again."""
    of(path, "a").add(Done(WANTED[0], GOOD))
    of(path, "b").add(Done(WANTED[1], GOOD))
    new, both = of(path, "b"), of(path, "b", any_version=True)
    assert (new.left(WANTED), new.versions(WANTED), new.left_out(WANTED)) == ([WANTED[0], WANTED[2]], ["b"], 1)
    assert (both.left(WANTED), both.versions(WANTED), both.left_out(WANTED)) == ([WANTED[2]], ["a", "b"], 0)


def test_a_line_without_a_version_is_of_another_one(path: Path) -> None:
    """Nobody knows what it was found in."""
    line = {"piece": "power-1", "size": 100, "figures": json.loads(GOOD.to_json())}
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert of(path, "a").left(WANTED) == WANTED
    assert of(path, "a", any_version=True).versions(WANTED) == [UNKNOWN]


def test_two_runs_do_not_share_a_record(path: Path) -> None:
    """The second is refused as long as the first goes on."""
    with of(path, "a").alone(), pytest.raises(RecordInUseError), of(path, "a").alone():
        pass
    with of(path, "a").alone():
        pass


@pytest.mark.parametrize("tier", ["bars", "deep"])
def test_the_command_says_that_a_record_is_in_use(path: Path, tier: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And runs nothing."""
    with of(path, "a").alone():
        assert main([tier, "--record", str(path)]) == 2
    assert "another run writes to" in capsys.readouterr().err


def test_the_version_is_the_commit() -> None:
    """In full, marked where the tree was changed; or nobody knows."""
    assert re.fullmatch(r"[0-9a-f]{40}(\+changed)?|unknown", version())


def test_a_tree_that_is_not_under_git_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of it tells so, and so does a machine without git."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(record, "ROOT", tmp_path)
    assert version() == UNKNOWN
    monkeypatch.setenv("PATH", "")
    assert version() == UNKNOWN
