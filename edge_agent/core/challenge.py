"""A new model against the one that serves, and a model against the rule, on what this home really used in 60 days.

Both sides are asked for days that have passed, each time with what was known then; the pinball loss says whose
quantiles were better. An item's losses are divided by its usual use, so each item weighs the same. Without enough days
two models cannot be told apart, and the newer one, which was scored on more homes, serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from math import isfinite
from typing import Final

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import Forecast, StockEstimate
from edge_agent.core.said import say

REPLAY_DAYS: Final = 60
REPLAY_EVERY_D: Final = 3
CASES_MIN: Final = 30
_HISTORY_DAYS_MIN = 14
_HORIZON_MIN_D = 4
_USE_MIN_PACKS_PER_DAY = 1e-3


@dataclass(frozen=True, slots=True)
class Replay:
    """One item on one day of its past, and what was used afterwards: packs within each of the days that followed."""

    item: Item
    estimate: StockEstimate
    used_packs: tuple[float, ...]
    usual_packs_per_day: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which one serves, and why in words; losses are None where there was too little to compare."""

    challenger_serves: bool
    why: str
    cases: int
    champion_loss: float | None = None
    challenger_loss: float | None = None


def replays(item: Item, estimate: StockEstimate) -> list[Replay]:
    """The item's last 60 days, every third one, as far as days before and after it are known without a gap."""
    days = dict(estimate.daily_use)
    if not days:
        return []
    newest, pack = max(days), item.product.pack_amount
    usual = max(sum(days.values()) / len(days) / pack, _USE_MIN_PACKS_PER_DAY)
    found = []
    for age in range(_HORIZON_MIN_D - 1, REPLAY_DAYS, REPLAY_EVERY_D):
        origin = newest - timedelta(days=age)
        before = tuple((day, used) for day, used in estimate.daily_use if day < origin)
        after = [days.get(origin + timedelta(days=number)) for number in range(age + 1)]
        used = [amount / pack for amount in after if amount is not None and isfinite(amount)]
        if len(before) < _HISTORY_DAYS_MIN or len(used) < len(after):
            continue
        sums = tuple(sum(used[: number + 1]) for number in range(len(used)))
        at = datetime.combine(origin, time(), tzinfo=estimate.as_of.tzinfo)
        found.append(Replay(item, replace(estimate, as_of=at, daily_use=before), sums, usual))
    return found


def pinball(forecast: Forecast, replay: Replay) -> float:
    """Mean pinball loss over the quantiles and the horizons that have passed, in days of the item's usual use."""
    losses = []
    for days, row in zip(forecast.horizons_d, forecast.demand, strict=True):
        if days > len(replay.used_packs):
            continue
        truth = replay.used_packs[days - 1]
        losses += [
            max(level * (truth - packs), (level - 1) * (truth - packs)) / (replay.usual_packs_per_day * days)
            for level, packs in zip(forecast.quantiles, row, strict=True)
        ]
    return sum(losses) / len(losses)


def mean_loss(forecasts: Sequence[Forecast], cases: Sequence[Replay]) -> float:
    """Mean pinball loss of forecasts of these replays."""
    return sum(pinball(forecast, case) for forecast, case in zip(forecasts, cases, strict=True)) / len(cases)


def verdict(champion: Sequence[float], challenger: Sequence[float]) -> Verdict:
    """The one with the smaller mean loss serves. Both are losses of the same replays, in the same order."""
    cases = len(champion)
    if cases < CASES_MIN or len(challenger) != cases:
        return Verdict(
            challenger_serves=True,
            why=say("newer; only {cases} past days of this home to compare on", cases=cases),
            cases=cases,
        )
    old, new = (sum(losses) / cases for losses in (champion, challenger))
    better = isfinite(new) and not new > old
    percent = 100 * abs(new / old - 1) if old > 0 and isfinite(new) else 0.0
    share = f"{percent:.1f}"
    why = say("the newer one is {percent} % worse on {cases} past days of this home", percent=share, cases=cases)
    if better:
        why = say("the newer one is {percent} % better on {cases} past days of this home", percent=share, cases=cases)
    return Verdict(challenger_serves=better, why=why, cases=cases, champion_loss=old, challenger_loss=new)
