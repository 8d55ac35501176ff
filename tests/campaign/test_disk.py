"""The campaigns of the failing and the full disk: their short tiers, and that they can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.bugs import Bug
from tests.campaign.disk import campaign, full
from tests.campaign.disk.campaign import _calls, _fail
from tests.campaign.disk.injection import Failure, child, has_strace
from tests.campaign.disk.lives import Lives
from tests.campaign.disk.orders import Told

_LIVES_MAX, _WRITES_APART = 8, 8
needs_strace = pytest.mark.skipif(not has_strace(), reason="needs Debian's strace")


@needs_strace
def test_a_failing_disk_loses_nothing(tmp_path: Path) -> None:
    """Short tier: calls of every kind fail, once and for ever; nothing acknowledged goes, the next start is clean."""
    figures = campaign.run(30, seed=1, folder=tmp_path)
    assert figures.faults == ()
    assert figures.missed == ()


@needs_strace
def test_an_acknowledgement_before_the_commit_is_caught(tmp_path: Path) -> None:
    """The judge can say no: a disk that fails for ever from one write on has lost what was promised before."""
    with child() as lived:
        lives = Lives(lived, tmp_path, bug=Bug.ACK_BEFORE_COMMIT)
        for life in range(1_000, 1_000 + _LIVES_MAX):
            for number in range(_calls(lives, life, folder=tmp_path)["pwrite64"], 0, -_WRITES_APART):
                _fail(lives, life, Failure("pwrite64", "EIO", number, for_ever=True), folder=tmp_path)
                if lives.figures("disk", wanted=set()).lost:
                    return
    pytest.fail("nothing was missed")


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """Short tier: nothing is acknowledged that had no room, pages go on, and so does the hub when there is room."""
    figures = full.run(4, seed=1, folder=tmp_path)
    assert figures.faults == ()
    assert figures.missed == ()


@needs_strace
def test_a_store_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """Whichever of the first writes fails, the error is one of ours, and the next start is clean."""
    with child() as lived:
        lives = Lives(lived, tmp_path, bug=None)
        for number in range(1, 5):
            disk = tmp_path / str(number) / "disk"
            disk.mkdir(parents=True)
            failure = Failure("pwrite64", "EIO", number, for_ever=True)
            lives.live(disk, seed=1, acts=1, failure=failure)
            assert lives.judge(disk, seed=1, acts=1, how=str(failure))
    assert lives.faults == []


@pytest.mark.parametrize(
    ("log", "acknowledged"),
    [
        ("", 0),
        ("ended\nended\n", 2),
        ("ended\nacknowledged\nended\n", 2),
        ("ended\nacknowledged\nfailed StoreFailedError\n", 2),
        ("ended\nacknowledged\nfailed StoreFailedError\nacknowledged\nended\n", 2),
        ("ended\nfailed StoreFailedError\n", 1),
    ],
)
def test_a_moment_counts_from_its_first_acknowledgement(log: str, acknowledged: int) -> None:
    """What a device was told to forget counts, whether or not the call that stores it ever returned."""
    assert Told.from_log(log).acknowledged == acknowledged


def test_a_strange_word_on_the_log_is_a_fault() -> None:
    """Whatever a life tells besides its protocol is shown."""
    assert Told.from_log("ended\nfault OSError: no\n").faults == ("fault OSError: no",)
