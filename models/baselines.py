"""Rules of a few lines that a model has to beat: gamma demand around a rate taken from the same inputs.

`rule` is what the hub uses without a model, by the hub's own code: as wide as the item's last days differ. `rule_wide`
has the constants that did best on this data, so the model is not praised for the rule's settings. The Poisson ones have
Poisson's variance and no doubt about the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np

from edge_agent.core.feature_names import FEATURES
from edge_agent.core.features import Floats
from edge_agent.core.forecast import RATE_SPREAD_MIN, RULE_DAYS_MIN, gamma_demand, own_demand
from models.use_rows import Rows


@dataclass(frozen=True, slots=True)
class Rule:
    """Which input is the rate, its relative standard deviation, and the variance of demand per pack."""

    rate: str
    rate_spread: float
    variance_per_pack: float


BUILT_IN: Final = "rule"
RULES: Final = {
    "rule_wide": Rule("rate", 0.6, 0.5),
    "poisson_ewma": Rule("rate", 0.0, 1.0),
    "poisson_mean": Rule("rate_84", 0.0, 1.0),
}

_GRID = np.geomspace(1e-5, 60.0, 2_000)  # of rates; between two of them the rule is as good as a line


def rule_predict(rule: Rule, inputs: Floats) -> Floats:
    """Demand in packs. Shapes: `inputs` (n, features), the result (n, horizons, quantiles)."""
    rates = inputs[:, FEATURES.index(rule.rate)]
    table = np.array(
        [
            gamma_demand(rate, rate_spread=rule.rate_spread, variance_per_pack=rule.variance_per_pack)
            for rate in _GRID.tolist()
        ]
    )
    place = np.interp(np.log(rates), np.log(_GRID), np.arange(len(_GRID)))
    low = np.minimum(place.astype(np.int64), len(_GRID) - 2)
    share = (place - low)[:, None, None]
    return np.asarray((1 - share) * table[low] + share * table[low + 1])


def built_in_predict(rows: Rows) -> Floats:
    """Demand in packs by the hub's rule. Shape: (n, horizons, quantiles)."""
    rates, guesses = (rows.inputs[:, FEATURES.index(name)].tolist() for name in ("rate", "prior_rate"))
    tables = []
    for recent, rate, guess in zip(rows.recent.tolist(), rates, guesses, strict=True):
        days = [(age, packs) for age, packs in enumerate(reversed(recent), start=1) if isfinite(packs)]
        enough = len(days) >= RULE_DAYS_MIN
        tables.append(own_demand(days, guess=guess) if enough else gamma_demand(rate, rate_spread=RATE_SPREAD_MIN))
    return np.array(tables)
