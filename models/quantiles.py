"""From the chances that the need head gives to quantiles, and how they are scored.

The pinball loss, the coverage of a discrete outcome, and the relative score are those of the public benchmark: each
target's loss is divided by the reference's in the same category, categories weigh by their cases, and the four targets
(days to the next need, packs within 7, 14 and 28 days) weigh alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.needs import NEED_DAYS, NeedRows

Floats = NDArray[np.float64]

# Packs up to which a chance is given: one by one first, then coarser. The last is "any number".
PACK_EDGES: Final = (
    *range(31), *range(32, 44, 2), *range(45, 63, 3), *range(66, 90, 6), *range(98, 162, 16), 200, 240, 300, 1000,
)  # fmt: skip
LEVELS: Final = (0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.975)
NOMINAL: Final = (50, 80, 95)
RESAMPLES: Final = 1_000

_EDGES = np.array(PACK_EDGES)
_LOW = np.concatenate([[0], _EDGES[:-1] + 1])
_SPAN = np.append((_EDGES - _LOW + 1)[:-1], 20)
_LEVELS = np.array(LEVELS)
_SCORED = [LEVELS.index(level) for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)]


@dataclass(frozen=True, slots=True)
class Answer:
    """Quantiles of one forecaster. Shapes: `days` (n, quantiles), `packs` (n, horizons, quantiles), `week` (n,)."""

    days: Floats
    packs: Floats
    week: Floats


def answer_of(survival: NDArray[np.floating[Any]]) -> Answer:
    """Quantiles from what the need head says.

    Shape: `survival` (n, 4, NEED_DAYS); the first row P(T > 1 .. 55), the others P(packs > PACK_EDGES) by horizon.
    """
    chances = 1 - survival.astype(np.float64)
    days, packs = chances[:, 0], chances[:, 1:]
    reached = days[:, -1:] >= _LEVELS
    when = np.where(reached, (days[:, :, None] < _LEVELS).sum(axis=1) + 1, NEED_DAYS + 1)
    return Answer(when.astype(np.float64), _packs_at(packs), days[:, 6])


def losses(answer: Answer, rows: NeedRows) -> Floats:
    """Mean pinball loss over the levels 0.1 to 0.9 of each case and target. Shape: (n, 4)."""
    targets = [_pinball(rows.days.astype(np.float64), answer.days)]
    targets += [_pinball(rows.packs[:, at].astype(np.float64), answer.packs[:, at]) for at in range(3)]
    return np.stack(targets, axis=1)


def relative(
    loss: Floats, reference: Floats, *, category: NDArray[np.int64], weights: Floats | None = None
) -> tuple[float, Floats]:
    """`rel_all` and its four parts. Shapes: losses (n, 4), `category` (n,), `weights` of the cases (n,)."""
    weights = np.ones(len(loss)) if weights is None else weights
    count = np.bincount(category, weights=weights)
    ours, theirs = (_by_category(part * weights[:, None], category) for part in (loss, reference))
    good = (theirs > 0).all(axis=1)
    share = count[good] / count[good].sum()
    parts = share @ (ours[good] / theirs[good])
    return float(parts.mean()), np.asarray(parts)


def coverage(answer: Answer, rows: NeedRows) -> dict[str, Floats]:
    """Coverage of the central 50, 80 and 95 percent, for days and packs within 14 days, by the randomised PIT."""
    days = _covered(rows.days.astype(np.float64), answer.days, cap=NEED_DAYS + 1)
    return {"days": days, "packs_14": _covered(rows.packs[:, 1].astype(np.float64), answer.packs[:, 1], cap=None)}


def resampled(household: NDArray[np.int64], *, rng: np.random.Generator, draws: int = RESAMPLES) -> list[Floats]:
    """Weights of the cases in resamples of whole households. Rows of one household are one piece of evidence."""
    _, index = np.unique(household, return_inverse=True)
    homes = int(index.max()) + 1
    return [np.bincount(rng.integers(0, homes, homes), minlength=homes)[index].astype(float) for _ in range(draws)]


def _packs_at(chances: Floats) -> Floats:
    """Quantiles of packs from chances at the edges, even inside a coarse step. Shape: (n, horizons, quantiles)."""
    place = np.minimum((chances[..., None] < _LEVELS).sum(axis=2), len(_EDGES) - 1)
    known = np.concatenate([np.zeros((*chances.shape[:2], 1)), chances], axis=2)
    low, high = (np.take_along_axis(known, place + step, axis=2) for step in (0, 1))
    share = (_LEVELS - low) / np.maximum(high - low, 1e-6)
    inside = np.clip(np.ceil(share * _SPAN[place]) - 1, 0, _SPAN[place] - 1)
    return np.asarray(_LOW[place] + inside, dtype=np.float64)


def _pinball(truth: Floats, quantiles: Floats) -> Floats:
    error = truth[:, None] - quantiles
    return np.asarray(np.maximum(_LEVELS * error, (_LEVELS - 1) * error)[:, _SCORED].mean(axis=1))


def _by_category(loss: Floats, category: NDArray[np.int64]) -> Floats:
    return np.stack([np.bincount(category, weights=column) for column in loss.T], axis=1)


def _covered(truth: Floats, quantiles: Floats, *, cap: int | None) -> Floats:
    """Share of the PIT's interval of each case inside the central intervals. Shape: (n, 3)."""
    below = (quantiles < truth[:, None] - 1e-9).sum(axis=1)
    upto = (quantiles <= truth[:, None] + 1e-9).sum(axis=1)
    grid = np.concatenate([[0.0], _LEVELS, [1.0]])
    between = 0.5 * (grid[:-1] + grid[1:])
    hit = upto > below
    start = np.where(hit, np.where(below == 0, 0.0, between[below]), grid[below])
    end = np.where(hit, between[np.minimum(upto, len(between) - 1)], grid[np.minimum(upto + 1, len(grid) - 1)])
    end = np.where(truth >= cap, 1.0, end) if cap is not None else end
    start = np.where(truth <= 0, 0.0, start)
    end = np.maximum(end, start + 1e-9)
    shares = []
    for nominal in NOMINAL:
        low, high = (1 - nominal / 100) / 2, (1 + nominal / 100) / 2
        inside = np.minimum(end, high) - np.maximum(start, low)
        shares.append(np.clip(inside, 0, None) / (end - start))
    return np.stack(shares, axis=1)
