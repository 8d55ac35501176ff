"""The corpus of forged approvals: all refused, the genuine ones among them taken, and a GET that approves is found."""

from __future__ import annotations

from pathlib import Path

from tests.campaign.approvals.campaign import run
from tests.campaign.bugs import Bug


def test_no_forgery_is_taken_and_every_genuine_approval_is_taken_once(tmp_path: Path) -> None:
    """The short tier meets every kind of trick, at the bridge and at the hub's page."""
    figures = run(2_200, seed=1, folder=tmp_path)
    assert figures.missed == ()
    assert figures.holds, figures.faults


def test_a_page_that_approves_on_get_is_caught(tmp_path: Path) -> None:
    """The harness can fail."""
    assert run(200, seed=1, folder=tmp_path, bug=Bug.GET_APPROVES).unauthorised > 0
