"""Orders through the real stores of hub and bridge, with hostile merchants and deaths: many articles, long lives.

The same lives as in `tests.campaign.kills`, in homes where far more is ordered. One unit is one order that a merchant
truly took.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.kills.campaign import Count, figures, go_through, warm_up
from tests.campaign.kills.setting import Course

COURSE = Course(
    name="orders", fridges=36, use_packs=(3.0, 6.0), turns=10, hours_a_turn=24, arrives_after_turns=2, deaths=0.5
)
_LIVES_A_HOME = 16


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Go through home after home until merchants have taken `size` orders."""
    del bug
    rng, count = random.Random(seed), Count()
    warm_up(folder, COURSE)
    while count.orders < size:
        place = folder / f"home-{len(count.verdicts) + 1}"
        go_through(COURSE, place, lives=_LIVES_A_HOME, kills=_LIVES_A_HOME, rng=rng, count=count)
    return figures(count, name=COURSE.name, done=count.orders, unit="orders", seed=seed)
