"""The tiers of the fault campaigns: `quick`, `bars` and `deep`, each one JSON object on standard output.

Source: RELIABILITY sections 4.5 and 6. What is in doubt or parked is told apart and never counted as good.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic

from tests.campaign.bugs import Bug
from tests.campaign.conduct import conduct
from tests.campaign.record import Record, version
from tests.campaign.table import table
from tests.campaign.tiers import Done, Piece, Share, caught, longest_first, pieces, totals

# Pieces of a few minutes at the most, so that the lanes end together. Sized by measured rates for 25 minutes on two
# cores: the bars that this falls short of are reached by BARS, and docs/promises.md says which they are.
QUICK = (
    Share("processes", 300, 100, bar=300),
    Share("kills", 5_000, 1_000, bar=10_000),
    Share("orders", 12_000, 2_000, bar=25_000),
    Share("simulation", 250_000, 25_000, bar=500_000),
    Share("power", 100_000, 12_500, bar=100_000),
    Share("machine", 300_000, 30_000, bar=300_000),
    Share("approvals", 100_000, 25_000, bar=100_000),
    Share("restores", 60, 30),
    Share("clones", 12, 6),
    Share("mandates", 10_000, 5_000),
    Share("replicas", 60, 30),
    Share("disk", 200, 100),
    Share("full", 20, 20),
)
# The quick tier with every bar in full, however long it takes; in pieces, so that it can be stopped and go on.
BARS = tuple(replace(share, goal=share.bar or share.goal) for share in QUICK)
DEEP = (
    Share("processes", 10_000, 100, bar=10_000),
    Share("kills", 500_000, 750, bar=500_000),
    Share("orders", 2_000_000, 1_500, bar=2_000_000),
    Share("simulation", 100_000_000, 100_000, bar=100_000_000),
    Share("power", 10_000_000, 12_500, bar=10_000_000),
    Share("machine", 30_000_000, 15_000, bar=30_000_000),
    Share("approvals", 10_000_000, 100_000, bar=10_000_000),
    Share("restores", 20_000, 60),
    Share("clones", 2_000, 20),
    Share("mandates", 400_000, 5_000),
    Share("replicas", 6_000, 60),
    Share("disk", 2_000, 200),
    Share("full", 200, 20),
)

# Which campaign must catch which bug, and how much of it takes about 20 seconds. A bug that stands here more than once
# must be caught each time.
BUGS = (
    Piece("power", 3_000, 1, Bug.SYNCHRONOUS_NORMAL),
    Piece("power", 3_000, 1, Bug.ACK_BEFORE_COMMIT),
    Piece("simulation", 4_000, 1, Bug.KEY_PER_PROCESS),
    Piece("simulation", 4_000, 1, Bug.MARK_SENT_FIRST),
    Piece("power", 3_000, 1, Bug.TOKEN_BURNED_APART),
    Piece("simulation", 4_000, 1, Bug.BODY_REBUILT),
    Piece("simulation", 4_000, 1, Bug.FLOAT_MONEY),
    Piece("power", 3_000, 1, Bug.WALL_CLOCK_DELETE),
    Piece("simulation", 4_000, 1, Bug.NO_FENCE),
    Piece("replicas", 24, 1, Bug.NO_FENCE),
    Piece("approvals", 2_000, 1, Bug.GET_APPROVES),
    Piece("mandates", 200, 1, Bug.BUDGET_OUTSIDE_TRANSACTION),
    Piece("power", 3_000, 1, Bug.TINYDB_OUTBOX),
    Piece("simulation", 4_000, 1, Bug.REDIRECTS_ON),
    Piece("simulation", 4_000, 1, Bug.RETRY_AFTER_KEY_LIFE),
)


def quick(*, lanes: int) -> int:
    """Everything once, bugs included; the exit code."""
    started_s, versions = monotonic(), [version()]
    results = list(conduct(longest_first([*pieces(QUICK), *BUGS]), lanes=lanes, tell=_tell))
    return _conclude("quick", results, bars=_bars(QUICK), seconds=monotonic() - started_s, versions=versions)


def bars(*, lanes: int, record: Path, any_version: bool) -> int:
    """The quick tier's campaigns up to their bars."""
    return _go_on("bars", BARS, lanes=lanes, kept=Record(record, version=version(), any_version=any_version))


def deep(*, lanes: int, record: Path, any_version: bool) -> int:
    """Hours."""
    return _go_on("deep", DEEP, lanes=lanes, kept=Record(record, version=version(), any_version=any_version))


def _go_on(tier: str, shares: Sequence[Share], *, lanes: int, kept: Record) -> int:
    """Run every piece that has no result yet; stop it at any time, and start it again.

    Raises: RecordInUseError.
    """
    wanted, broken, started_s = [*BUGS, *pieces(shares)], [], monotonic()
    with kept.alone():
        left = kept.left(wanted)
        _tell(f"{len(wanted) - len(left)} of {len(wanted)} pieces are on record")
        if left_out := kept.left_out(wanted):
            _tell(f"{left_out} results of other versions are left out (--any-version counts them)")
        for result in conduct(left, lanes=lanes, tell=_tell):
            kept.add(result)
            broken += [result] if result.figures is None else []
        results, versions = [*kept.results(wanted), *broken], kept.versions(wanted)
    return _conclude(tier, results, bars=_bars(shares), seconds=monotonic() - started_s, versions=versions)


def _bars(shares: Iterable[Share]) -> dict[str, int | None]:
    return {share.campaign: share.bar for share in shares}


def _conclude(
    tier: str,
    results: Sequence[Done],
    *,
    bars: Mapping[str, int | None],
    seconds: float,
    versions: Sequence[str],
) -> int:
    bugs, sums = caught(results), totals(results)
    sums.sort(key=lambda total: list(bars).index(total.campaign))
    is_whole = len(bugs) == len(Bug) and not any(total.missed for total in sums)
    holds = bool(results) and all(result.holds for result in results) and is_whole
    told = {
        "tier": tier,
        "holds": holds,
        "seconds": round(seconds, 1),
        "cores": os.cpu_count(),
        "versions": versions,
        "campaigns": [
            {**asdict(total), "bar": bars[total.campaign], "harm": total.harm, "bound_95": total.bound}
            for total in sums
        ],
        "bugs_caught": sum(bugs.values()),
        "bugs_planted": len(Bug),
        "bugs": {str(bug): found for bug, found in sorted(bugs.items())},
    }
    _tell(table(sums, bars=bars))
    _tell(
        f"{tier}: {'holds' if holds else 'FAILS'} after {seconds / 60:.1f} min, {sum(bugs.values())} of {len(Bug)} bugs"
    )
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if holds else 1


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
