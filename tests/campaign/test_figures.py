"""What a campaign reports, and the commands that start one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.campaign.__main__ import CAMPAIGNS, main
from tests.campaign.bugs import Bug, planted
from tests.campaign.figures import Figures

GOOD = Figures("power", 300, "power losses", covered={"kept": 2}, wanted=("kept",))


def test_a_run_without_a_fault_holds() -> None:
    """With its bound: no failure in 300 means less than one in a hundred."""
    assert GOOD.holds
    assert GOOD.bound == pytest.approx(0.01)


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, done=0),
        replace(GOOD, lost=1),
        replace(GOOD, doubled=1),
        replace(GOOD, unauthorised=1),
        replace(GOOD, overcharged=1),
        replace(GOOD, faults=("torn",)),
        replace(GOOD, covered={"kept": 0}),
    ],
    ids=lambda bad: next(name for name in Figures.__dataclass_fields__ if getattr(bad, name) != getattr(GOOD, name)),
)
def test_a_run_with_a_fault_does_not_hold(bad: Figures) -> None:
    """Anything lost, doubled, unauthorised, overcharged or never met fails the run, and there is no bound then."""
    assert not bad.holds
    assert bad.bound is None


def test_in_doubt_stands_apart() -> None:
    """What is in doubt or parked fails no run, and is reported by its own name."""
    told = json.loads(replace(GOOD, in_doubt=3, parked=2).to_json())
    assert (told["holds"], told["in_doubt"], told["parked"]) == (True, 3, 2)


def test_the_campaigns_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`list` names what `run` knows."""
    assert main(["list"]) == 0
    assert capsys.readouterr().out.split() == list(CAMPAIGNS)


def test_no_bug_changes_nothing() -> None:
    """A campaign without a bug plants none."""
    with planted(None):
        assert len(Bug) == 14
