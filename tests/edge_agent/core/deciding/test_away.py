"""A shift of the whole home's use is seen by its sensors, asked about once, and never made of one item or of noise."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from edge_agent.core.catalogue import DateRange, Preferences
from edge_agent.core.deciding.away import question, seen_shift
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.messages import ItemId, StockEstimate
from tests.edge_agent.consumables import MILK, START, stock_estimate

NOW = START + timedelta(hours=9)
NOBODY_TOLD = Presence(Preferences())
TODAY = NOW.date()


def home(rng: np.random.Generator, *, items: int = 4, pace: float = 1.0, days: int = 0) -> list[StockEstimate]:
    """Items that are used irregularly for six weeks, and at another pace for the last days."""
    made = []
    for number in range(items):
        use = rng.gamma(4.0, 0.25, size=42)
        use[42 - days :] *= pace
        made.append(replace(stock_estimate(MILK, use_packs=use.tolist(), at=START), item=ItemId(f"item-{number}")))
    return made


@pytest.mark.parametrize(
    ("pace", "days", "kind"),
    [
        pytest.param(1.0, 0, None, id="as usual"),
        pytest.param(0.05, 4, "away", id="four days of nearly nothing"),
        pytest.param(0.05, 1, None, id="one day is none"),
        pytest.param(0.6, 5, None, id="a little less"),
        pytest.param(2.2, 4, "guests", id="four days of twice as much"),
        pytest.param(1.1, 5, None, id="a little more"),
    ],
)
def test_a_shift_is_seen(pace: float, days: int, kind: str | None) -> None:
    """In most homes that are drawn, and only where there is one."""
    homes = [home(np.random.default_rng(seed), pace=pace, days=days) for seed in range(20)]
    shifts = [seen_shift(one, presence=NOBODY_TOLD, now=NOW) for one in homes]
    assert [None if shift is None else shift.kind for shift in shifts].count(kind) >= 18  # type: ignore[arg-type]


def test_one_item_proves_nothing() -> None:
    """A single thing that nobody uses for days is no absence."""
    quiet, *others = home(np.random.default_rng(1), items=4)
    stopped = home(np.random.default_rng(2), items=1, pace=0.0, days=6)
    assert seen_shift(stopped, presence=NOBODY_TOLD, now=NOW) is None
    assert seen_shift([*stopped, quiet, *others], presence=NOBODY_TOLD, now=NOW) is None


def test_days_that_nobody_saw_are_no_absence() -> None:
    """Sensors that were silent for the last days say nothing of them."""
    seen = [replace(one, daily_use=one.daily_use[:-4]) for one in home(np.random.default_rng(3))]
    assert seen_shift(seen, presence=NOBODY_TOLD, now=NOW) is None


@pytest.mark.parametrize("told", ["away", "guests", "as_usual"])
def test_what_was_told_is_not_asked(told: str) -> None:
    """Any answer that covers today ends the question."""
    shift = seen_shift(home(np.random.default_rng(4), pace=0.03, days=4), presence=NOBODY_TOLD, now=NOW)
    assert shift is not None
    asked = question(shift, presence=NOBODY_TOLD, now=NOW)
    assert asked is not None
    assert asked.text.endswith("Are you away?")
    answered = Preferences.model_validate({told: (DateRange(first=TODAY, last=TODAY),)})
    assert question(shift, presence=Presence(answered), now=NOW) is None


def test_days_away_are_not_what_is_usual() -> None:
    """After a holiday that was told of, ordinary days are no guests."""
    rng = np.random.default_rng(5)
    back = []
    for one in home(rng):
        days = [(day, used * (0.02 if 5 <= (TODAY - day).days <= 30 else 1.0)) for day, used in one.daily_use]
        back.append(replace(one, daily_use=tuple(days)))
    away = DateRange(first=TODAY - timedelta(days=30), last=TODAY - timedelta(days=5))
    assert seen_shift(back, presence=Presence(Preferences(away=(away,))), now=NOW) is None
