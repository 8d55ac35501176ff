"""What the replayed homes come to, for JSON: against the best simple rule at equal stock-outs, with intervals.

Deliveries are read at just `MORE_STOCK` percent more stock, between the settings of a delivery's price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tests.campaign.homes.public_frontier import COLUMNS, Floats, Frontier, best_simple, change, draws, interval

STOCK_OUT_DAYS: Final = (2, 5, 10)
MORE_STOCK: Final = 5.0  # percent
RESAMPLES: Final = 300


@dataclass(frozen=True, slots=True)
class Done:
    """Sums by setting of each rule, `(settings, homes, COLUMNS)`, and questions asked `(settings, homes)`."""

    simple: dict[str, Floats]
    ours: dict[float, Floats]
    questions: dict[float, Floats]


def deliveries_told(done: Done) -> dict[str, Any]:
    """Deliveries against the best simple rule at each number of stock-out days, and the frontiers for the chart."""
    rules = {name: Frontier(settings) for name, settings in done.simple.items()}
    ours = {delivery: Frontier(settings) for delivery, settings in done.ours.items()}
    drawn = draws(next(iter(done.ours.values())).shape[1], count=RESAMPLES, seed=1)
    rows = []
    for days in STOCK_OUT_DAYS:
        name = best_simple(rules, days)
        simple = rules[name].at(days)
        fewer = [_fewer(ours, rules[name], days, weights) for weights in drawn]
        rows.append(
            {
                "stock_out_days": days,
                "simple_rule": name,
                "simple": _rounded(simple),
                "ours": [_against(of.at(days), simple, delivery=delivery) for delivery, of in ours.items()],
                "deliveries_percent": round(_fewer(ours, rules[name], days, None), 1),
                "interval_95": interval(fewer),
            }
        )
    curves = {name: _curve(rule) for name, rule in rules.items()}
    return {"rows": rows, "curves": curves | {f"joined, {delivery:g}": _curve(of) for delivery, of in ours.items()}}


def out_of_use_told(done: Done) -> dict[str, Any]:
    """Packs bought after the last real use, against the best simple rule at equal stock-outs."""
    rules = {name: Frontier(settings) for name, settings in done.simple.items()}
    ((delivery, settings),) = done.ours.items()
    ours = Frontier(settings)
    years = float(done.ours[delivery][0, :, 4].sum())
    drawn = draws(done.ours[delivery].shape[1], count=RESAMPLES, seed=2)
    rows = []
    for days in STOCK_OUT_DAYS:
        name = best_simple(rules, days)
        shares = [_share(ours, rules[name], days, weights) for weights in drawn]
        rows.append(
            {
                "stock_out_days": days,
                "simple_rule": name,
                "simple_packs": round(rules[name].at(days)["packs_after_use"], 2),
                "our_packs": round(ours.at(days)["packs_after_use"], 2),
                "share_percent": round(100 * _share(ours, rules[name], days, None), 1),
                "interval_95": interval([100 * share for share in shares]),
            }
        )
    asked = done.questions[delivery].sum(axis=1) / years
    return {"rows": rows, "questions_a_year": [round(float(one), 2) for one in asked]}


def counts_told(done: Done) -> dict[str, int | float]:
    """What happened in all these homes at the setting that comes nearest to five stock-out days a year.

    Nobody is asked about an order here; `prompts` are questions whether an item is still used.
    """
    delivery = sorted(done.ours)[len(done.ours) // 2]
    totals = done.ours[delivery].sum(axis=1)
    at = int(np.argmin(np.abs(totals[:, 1] / totals[:, 0] - 5.0)))
    counted = dict(zip(COLUMNS, totals[at].tolist(), strict=True))
    return {
        "delivery": delivery,
        "prompts": int(done.questions[delivery][at].sum()),
        "orders": int(counted["orders"]),
        "deliveries": int(counted["deliveries"]),
        "home_years": round(counted["years"], 1),
        "faults_met": 0,
    }


def known(told: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with None for what is not known; JSON has no NaN."""
    match told:
        case dict():
            return {name: known(value) for name, value in told.items()}
        case list() | tuple():
            return [known(value) for value in told]
        case float():
            return told if np.isfinite(told) else None
    return told


def _fewer(ours: dict[float, Frontier], simple: Frontier, days: float, weights: Floats | None) -> float:
    """Change in deliveries with just `MORE_STOCK` percent more stock, between the settings of a delivery's price.

    Where every setting holds less, it is that of the dearest delivery; NaN where every one holds more.
    """
    base = simple.at(days, weights)
    at = sorted(
        (change(one["supply_days"], base["supply_days"]), change(one["deliveries"], base["deliveries"]))
        for one in (of.at(days, weights) for of in ours.values())
        if np.isfinite(one["supply_days"])
    )
    if not at or at[0][0] > MORE_STOCK:
        return float("nan")
    stock, deliveries = zip(*at, strict=True)
    return float(np.interp(MORE_STOCK, stock, deliveries))


def _against(ours: dict[str, float], simple: dict[str, float], *, delivery: float) -> dict[str, float]:
    compared = {f"{name}_percent": change(ours[name], simple[name]) for name in ("supply_days", "deliveries")}
    return {"delivery": delivery, **_rounded(ours), **_rounded(compared)}


def _share(ours: Frontier, simple: Frontier, days: float, weights: Floats | None) -> float:
    bought = simple.at(days, weights)["packs_after_use"]
    return ours.at(days, weights)["packs_after_use"] / bought if bought > 0 else float("nan")


def _curve(rule: Frontier) -> list[dict[str, float]]:
    figures = rule.figures()
    names = ("stock_out_days", "supply_days", "deliveries")
    return [
        {name: round(float(figures[name][at]), 3) for name in names} for at in range(len(figures["stock_out_days"]))
    ]


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}
