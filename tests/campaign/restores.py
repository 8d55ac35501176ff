"""Old backups put back, again and again: a hub that has forgotten its last days must not order what is on its way.

The hub's folder is copied at some moment, life goes on under faults and kills, and then the copy is put back. What the
hub promised in between is gone with it, and nobody holds it to that; what it ordered in between is at the merchant, and
must come back to it from the bridge before it orders anything. One unit is one backup that was put back.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from edge_agent.folder import HOUSEHOLD_FILE, STORE_FILE
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.kills.campaign import Count, figures, go_through, warm_up
from tests.campaign.kills.setting import Course
from tests.campaign.kills.world import Memory, World

COURSE = Course(
    name="restores",
    fridges=8,
    use_packs=(0.3, 1.2),
    turns=3,
    hours_a_turn=6,
    arrives_after_turns=6,
    deaths=0.5,
)
_LIVES_A_HOME = 60
_KEPT_LIVES_MAX = 6  # a backup is put back after one to so many lives


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Put `size` backups back."""
    del bug
    rng, count = random.Random(seed), Count()
    warm_up(folder, COURSE)
    while count.met["restored"] < size:
        keeper = Keeper(folder / f"backup-{len(count.verdicts)}", rng=rng, count=count)
        place = folder / f"home-{len(count.verdicts) + 1}"
        go_through(
            COURSE, place, lives=_LIVES_A_HOME, kills=_LIVES_A_HOME, rng=rng, count=count, between=keeper.between
        )
    return figures(count, name=COURSE.name, done=count.met["restored"], unit="backups put back", seed=seed)


class Keeper:
    """Makes a backup between two lives, and puts it back some lives later."""

    def __init__(self, backup: Path, *, rng: random.Random, count: Count) -> None:
        self._backup = backup
        self._rng = rng
        self._count = count
        self._memory: Memory | None = None
        self._lives_left = 0

    def between(self, world: World, folder: Path) -> None:
        """Nobody is alive now."""
        if self._memory is None:
            self._memory, self._lives_left = world.remembered(), self._rng.randint(1, _KEPT_LIVES_MAX)
            _copy(folder, self._backup)
        elif self._lives_left > 0:
            self._lives_left -= 1
        else:
            _copy(self._backup, folder)
            world.forget(self._memory)
            self._memory = None
            self._count.met["restored"] += 1


def _copy(source: Path, target: Path) -> None:
    """The hub's own files, and none that the target had beside them."""
    target.mkdir(exist_ok=True)
    for old in (*target.glob(f"{STORE_FILE}*"), target / HOUSEHOLD_FILE):
        old.unlink(missing_ok=True)
    for each in (*source.glob(f"{STORE_FILE}*"), source / HOUSEHOLD_FILE):
        shutil.copy2(each, target)
