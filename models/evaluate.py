"""Scores of the use head on households that it has not seen: pinball loss against the built-in rule, and coverage.

Losses are divided by the built-in rule's mean loss in the same category and horizon, so no category rules the mean; 1
is the built-in rule. Rows of one household are no independent evidence: intervals come from resampled households.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from edge_agent.core.features import Floats
from edge_agent.core.forecast import HORIZONS_D, QUANTILES
from models.baselines import BUILT_IN, RULES, built_in_predict, rule_predict
from models.dataset import Purchases
from models.heads import Head, answer
from models.use_rows import SCORING, SENSED, YOUNG, Rows, build_rows, steady_rows

VIEWS: Final = {"packs": SCORING, "young": YOUNG, "sensed": SENSED}
STEADY: Final = "steady"
_STEADY_ROWS = 6_000
_STEADY_PER_HOME = 6
RESAMPLES: Final = 1_000


def evaluate(head: Head, test: Sequence[Purchases], *, seed: int) -> dict[str, float]:
    """All scores of one network by name: `<view>.rel`, its interval, coverages, and the rules' own `rel`.

    Views: `packs`, whole packs over a full history (how the public benchmark sees it); `young`, at most two months of
    it; `sensed`, use in portions, as a level sensor sees it; `steady`, made-up homes that use about the same every day.
    """
    scores: dict[str, float] = {}
    for number, view in enumerate((*VIEWS, STEADY)):
        rng = np.random.default_rng([seed, number])
        rows = build_rows(test, origins=VIEWS[view], rng=rng) if view in VIEWS else _steady(rng)
        for name, score in _view_scores(head, rows, rng=rng).items():
            scores[f"{view}.{name}"] = round(score, 4)
    return scores


def pinball(demand: Floats, quantiles: Floats) -> Floats:
    """Mean pinball loss over the quantiles. Shapes: (n, horizons) and (n, horizons, quantiles) to (n, horizons)."""
    error = demand[:, :, None] - quantiles
    levels = np.array(QUANTILES)
    return np.asarray(np.maximum(levels * error, (levels - 1) * error).mean(axis=2))


def relative_interval(model: Floats, rule: Floats, *, household: Floats, rng: np.random.Generator) -> Floats:
    """Ratio of mean losses with its 95 % interval (value, low, high). Shapes: all (n,)."""
    _, index = np.unique(household, return_inverse=True)
    sums = np.stack([np.bincount(index, weights=loss) for loss in (model, rule)], axis=1)
    draws = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES) @ sums
    low, high = np.percentile(draws[:, 0] / draws[:, 1], [2.5, 97.5])
    return np.array([model.sum() / rule.sum(), low, high])


def _steady(rng: np.random.Generator) -> Rows:
    rows = steady_rows(_STEADY_ROWS, rng=rng)
    return replace(rows, household=np.arange(_STEADY_ROWS) // _STEADY_PER_HOME)


def _view_scores(head: Head, rows: Rows, *, rng: np.random.Generator) -> dict[str, float]:
    answers = {BUILT_IN: built_in_predict(rows)}
    answers |= {name: rule_predict(rule, rows.inputs) for name, rule in RULES.items()}
    model = answer(head, rows.inputs).astype(np.float64)
    unit = _category_loss(pinball(rows.demand, answers[BUILT_IN]), category=rows.category)
    losses = {name: (pinball(rows.demand, answer) / unit).mean(axis=1) for name, answer in answers.items()}
    loss = (pinball(rows.demand, model) / unit).mean(axis=1)
    rel, low, high = relative_interval(loss, losses[BUILT_IN], household=rows.household.astype(float), rng=rng)
    scores = {"rel": rel, "rel_low": low, "rel_high": high, "rows": float(len(loss))}
    scores["households"] = float(len(np.unique(rows.household)))
    scores |= {f"rel_{name}": float(of.mean()) for name, of in losses.items() if name != BUILT_IN}
    scores |= {
        f"pinball_{days}d": float(pinball(rows.demand, model)[:, at].mean()) for at, days in enumerate(HORIZONS_D)
    }
    far = model[:, :, QUANTILES.index(0.99)]
    scores["above_99"] = float((rows.demand > far).mean())
    return scores | {f"cover_{nominal}": _coverage(rows.demand, model, nominal=nominal) for nominal in (50, 80, 95)}


def _category_loss(loss: Floats, *, category: Floats | np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """Mean loss of each row's category, a horizon a column."""
    _, index = np.unique(category, return_inverse=True)
    counts = np.bincount(index)
    return np.stack([(np.bincount(index, weights=column) / counts)[index] for column in loss.T], axis=1)


def _coverage(demand: Floats, quantiles: Floats, *, nominal: int) -> float:
    """Share of demands inside the central interval, over all horizons."""
    edge = (1 - nominal / 100) / 2
    low, high = (int(np.argmin(np.abs(np.array(QUANTILES) - level))) for level in (edge, 1 - edge))
    return float(((demand >= quantiles[:, :, low]) & (demand <= quantiles[:, :, high])).mean())
