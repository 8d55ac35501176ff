"""Races for a mandate's budget: none is overdrawn, nothing leaves once it is revoked, an early check is found."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from tests.campaign.bugs import Bug
from tests.campaign.mandates.almanac import began_on
from tests.campaign.mandates.campaign import run


def test_no_budget_is_overdrawn_and_a_revocation_holds(tmp_path: Path) -> None:
    """The short tier."""
    figures = run(150, seed=1, folder=tmp_path)
    assert figures.faults == ()
    assert (figures.overcharged, figures.unauthorised) == (0, 0)
    assert figures.covered["granted"] > 0


def test_a_budget_that_is_checked_too_early_is_caught(tmp_path: Path) -> None:
    """The harness can fail."""
    figures = run(1_000, seed=3, folder=tmp_path, bug=Bug.BUDGET_OUTSIDE_TRANSACTION)
    assert figures.overcharged > 0


@pytest.mark.parametrize(
    ("now", "first", "frequency", "zone", "began"),
    [
        ("2026-03-29T00:30+00:00", "2026-03-01", "DAILY", "Europe/Berlin", "2026-03-29"),
        ("2026-02-28T23:30+00:00", "2026-01-31", "MONTHLY", "UTC", "2026-02-28"),
        ("2026-02-28T23:30+00:00", "2026-01-31", "MONTHLY", "Europe/Berlin", "2026-02-28"),
        ("2028-02-29T12:00+00:00", "2024-02-29", "ANNUALLY", "UTC", "2028-02-29"),
        ("2027-02-28T12:00+00:00", "2024-02-29", "ANNUALLY", "UTC", "2027-02-28"),
        ("2026-03-31T10:30+00:00", "2026-03-01", "WEEKLY", "Pacific/Kiritimati", "2026-03-29"),
    ],
)
def test_the_oracles_calendar(now: str, first: str, frequency: str, zone: str, began: str) -> None:
    """Months are clipped, days are those of the zone."""
    found = began_on(datetime.fromisoformat(now), first_day=date.fromisoformat(first), frequency=frequency, zone=zone)
    assert found == date.fromisoformat(began)
