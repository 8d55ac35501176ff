"""The simulated half of the campaign: every home of every seed under every policy, on several processes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from time import monotonic

from tests.campaign.homes.household import home
from tests.campaign.homes.life import POLICIES, Lived, live
from tests.campaign.homes.measuring import summary

SEEDS = tuple(range(1, 21))
DAYS = 90
WORKERS = 2


def simulated(seeds: Sequence[int] = SEEDS, days: int = DAYS, workers: int = WORKERS) -> dict[str, object]:
    """The figures of these homes, for JSON; progress goes to standard error."""
    begun = monotonic()
    lives = list(_lives(seeds, days=days, workers=workers))
    return {**summary(lives), "seeds": list(seeds), "took_s": round(monotonic() - begun, 1)}


def one_seed(seed: int, days: int) -> list[Lived]:
    """One home under every policy: the same days each time."""
    gc.set_threshold(200_000, 50, 100)  # very many short-lived records
    return [live(home(seed, days=days), policy, days=days) for policy in POLICIES]


def _lives(seeds: Sequence[int], *, days: int, workers: int) -> Iterator[Lived]:
    if workers == 1:
        for seed in seeds:
            yield from _told(one_seed(seed, days))
        return
    with ProcessPoolExecutor(workers) as pool:
        for lives in pool.map(one_seed, seeds, [days] * len(seeds)):
            yield from _told(lives)


def _told(lives: list[Lived]) -> list[Lived]:
    for each in lives:
        out, spoiled = sum(each.out_days.values()), sum(each.spoiled_packs.values())
        line = f"home {each.seed:>3} {each.policy:<16} prompts {each.asked:>4}  stock-out days {out:>3}"
        print(f"{line}  spoiled packs {spoiled:5.1f}", file=sys.stderr, flush=True)  # noqa: T201 - progress
    return lives
