"""Races for a mandate's budget: none is overdrawn, nothing leaves once it is revoked, an early check is found."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.bugs import Bug
from tests.campaign.faults import BUGS
from tests.campaign.mandates import rivals
from tests.campaign.mandates.almanac import began_on
from tests.campaign.mandates.campaign import run
from tests.campaign.mandates.judging import judge
from tests.campaign.tiers import Done


def test_no_budget_is_overdrawn_and_a_revocation_holds(tmp_path: Path) -> None:
    """The short tier."""
    figures = run(150, seed=1, folder=tmp_path)
    assert figures.faults == ()
    assert (figures.overcharged, figures.unauthorised) == (0, 0)
    assert figures.covered["granted"] > 0


def test_a_budget_that_is_checked_too_early_is_caught(tmp_path: Path) -> None:
    """The harness can fail, by the piece and by the rule of the campaign.

    What the race between processes adds is the machine's choice. The draws before it come of the seed alone: these go
    over a budget and over a number of orders.
    """
    [piece] = [piece for piece in BUGS if piece.bug is Bug.BUDGET_OUTSIDE_TRANSACTION]
    figures = run(piece.size, seed=piece.seed, folder=tmp_path, bug=piece.bug)
    assert Done(piece, figures).holds
    assert figures.overcharged > 0
    assert figures.unauthorised > 0


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


_RACES_MAX = 10


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a race between processes has left: the first one in which all that is falsified below came about.

    Who comes first is the machine's choice; on a busy one a revoked mandate may never have been drawn on.
    """
    races = tmp_path_factory.mktemp("races")
    for seed in range(1, _RACES_MAX + 1):
        folder = races / f"race-{seed}"
        verdict = rivals.run(folder, seed=seed)
        assert verdict.faults == []
        if _a_revoked(folder) != "None" and json.loads((folder / "sell.json").read_text(encoding="utf-8"))["book"]:
            return folder
    pytest.fail(f"none of {_RACES_MAX} races had a sale, and a draw on a mandate that was then revoked")


def sql(*statements: str) -> Callable[[Path], None]:
    """Changes to the rows."""

    def change(folder: Path) -> None:
        db = sqlite3.connect(folder / "rivals.sqlite3")
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()

    return change


def note(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    """A change to what a process noted."""

    def changed(folder: Path) -> None:
        path = folder / f"{name}.json"
        noted = json.loads(path.read_text(encoding="utf-8"))
        change(noted)
        path.write_text(json.dumps(noted), encoding="utf-8")

    return changed


# A draw of a mandate that was revoked.
_OF_REVOKED = "(SELECT l.intent FROM ledger l JOIN mandate m ON m.id = l.mandate WHERE m.state = 'revoked' LIMIT 1)"
_LATE = (
    "INSERT INTO audit SELECT max(seq) + 1, '', '', json_object('event', 'approved', 'intent', IT) FROM audit".replace(
        "IT", _OF_REVOKED
    )
)

_WAITS = "INSERT OR IGNORE INTO outbox (intent, body, body_sha256, created_ms) SELECT IT, x'', '', 0".replace(
    "IT", _OF_REVOKED
)
_NOT_WANTED_BACK = "DELETE FROM cancel_wish WHERE intent = IT".replace("IT", _OF_REVOKED)


@pytest.mark.parametrize(
    ("falsify", "words"),
    [
        (sql("UPDATE ledger SET amount_minor = 4000, state = 'reserved' WHERE mandate IS NOT NULL"), "the rows hold"),
        (note("sell", lambda sold: sold["book"].update(dict.fromkeys(sold["book"], 4_000))), "may charge"),
        (note("sell", lambda sold: sold["book"].update(another=100)), "which nobody drew"),
        (
            sql(_LATE),
            "a mandate that had ended",
        ),
        (sql(_WAITS, _NOT_WANTED_BACK), "waits"),
        (
            lambda folder: note("deliver", lambda sent: sent.extend([[_a_revoked(folder), 2**62]] * 2))(folder),
            "left the home after",
        ),
    ],
)
def test_the_judge_of_a_race_can_say_no(
    raced: Path, tmp_path: Path, falsify: Callable[[Path], None], words: str
) -> None:
    """Rows, book, order of the transactions and what left are each looked at."""
    folder = Path(shutil.copytree(raced, tmp_path / "race"))
    assert judge(folder, folder / "rivals.sqlite3").faults == []
    falsify(folder)
    assert any(words in fault for fault in judge(folder, folder / "rivals.sqlite3").faults)


def _a_revoked(folder: Path) -> str:
    db = sqlite3.connect(folder / "rivals.sqlite3")
    intent = db.execute(f"SELECT {_OF_REVOKED}").fetchone()[0]
    db.close()
    return str(intent)
