"""The state machines as a campaign: both are run, and the steps that were made are counted."""

from __future__ import annotations

from pathlib import Path

from tests.campaign.machine.campaign import run


def test_both_machines_are_run_and_their_steps_counted(tmp_path: Path) -> None:
    """A very short tier; the machines have longer ones of their own."""
    figures = run(60, seed=3, folder=tmp_path)
    assert figures.faults == ()
    assert figures.done >= 60
    assert figures.covered["bridge"] > 0
    assert figures.covered["hub"] > 0
