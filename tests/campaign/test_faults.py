"""A tier with a record: what it runs, what it goes on with, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.campaign import faults
from tests.campaign.__main__ import main
from tests.campaign.figures import Figures
from tests.campaign.tiers import Done, Piece


class Stand:
    """Stands in for the pieces' processes: every piece goes as it must, until `stops_after` so many."""

    def __init__(self) -> None:
        self.ran: list[Piece] = []
        self.stops_after: int | None = None

    def conduct(self, wanted: Sequence[Piece], *, lanes: int, tell: Callable[[str], None]) -> Iterator[Done]:
        """Each has its result at once."""
        del lanes, tell
        for piece in wanted[: self.stops_after]:
            self.ran.append(piece)
            yield Done(piece, Figures(piece.campaign, piece.size, "things", lost=int(piece.bug is not None)))
        if self.stops_after is not None:
            raise KeyboardInterrupt


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """No process is started."""
    stand = Stand()
    monkeypatch.setattr(faults, "conduct", stand.conduct)
    monkeypatch.setattr(faults, "version", lambda: "a")
    return stand


def test_the_bars_are_reached_in_two_goes(stand: Stand, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second go runs what the first has left, and the figures are those of both together."""
    stand.stops_after = 20
    with pytest.raises(KeyboardInterrupt):
        main(["bars", "--record", str(tmp_path / "bars.jsonl")])
    stand.stops_after = None
    assert main(["bars", "--record", str(tmp_path / "bars.jsonl")]) == 0
    assert len(stand.ran) == len({piece.name for piece in stand.ran})
    told = json.loads(capsys.readouterr().out)
    assert (told["tier"], told["holds"], told["versions"]) == ("bars", True, ["a"])
    assert all(each["done"] == share.goal for each, share in zip(told["campaigns"], faults.BARS, strict=True))


def test_old_results_are_never_added_to_new_ones(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a commit everything is run again, and that is said."""
    command = ["bars", "--record", str(tmp_path / "bars.jsonl")]
    assert main(command) == 0
    monkeypatch.setattr(faults, "version", lambda: "b")
    count = len(stand.ran)
    assert main(command) == 0
    assert stand.ran[count:] == stand.ran[:count]
    assert f"{count} results of other versions are left out" in capsys.readouterr().err
    monkeypatch.setattr(faults, "version", lambda: "c")
    assert main([*command, "--any-version"]) == 0
    assert len(stand.ran) == 2 * count
