"""The campaign: as many worlds as the size needs, each from a seed of its own, and one sum of what they came to."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.merchants.simulated_modes import MEETS, Mode
from cloud_bridge.ports import CrashPoint
from tests.campaign.bugs import Bug, planted
from tests.campaign.figures import Figures
from tests.campaign.simulation.home import POINTS
from tests.campaign.simulation.judge import FAULTS_MAX
from tests.campaign.simulation.redirects import hosts_reached
from tests.campaign.simulation.stand_in import REAL_EVERY
from tests.campaign.simulation.world import ORDERS, Verdict, live_through

SEEDS_FILE = Path(__file__).with_name("seeds.txt")
_SEEDS_APART = 1_000_000  # worlds of two runs do not overlap
_ORDERS_WITH_BUG = 12_000  # at the most, until a planted bug shows
_WEBHOOKS = ("lost", "late", "twice", "lying", "forged_refused", "taken", "all_lost")
_DRAWS = ("mandate_over_budget", "mandate_outside_range", "mandate_merchant_class", "mandate_missing")
_HUBS = ("restored", "to_take_over", "taken_over", "not_asked_again", "cloned", "forked", "overtaken", "thawed")
_LEAVE = ("drawn", "mandate_paused", "mandate_revoked")


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Let `size` orders be approved under faults, and count; with a bug planted, until a world has a fault."""
    tally: Counter[str] = Counter()
    faults: list[str] = []
    total, forgiven = Counter[str](), Counter[str]()
    size = size if bug is None else max(size, _ORDERS_WITH_BUG)
    with planted(bug), _quiet():
        strangers = asyncio.run(hosts_reached())
        faults += [f"an order was carried on to {host} by a redirect" for host in strangers]
        tally["redirects_refused"] += not strangers
        for number, world in enumerate(_seeds(seed)):
            orders = min(ORDERS, 2 * (size - total["done"]))
            verdict = live_through(world, signs=number % REAL_EVERY == 0, orders=orders)
            _add(total, verdict)
            tally += verdict.tally
            forgiven += verdict.forgiven
            faults += verdict.faults
            if total["done"] >= size or (bug is not None and faults) or len(faults) >= FAULTS_MAX:
                break
    return Figures(
        "simulation",
        total["done"],
        "orders",
        lost=total["lost"],
        doubled=total["doubled"],
        unauthorised=total["unauthorised"],
        overcharged=total["overcharged"],
        in_doubt=tally["in_doubt"],
        parked=tally["parked"],
        forgiven=dict(sorted(forgiven.items())),
        covered=dict(sorted(tally.items())),
        wanted=wanted(),
        faults=tuple(faults[:FAULTS_MAX]),
    )


def wanted() -> tuple[str, ...]:
    """What a run must have met: every crash point, class and mode, deaths of both sides, and doubt."""
    points = [f"crash:{point}" for point in CrashPoint]
    hub = [*(f"crash:hub_{point}" for point in POINTS), "crash:hub_store"]
    modes = sorted({f"mode:{mode}" for modes in MEETS.values() for mode in modes} | {f"mode:{Mode.KEY_PRUNED}"})
    classes = [f"class:{each}" for each in MerchantClass]
    met = ["in_doubt", "parked", "settled", "cancelled", "killed_bridge", "killed_hub", "paused", "redirects_refused"]
    webhooks = [f"webhook:{each}" for each in _WEBHOOKS]
    draws = [f"draw_refused:{each}" for each in _DRAWS]
    clocks = ["bridge_clock_jump", "hub_clock_jump"]
    return (*points, *hub, *modes, *classes, *met, *webhooks, *draws, *_HUBS, *_LEAVE, *clocks)


def regression_seeds() -> list[int]:
    """Worlds that once went wrong."""
    lines = (line.split("#", 1)[0].strip() for line in SEEDS_FILE.read_text().splitlines())
    return [int(line) for line in lines if line]


def _seeds(seed: int) -> Iterator[int]:
    yield from range(seed * _SEEDS_APART, (seed + 1) * _SEEDS_APART)


def _add(total: Counter[str], verdict: Verdict) -> None:
    counts = verdict.counts
    total.update(done=counts.done, lost=counts.lost, doubled=counts.doubled)
    total.update(unauthorised=counts.unauthorised, overcharged=counts.overcharged)


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines, and fewer collections: a world makes very many short-lived records."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        gc.set_threshold(*before)
