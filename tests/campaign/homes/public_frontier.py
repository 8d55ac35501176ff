"""What a rule costs at equal stock-outs: its settings as a frontier, read between them, with intervals over homes.

Figures of one setting, as the public policy benchmark counts them: stock-out days a series-year and days of supply held
are means over the items that are judged; deliveries a year are of all homes, over all their days. Days of supply are at
the rate known on day START, since the realised rate is known to nobody.

Homes are no independent items: intervals come from resampled homes, both sides by the same draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.campaign.homes.public_data import Home
from tests.campaign.homes.public_replay import Tally

Floats = NDArray[np.float64]

COLUMNS: Final = (
    "items",
    "stock_out_days",
    "supply_days",
    "deliveries",
    "years",
    "orders",
    "elsewhere_packs",
    "used_packs",
    "faded_items",
    "packs_after_use",
    "packs_left",
)
_YEAR_D = 365.0


def sums(homes: Sequence[Home], tallies: Sequence[Tally]) -> Floats:
    """One setting of a rule. Shape: (homes, COLUMNS), sums over the items of a home."""
    return np.array([_home_sums(home, tally) for home, tally in zip(homes, tallies, strict=True)])


def _home_sums(home: Home, tally: Tally) -> list[float]:
    judged = [(item, kept) for item, kept in zip(home, tally.items, strict=True) if item.judged and kept.days]
    faded = [kept for item, kept in zip(home, tally.items, strict=True) if item.last_used is not None]
    return [
        len(judged),
        sum(kept.out_days / kept.days * _YEAR_D for _, kept in judged),
        sum(kept.pack_days / kept.days / item.known_rate for item, kept in judged),
        tally.deliveries,
        tally.days / _YEAR_D,
        sum(kept.orders for kept in tally.items),
        sum(kept.elsewhere_packs for _, kept in judged),
        sum(kept.used_packs for _, kept in judged),
        len(faded),
        sum(kept.packs_after_use for kept in faded),
        sum(kept.left_packs for kept in faded),
    ]


_PER = {
    "stock_out_days": ("stock_out_days", "items"),
    "supply_days": ("supply_days", "items"),
    "deliveries": ("deliveries", "years"),
    "orders": ("orders", "years"),
    "elsewhere_share": ("elsewhere_packs", "used_packs"),
    "packs_after_use": ("packs_after_use", "faded_items"),
    "packs_left": ("packs_left", "faded_items"),
}


class Frontier:
    """Figures of a rule over its settings, from the least to the most stock-outs.

    Shape of `settings`: (settings, homes, COLUMNS).
    """

    def __init__(self, settings: Floats) -> None:
        self._settings = settings

    def figures(self, weights: Floats | None = None) -> dict[str, Floats]:
        """Each figure by setting, rising with stock-outs; `weights` (homes,) is how often a home was drawn."""
        drawn = np.ones(self._settings.shape[1]) if weights is None else weights
        totals = np.einsum("shc,h->sc", self._settings, drawn)
        column = {name: totals[:, number] for number, name in enumerate(COLUMNS)}
        with np.errstate(invalid="ignore", divide="ignore"):
            figures = {name: column[over] / column[under] for name, (over, under) in _PER.items()}
        order = np.argsort(figures["stock_out_days"], kind="stable")
        return {name: values[order] for name, values in figures.items()}

    def at(self, stock_out_days: float, weights: Floats | None = None) -> dict[str, float]:
        """All figures at a number of stock-out days a series-year; NaN where no setting comes as far."""
        figures = self.figures(weights)
        known = figures["stock_out_days"]
        if not known[0] <= stock_out_days <= known[-1]:
            return dict.fromkeys(figures, float("nan"))
        return {name: float(np.interp(stock_out_days, known, values)) for name, values in figures.items()}


def best_simple(rules: dict[str, Frontier], stock_out_days: float) -> str:
    """The rule that holds the least stock there."""
    held = {name: rule.at(stock_out_days)["supply_days"] for name, rule in rules.items()}
    return min(held, key=lambda name: held[name] if np.isfinite(held[name]) else np.inf)


def change(ours: float, simple: float) -> float:
    """How much more than the simple rule, in percent."""
    return 100.0 * (ours / simple - 1.0)


def draws(homes: int, *, count: int, seed: int) -> list[Floats]:
    """How often each home is drawn, `count` times."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.multinomial(homes, np.full(homes, 1 / homes)), dtype=np.float64) for _ in range(count)]


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The middle 95 % of what was drawn; None where less than half of the draws gave a number."""
    finite = [value for value in values if np.isfinite(value)]
    if 2 * len(finite) < len(values):
        return None
    low, high = np.percentile(np.array(finite), [2.5, 97.5])
    return round(float(low), 1), round(float(high), 1)
