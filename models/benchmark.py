"""The need head on the public benchmark's cases, beside the forecasts that it has to beat, on the same cases.

Scores by name, each of `need` (with the household's shopping days), `series` (the item's history alone) and `own`
(own_empirical_shrunk): `rel` against naive_last, its four parts, coverage, and the difference to `own` in percent with
a 95 % interval over resampled households.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import classical
from models.heads import Head, answer
from models.needs import Calendar, NeedRows, benchmark_cases
from models.quantiles import NOMINAL, Answer, answer_of, coverage, losses, relative, resampled
from models.train_needs import reference_by_category

Floats = NDArray[np.float64]

TARGETS: Final = ("days", "packs_7", "packs_14", "packs_28")
PUBLISHED_OWN: Final = 0.877  # own_empirical_shrunk on the public test split, by the benchmark's authors


@dataclass(frozen=True, slots=True)
class Judged:
    """Test cases with and without context, losses of the baselines there, and the loss weights from the training ones.

    Shapes: `reference`, `own` (n, 4); `weights` (categories, 4), the reference's mean loss on the training households.
    """

    test: NeedRows
    alone: NeedRows
    reference: Floats
    own: Answer
    weights: Floats


def judge(calendar: Calendar, *, fit: frozenset[int], test: frozenset[int]) -> Judged:
    """The cases of the test households, and the baselines fitted to those of `fit`."""
    cases = benchmark_cases(calendar, households=test)
    known = calendar.rows(benchmark_cases(calendar, households=fit), context=False)
    rows, alone = calendar.rows(cases), calendar.rows(cases, context=False)
    weights = reference_by_category(losses(classical.naive_last(known, fit=known), known), known.category)
    own = classical.own_empirical_shrunk(alone, cases=cases, calendar=calendar, fit=known)
    return Judged(rows, alone, losses(classical.naive_last(alone, fit=known), alone), own, weights)


def benchmark_scores(head: Head, judged: Judged, *, rng: np.random.Generator) -> dict[str, float]:
    """All scores of one need head."""
    answers = {"need": answer_of(answer(head, judged.test.inputs))}
    answers["series"] = answer_of(answer(head, judged.alone.inputs))
    answers["own"] = judged.own
    scores = {"need.cases": float(len(judged.test.days))}
    scores["need.households"] = float(len(np.unique(judged.test.household)))
    draws = resampled(judged.test.household, rng=rng)
    own = losses(judged.own, judged.test)
    for name, said in answers.items():
        scores |= {f"{name}.{key}": round(value, 4) for key, value in _scores(said, judged, own, draws).items()}
    return scores


def _scores(said: Answer, judged: Judged, own: Floats, draws: list[Floats]) -> dict[str, float]:
    loss, category = losses(said, judged.test), judged.test.category
    value, parts = relative(loss, judged.reference, category=category)
    scores = {"rel": value} | {f"rel_{target}": float(part) for target, part in zip(TARGETS, parts, strict=True)}
    for target, covered in coverage(said, judged.test).items():
        scores |= {
            f"cover_{nominal}_{target}": float(share)
            for nominal, share in zip(NOMINAL, covered.mean(axis=0), strict=True)
        }
    scores["brier_7"] = float(((said.week - (judged.test.days <= 7)) ** 2).mean())
    scores["pinball_days"] = float(loss[:, 0].mean())

    def lower(weights: Floats | None) -> float:
        ours, theirs = (relative(of, judged.reference, category=category, weights=weights)[0] for of in (loss, own))
        return 100 * (ours / theirs - 1)

    drawn = np.array([lower(weights) for weights in draws])
    values = np.array([relative(loss, judged.reference, category=category, weights=weights)[0] for weights in draws])
    scores["rel_low"], scores["rel_high"] = (float(edge) for edge in np.percentile(values, [2.5, 97.5]))
    scores["to_own"] = lower(None)
    scores["to_own_low"], scores["to_own_high"] = (float(edge) for edge in np.percentile(drawn, [2.5, 97.5]))
    return scores
