"""All kinds one after the other, told by kind: one JSON object on standard output, and how it goes on standard error.

A kind whose counterpart is not installed here is named, and is no failure; nothing is claimed of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.campaign.merchants.campaign import COUNTS, Tally, at_kind
from tests.campaign.merchants.shops import SHOPS


def main(options: argparse.Namespace) -> int:
    """Run, print, and give the exit code."""
    kinds: list[str] = options.kinds or list(SHOPS)
    if unknown := sorted(set(kinds) - set(SHOPS)):
        sys.stderr.write(f"{unknown[0]} is no kind of merchant: {', '.join(SHOPS)} are\n")
        return 2
    seeds = range(options.seed, options.seed + options.seeds)
    absent = {kind: reason for kind in kinds if (reason := SHOPS[kind].missing()) is not None}
    told = {}
    for kind in kinds:
        if kind in absent:
            sys.stderr.write(f"{kind}: left out: {absent[kind]}\n")
            continue
        tally = _added([_once(kind, orders=options.size, seed=seed, seconds=options.seconds) for seed in seeds])
        told[kind] = tally
        verdict = "holds" if tally.holds else "FAILS"
        sys.stderr.write(f"{kind}: {verdict}: {tally.count('orders')} orders, {tally.seconds:.0f} s\n")
        sys.stderr.flush()
    holds = bool(told) and all(tally.holds for tally in told.values())
    result = {
        "holds": holds,
        "seeds": list(seeds),
        **{name: sum(tally.count(name) for tally in told.values()) for name in COUNTS},
        "kinds": {kind: tally.told() for kind, tally in told.items()},
        "left_out": absent,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if holds else 1


def _once(kind: str, *, orders: int, seed: int, seconds: float) -> Tally:
    with tempfile.TemporaryDirectory(prefix="restock-") as folder:
        return at_kind(kind, orders=orders, seed=seed, folder=Path(folder) / kind, seconds=seconds)


def _added(tallies: list[Tally]) -> Tally:
    total = Tally(tallies[0].wanted)
    for tally in tallies:
        total.met += tally.met
        total.verdicts += tally.verdicts
        total.faults += tally.faults
        total.seconds += tally.seconds
    return total
