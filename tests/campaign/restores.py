"""Old backups put back, again and again: a hub that has forgotten its last days must not order what is on its way.

The hub's folder is copied at some moment, life goes on under faults and kills, and then the copy is put back. What the
hub promised in between is gone with it, and nobody holds it to that; what it ordered in between is at the merchant, and
must come back to it from the bridge before it orders anything. One unit is one backup that was put back.

In every second home the moment is chosen to do harm: no merchant says that it has delivered, so that the hub closes its
orders by its sensors alone; the backup is put back right after something was ordered again that was on its way when the
backup was made; and only then the merchants say what they have delivered.
"""

from __future__ import annotations

import random
import shutil
from datetime import datetime
from pathlib import Path

from cloud_bridge.core.outcome import Progress
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode, Plan
from edge_agent.folder import HOUSEHOLD_FILE, STORE_FILE
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.kills.campaign import Count, figures, go_through, warm_up
from tests.campaign.kills.setting import START, Course
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
_LURKS_FOR_LIVES = 15  # or at last after so many, where it waits for its moment


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Put `size` backups back."""
    del bug
    rng, count = random.Random(seed), Count()
    warm_up(folder, COURSE)
    while count.met["restored"] < size:
        home = len(count.verdicts) + 1
        keeper = Keeper(folder / f"backup-{home}", rng=rng, count=count, lurks=home % 2 == 0)
        place = folder / f"home-{home}"
        go_through(
            COURSE, place, lives=_LIVES_A_HOME, kills=_LIVES_A_HOME, rng=rng, count=count, between=keeper.between
        )
    return figures(count, name=COURSE.name, done=count.met["restored"], unit="backups put back", seed=seed)


class Keeper:
    """Makes a backup between two lives, and puts it back some lives later; one that `lurks` waits for its moment."""

    def __init__(self, backup: Path, *, rng: random.Random, count: Count, lurks: bool = False) -> None:
        self._backup = backup
        self._rng = rng
        self._count = count
        self._lurks = lurks
        self._honest: dict[str, Plan] = {}
        self._memory: Memory | None = None
        self._made_at = START
        self._lives_left = 0

    def between(self, world: World, folder: Path) -> None:
        """Nobody is alive now."""
        if self._memory is None:
            self._memory, self._made_at = world.remembered(), world.now
            self._lives_left = _LURKS_FOR_LIVES if self._lurks else self._rng.randint(1, _KEPT_LIVES_MAX)
            _copy(folder, self._backup)
            if self._lurks:
                self._silence(world)
        elif self._lives_left > 0 and not (self._lurks and _ordered_again(world, since=self._made_at)):
            self._lives_left -= 1
        else:
            self._count.met["ordered_again"] += _ordered_again(world, since=self._made_at)
            _copy(self._backup, folder)
            world.forget(self._memory)
            self._memory = None
            self._count.met["restored"] += 1
            if self._lurks:
                self._let_tell(world)

    def _silence(self, world: World) -> None:
        """From now on merchants call goods sent that have come."""
        for name, merchant in world.merchants.items():
            self._honest[name] = merchant.faults
            merchant.faults = _late(merchant, merchant.faults)

    def _let_tell(self, world: World) -> None:
        """Now they tell."""
        for name, merchant in world.merchants.items():
            merchant.faults = self._honest[name]
        for bought in world.delivered_at:
            world.merchants[bought.merchant].progress[bought.order_id] = Progress.DELIVERED


def _late(merchant: SimulatedMerchant, plan: Plan) -> Plan:
    def late(request: str) -> Mode | None:
        for order_id, told in merchant.progress.items():
            if told is Progress.DELIVERED:
                merchant.progress[order_id] = Progress.SHIPPED
        return plan(request)

    return late


def _ordered_again(world: World, *, since: datetime) -> bool:
    """Whether something is on its way now that was on its way at `since` under an earlier order."""
    bought = world.bought().items()
    before = {sold.sku for name, sold in bought if sold.at <= since < world.delivered_at.get(name, world.now)}
    return any(sold.sku in before and sold.at > since and name not in world.delivered_at for name, sold in bought)


def _copy(source: Path, target: Path) -> None:
    """The hub's own files, and none that the target had beside them."""
    target.mkdir(exist_ok=True)
    for old in (*target.glob(f"{STORE_FILE}*"), target / HOUSEHOLD_FILE):
        old.unlink(missing_ok=True)
    for each in (*source.glob(f"{STORE_FILE}*"), source / HOUSEHOLD_FILE):
        shutil.copy2(each, target)
