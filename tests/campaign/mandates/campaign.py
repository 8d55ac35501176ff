"""The campaign: mandates made, raced for, rolled over and revoked until so many draws were tried."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from edge_agent.adapters.clock import EffectiveClock
from edge_agent.adapters.store.connection import Connection
from edge_agent.core.clock_trust import bounds_for
from edge_agent.errors import StoreBusyError
from edge_agent.ports import CrashPoint
from tests.campaign.approvals.home import furnished
from tests.campaign.bugs import Bug, planted
from tests.campaign.figures import Figures
from tests.campaign.mandates import rivals
from tests.campaign.mandates.purse import Purse, Wall
from tests.campaign.mandates.races import Races
from tests.campaign.mandates.revoking import Revoking

WANTED = (
    "granted",
    "last_euro",
    "overtaken",
    "clock_back",
    "revoked_amid",
    "drawn:grocer",
    "drawn:baker",
    "second_hub_refused",
    "odd_night",
    str(CrashPoint.PERIOD_ROLLED),
    str(CrashPoint.REVOKE_RECEIVED),
    "mandate_over_budget",
    "mandate_merchant_class",
    "mandate_outside_range",
    "mandate_no_occurrence_left",
    "mandate_refused",
    "revoked:before_send",
    "revoked:on_the_wire",
    "revoked:between_sends",
    "revoked:before_answer",
    "revoked:unanswered",
    "held_back",
    "races",
    "rivals:drawn",
    "rivals:mandate_refused",
    "rivals:revoked",
    "rivals:shared",
    "rivals:in_the_book",
    "rivals:sent_again",
)
_DRAWS_WITH_BUG = 2_000  # at the most, until a planted bug shows
_MANDATES_A_HOME = 12  # then a race between processes, and a new home


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Try `size` draws. What goes over a budget counts as overcharged, what has no leave as unauthorised."""
    purse, rng = Purse(seed), Random(seed)
    size = size if bug is None else max(size, _DRAWS_WITH_BUG)
    logging.disable(logging.CRITICAL)
    try:
        homes = 0
        while purse.attempts < size and not (bug is not None and purse.faults):
            homes += 1
            with planted(bug):
                _live(folder / f"hub-{homes}.sqlite3", purse=purse, rng=rng, size=size)
                if purse.attempts < size or homes == 1:
                    purse.add(rivals.run(folder / f"race-{homes}", seed=seed * 1_000 + homes))
                    purse.met["races"] += 1
    finally:
        logging.disable(logging.NOTSET)
    return Figures(
        "mandates",
        purse.attempts,
        "draws",
        unauthorised=purse.unauthorised,
        overcharged=purse.overdrawn,
        covered=dict(sorted(purse.met.items())),
        wanted=WANTED,
        faults=tuple(purse.faults),
    )


def _live(path: Path, *, purse: Purse, rng: Random, size: int) -> None:
    wall = Wall(datetime(2026, 3, 1, 9, 0, tzinfo=UTC))
    clock = EffectiveClock(wall, bounds=bounds_for(speed=1.0, timeout_s=10.0), ticks_s=wall.ticks_s)
    clock.resume(None)

    def passed(point: CrashPoint) -> None:
        purse.met[str(point)] += 1

    with furnished(path, rng=rng, clock=clock, crash_hook=passed) as home:
        _second_hub(path, purse)
        races, revoking = Races(home, wall, purse, rng), Revoking(home, wall, purse, rng)
        for number in range(_MANDATES_A_HOME):
            if purse.attempts >= size and number:
                return
            races.run()
            if number % 4 == 0:
                asyncio.run(revoking.run())


def _second_hub(path: Path, purse: Purse) -> None:
    """Two hubs on one store would be two ledgers: the second one is refused (B14)."""
    try:
        Connection(path, busy_timeout_ms=1).open().close()
        purse.fault("a second hub opened the same store")
    except StoreBusyError:
        purse.met["second_hub_refused"] += 1
