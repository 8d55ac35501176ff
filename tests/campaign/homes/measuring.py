"""From many homes to the figures of the bar: estimates against the truth, and policies against each other. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import TypedDict

from tests.campaign.homes.life import POLICIES, Judged, Lived

COVER_BAR = (0.75, 0.85)
ERROR_BAR, ERROR_GOAL = 0.05, 0.03
GAIN_GOAL = 0.3


class EstimateFigures(TypedDict):
    """Of so many estimates: the share without an amount, and of the others how they meet the truth (in packs)."""

    estimates: int
    unknown: float
    covered: float | None
    median_error: float | None
    p90_error: float | None
    median_width: float | None
    missed_above: float | None
    missed_below: float | None


class Fares(TypedDict):
    """How the homes fared under one policy, a home."""

    prompts_a_week: float
    asked_moments_a_week: float
    stock_out_days: float
    spoiled_packs: float
    orders: float
    bought_packs: float
    bought_elsewhere: float
    declined: float


def estimate_figures(judged: Sequence[Judged]) -> EstimateFigures:
    """Coverage of the 80 % interval and error of the value."""
    known = [each for each in judged if each.value is not None]
    errors = sorted(abs((each.value or 0.0) - each.truth) for each in known)
    above = sum(each.truth > _high(each) for each in known)
    below = sum(each.truth < _low(each) for each in known)
    n = len(known)
    return EstimateFigures(
        estimates=len(judged),
        unknown=round(1 - n / len(judged), 4) if judged else 0.0,
        covered=round(1 - (above + below) / n, 4) if n else None,
        median_error=round(median(errors), 4) if n else None,
        p90_error=round(errors[int(0.9 * (n - 1))], 4) if n else None,
        median_width=round(median(_high(each) - _low(each) for each in known), 4) if n else None,
        missed_above=round(above / n, 4) if n else None,
        missed_below=round(below / n, 4) if n else None,
    )


def by(judged: Iterable[Judged], key: Callable[[Judged], str]) -> dict[str, EstimateFigures]:
    """The same, split by a word of each estimate."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        groups[key(each)].append(each)
    return {name: estimate_figures(groups[name]) for name in sorted(groups)}


def fares(lives: Sequence[Lived]) -> Fares:
    """Means over homes."""
    weeks = fmean(each.days for each in lives) / 7
    declined = [sum(n for what, n in each.counts.items() if what.startswith("declined")) for each in lives]
    return Fares(
        prompts_a_week=round(fmean(each.asked for each in lives) / weeks, 3),
        asked_moments_a_week=round(fmean(each.asked_moments for each in lives) / weeks, 3),
        stock_out_days=round(fmean(sum(each.out_days.values()) for each in lives), 3),
        spoiled_packs=round(fmean(sum(each.spoiled_packs.values()) for each in lives), 3),
        orders=round(fmean(each.counts["orders"] for each in lives), 2),
        bought_packs=round(fmean(sum(each.bought_packs.values()) for each in lives), 1),
        bought_elsewhere=round(fmean(each.counts["bought_elsewhere"] for each in lives), 2),
        declined=round(fmean(declined), 2),
    )


def summary(lives: Sequence[Lived]) -> dict[str, object]:
    """Everything about the simulated homes, for JSON."""
    of = {policy: [each for each in lives if each.policy == policy] for policy in POLICIES}
    judged = [one for each in of["restock"] for one in each.judged]
    level = [one for one in judged if one.sensing == "level"]
    sensed = [one for one in judged if one.sensing != "none"]
    told = {policy: fares(some) for policy, some in of.items() if some}
    return {
        "homes": len(of["restock"]),
        "days": max(each.days for each in lives),
        "estimate": {
            "all": estimate_figures(judged),
            "sensed": estimate_figures(sensed),
            "level": estimate_figures(level),
            "by_sensing": by(judged, lambda one: one.sensing),
            "by_ware": by(judged, lambda one: one.ware),
            "by_fault": by(sensed, lambda one: one.fault),
        },
        "homes_fared": told,
        "gain": {rival: _gain(told["restock"], told[rival]) for rival in POLICIES[1:] if rival in told},
        "by_ware": {policy: _by_ware(some) for policy, some in of.items()},
        "faults_met": dict(sum((each.faults for each in of["restock"]), Counter[str]())),
        "counts": dict(sum((each.counts for each in of["restock"]), Counter[str]())),
        "bar": _bar(estimate_figures(sensed), estimate_figures(level), told),
    }


_MEASURES = ("prompts_a_week", "stock_out_days", "spoiled_packs")


def _gain(ours: Fares, theirs: Fares) -> dict[str, float | None]:
    """How much less, as a share; above 0 is better."""
    return {
        name: round(1 - ours[name] / theirs[name], 3) if theirs[name] > 0 else None  # type: ignore[literal-required]
        for name in _MEASURES
    }


def _by_ware(lives: Sequence[Lived]) -> dict[str, dict[str, float]]:
    """Stock-out days and spoiled packs, a home that keeps the ware."""
    wares = sorted({name for each in lives for name in each.out_days})
    return {
        name: {
            "stock_out_days": round(fmean(each.out_days[name] for each in lives if name in each.out_days), 2),
            "spoiled_packs": round(fmean(each.spoiled_packs[name] for each in lives if name in each.out_days), 2),
            "bought_packs": round(fmean(each.bought_packs[name] for each in lives if name in each.out_days), 1),
        }
        for name in wares
    }


def _bar(sensed: EstimateFigures, level: EstimateFigures, told: dict[str, Fares]) -> dict[str, object]:
    """What of the bar is met."""
    ours, covered, error = told["restock"], sensed["covered"], level["median_error"]
    gains = [_gain(ours, told[rival])[name] for rival in POLICIES[1:] for name in _MEASURES if rival in told]
    known = [gain for gain in gains if gain is not None]
    return {
        "interval_80_covers_75_to_85": covered is not None and COVER_BAR[0] <= covered <= COVER_BAR[1],
        "level_median_error_under_5_pct": error is not None and error < ERROR_BAR,
        "level_median_error_under_3_pct": error is not None and error < ERROR_GOAL,
        "better_on_all_three": bool(known) and min(known) > 0,
        "better_by_30_pct": bool(known) and min(known) >= GAIN_GOAL,
    }


def _low(each: Judged) -> float:
    return (each.low if each.low is not None else 0.0) - 1e-9


def _high(each: Judged) -> float:
    return (each.high if each.high is not None else 0.0) + 1e-9
