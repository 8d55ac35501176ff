"""The answer to the question who is at home lands in the household's own file, and decisions can be taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.decisions import Decisions
from edge_agent.core.catalogue import DateRange, Household, Preferences
from edge_agent.core.deciding.replay import replay
from edge_agent.core.messages import Reason
from edge_agent.errors import RefusedError
from edge_agent.pipeline.explaining import Explaining
from edge_agent.pipeline.review import Review
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.pipeline.test_review import MILK_ID, kitchen_of, review_with
from tests.edge_agent.samples import MILK


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A home's stores."""
    with open_desk(tmp_path) as opened:
        yield opened


def explaining(desk: Desk, folder: Path, review: Review) -> tuple[Explaining, HouseholdFile]:
    """The stage on the household's own file."""
    file = HouseholdFile(folder / "household.json")
    old = DateRange(
        first=desk.clock.now().date() - timedelta(days=300), last=desk.clock.now().date() - timedelta(days=290)
    )
    file.save(Household(items=(MILK,), preferences=Preferences(cover_days=9, away=(old,))))
    made = Explaining(review=review, bundles=Decisions(desk.connection), household=file, clock=desk.clock, zone="UTC")
    return made, file


def test_an_answer_is_kept_where_people_can_edit_it(desk: Desk, tmp_path: Path) -> None:
    """Days from today on; what is long over goes, everything else stays; the question is gone at once."""
    review = review_with(desk)
    told, file = explaining(desk, tmp_path, review)
    review.question = Reason("seems_away", "Are you away?")
    today = desk.clock.now().date()
    told.tell("away", last=today + timedelta(days=9))
    told.tell("as_usual", last=None)
    found = HouseholdFile(file._path).load().preferences
    assert found.away == (DateRange(first=today, last=today + timedelta(days=9)),)
    assert found.as_usual == (DateRange(first=today, last=today + timedelta(days=7)),)
    assert found.cover_days == 9
    assert told.question() is None


@pytest.mark.parametrize("days", [-1, 181])
def test_days_that_cannot_be_meant_are_refused(desk: Desk, tmp_path: Path, days: int) -> None:
    """Before today, or further than half a year: the file stays as it is."""
    told, file = explaining(desk, tmp_path, review_with(desk))
    before = file.load()
    with pytest.raises(RefusedError, match="between today"):
        told.tell("guests", last=desk.clock.now().date() + timedelta(days=days))
    assert file.load() == before


def test_a_file_that_needs_mending_is_not_written_over(desk: Desk, tmp_path: Path) -> None:
    """Somebody is in the middle of an edit: their text is theirs."""
    told, file = explaining(desk, tmp_path, review_with(desk))
    file.load()
    file._path.write_text("{ half an edit")
    with pytest.raises(RefusedError, match="mended"):
        told.tell("as_usual", last=None)
    assert file._path.read_text() == "{ half an edit"


def test_the_newest_decision_can_be_taken_away(desk: Desk, tmp_path: Path) -> None:
    """And is made again elsewhere; before the first review there is none."""
    review = review_with(desk)
    told, _ = explaining(desk, tmp_path, review)
    assert told.bundle(MILK_ID) is None
    kitchen_of(desk, review).see(900, 890, 880)
    said = told.bundle(MILK_ID)
    assert said is not None
    assert replay(said).differs == ()
