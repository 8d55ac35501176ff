"""Rules of a few lines that a model has to beat: gamma demand around a rate taken from the same inputs.

`rule` is what the hub uses without a model, constants included. `rule_wide` has the constants that did best on this
data, so the model is not praised for the rule's settings. The Poisson ones have Poisson's variance and no doubt about
the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_agent.core.features import FEATURES, Floats
from edge_agent.core.forecast import RATE_SPREAD_MIN, VARIANCE_PER_PACK, gamma_demand


@dataclass(frozen=True, slots=True)
class Rule:
    """Which input is the rate, its relative standard deviation, and the variance of demand per pack."""

    rate: str
    rate_spread: float
    variance_per_pack: float


BUILT_IN: Final = "rule"
RULES: Final = {
    BUILT_IN: Rule("rate", RATE_SPREAD_MIN, VARIANCE_PER_PACK),
    "rule_wide": Rule("rate", 0.6, 0.5),
    "poisson_ewma": Rule("rate", 0.0, 1.0),
    "poisson_mean": Rule("rate_84", 0.0, 1.0),
}


def rule_predict(rule: Rule, inputs: Floats) -> Floats:
    """Demand in packs. Shapes: `inputs` (n, features), the result (n, horizons, quantiles)."""
    rates = inputs[:, FEATURES.index(rule.rate)]
    return np.array(
        [
            gamma_demand(rate, rate_spread=rule.rate_spread, variance_per_pack=rule.variance_per_pack)
            for rate in rates.tolist()
        ]
    )
