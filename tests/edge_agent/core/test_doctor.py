"""What the doctor makes of what it saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.core.doctor import (
    Report,
    Severity,
    fine,
    judge_bridge_clock,
    judge_certificate,
    judge_clock,
    judge_room,
    note,
    problem,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MIB = 1 << 20


@pytest.mark.parametrize(
    ("free_mib", "store_mib", "severity"),
    [(31, 1, Severity.PROBLEM), (32, 1, Severity.NOTE), (127, 1, Severity.NOTE), (128, 1, Severity.FINE),
     (5_000, 4_064, Severity.PROBLEM), (5_000, 4_063, Severity.FINE)],
)  # fmt: skip
def test_room(free_mib: int, store_mib: int, severity: Severity) -> None:
    """As `store.reserve_mib` and `store.size_max_mib` say."""
    found = judge_room(
        free_bytes=free_mib * MIB, store_bytes=store_mib * MIB, reserve_mib=32, size_max_mib=4_096, where="/d"
    )
    assert found.severity is severity


@pytest.mark.parametrize(
    ("now", "high_water", "severity"),
    [(datetime(2025, 12, 31, tzinfo=UTC), None, Severity.PROBLEM), (NOW, None, Severity.FINE),
     (NOW, NOW + timedelta(minutes=6), Severity.PROBLEM), (NOW, NOW + timedelta(minutes=4), Severity.FINE),
     (NOW, NOW - 31 * DAY, Severity.NOTE), (NOW, NOW - 29 * DAY, Severity.FINE)],
)  # fmt: skip
def test_clock(now: datetime, high_water: datetime | None, severity: Severity) -> None:
    """Before the release, and behind the hub's own records, nothing is sent."""
    assert judge_clock(now=now, high_water=high_water).severity is severity


@pytest.mark.parametrize(("apart_s", "severity"), [(-601, "problem"), (601, "problem"), (599, "fine"), (-599, "fine")])
def test_bridge_clock(apart_s: float, severity: str) -> None:
    """In either direction."""
    theirs = NOW + timedelta(seconds=apart_s)
    found = judge_bridge_clock(now=NOW, theirs=theirs, apart_max=timedelta(minutes=10), where="b")
    assert found.severity == severity


@pytest.mark.parametrize(
    ("begins_d", "ends_d", "severity"),
    [(-1, 31, "fine"), (-1, 30, "note"), (-1, 1, "note"), (-1, 0, "problem"), (1, 90, "problem")],
)
def test_certificates(begins_d: int, ends_d: int, severity: str) -> None:
    """Thirty days are enough to do something about it."""
    found = judge_certificate(begins=NOW + begins_d * DAY, ends=NOW + ends_d * DAY, now=NOW, where="c", do="x")
    assert found.severity == severity


def test_the_worst_comes_first_and_says_what_to_do() -> None:
    """A note alone does not fail."""
    calm = (fine("all is well", "a"), note("look", "b", "soon"))
    assert Report(calm).is_sound
    report = Report((*calm, problem("broken", "c", "mend it")))
    assert not report.is_sound
    assert report.as_text().splitlines() == [
        "problem  c: broken", "         -> mend it", "note     b: look", "         -> soon",
        "fine     a: all is well", "1 problem, 1 note, 3 checks",
    ]  # fmt: skip
