"""From the public data to a scored artefact: the steps of training in order, and who is trained on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from models.benchmark import Judged, benchmark_scores, judge
from models.dataset import Market, Purchases, load_market, split_of
from models.evaluate import evaluate
from models.export import Provenance, export
from models.heads import Head, Scaling, quantised, scaling_of, unscaled
from models.needs import Calendar, Dense, training_rows
from models.train_needs import NeedPlan, prepared, train_needs
from models.train_use import UsePlan, train_use

Report = Callable[[str], None]

SHIPPED: Final = frozenset({"use", "need", "order_chances"})  # what the hub asks; each head costs bytes and time

_SCALING_EVERY = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard to train each head."""

    needs: NeedPlan = field(default_factory=NeedPlan)
    use: UsePlan = field(default_factory=UsePlan)
    dense: Dense = field(default_factory=Dense)
    tails: bool = True


@dataclass(frozen=True, slots=True)
class Split:
    """Households to fit, and to score on; none is in both."""

    fit: frozenset[int]
    test: frozenset[int]


def split(households: Sequence[int], *, excluded: frozenset[int], with_val: bool) -> Split:
    """With `excluded` households these are the test and all others are trained on.

    Without, the public hash decides: 60 % are trained on, and 30 % are the test; `with_val` trains on the other 10 %
    too, which designs were chosen on.
    """
    everyone = frozenset(households)
    if excluded:
        return Split(everyone - excluded, everyone & excluded)
    parts = {name: frozenset(one for one in everyone if split_of(one) == name) for name in ("train", "val", "test")}
    return Split(parts["train"] | parts["val"] if with_val else parts["train"], parts["test"])


def train_and_export(
    folder: Path,
    *,
    seed: int,
    excluded: frozenset[int],
    created: date,
    report: Report,
    plan: Plan | None = None,
    market: Market | None = None,
) -> Path:
    """Train, score and write the artefact; returns the manifest's path.

    Raises: FileNotFoundError without the data package; ValueError when a part of the split is empty.
    """
    plan = plan or Plan()
    market = market or load_market()
    parts = split(sorted(market.baskets), excluded=excluded, with_val=True)
    fit, test = ([one for one in market.series if one.household in part] for part in (parts.fit, parts.test))
    if not fit or not test:
        raise ValueError("no household is left to train on or to score on")
    calendar = Calendar(market)
    judged = judge(calendar, fit=parts.fit, test=parts.test)
    report(f"{len(parts.fit)} households to train on, {len(judged.test.days)} cases to score on")
    needs, scaling = _needs(calendar, judged, households=parts.fit, seed=seed, plan=plan, report=report)
    use = train_use(fit, scaling=scaling, seed=seed, plan=plan.use, report=report)
    tails = _tails(fit, scaling=scaling, seed=seed, plan=plan, report=report)
    heads = [quantised(unscaled(head, scaling)) for head in (use, needs, *tails)]
    scores = _scores(heads, judged, test, seed=seed)
    described = f"{len(parts.fit)} households and {len(fit)} series of household x category of the year 2017"
    provenance = Provenance(seed=seed, created=created, training_data=described, scores=scores)
    return export(heads, folder, provenance=provenance)


def _needs(
    calendar: Calendar, judged: Judged, *, households: frozenset[int], seed: int, plan: Plan, report: Report
) -> tuple[Head, Scaling]:
    """The need head, and the scaling of its rows, which all heads share."""
    rows = training_rows(calendar, households=households, dense=plan.dense, rng=np.random.default_rng(seed))
    report(f"{len(rows.days)} rows of purchases")
    scaling = scaling_of(rows.inputs[::_SCALING_EVERY])
    data = prepared(rows, judged.weights, scaling=scaling)
    del rows  # half a gigabyte
    return train_needs(data, scaling=scaling, seed=seed, plan=plan.needs, report=report), scaling


def _tails(fit: Sequence[Purchases], *, scaling: Scaling, seed: int, plan: Plan, report: Report) -> list[Head]:
    """The heads for the lead time, where there are any to train."""
    if not plan.tails or importlib.util.find_spec("models.tails") is None:
        return []
    from models.tails import train_tails  # noqa: PLC0415 - slow to import

    return [head for head in train_tails(fit, scaling=scaling, seed=seed, report=report) if head.name in SHIPPED]


def _scores(heads: Sequence[Head], judged: Judged, test: Sequence[Purchases], *, seed: int) -> dict[str, float]:
    by_name = {head.name: head for head in heads}
    scores = benchmark_scores(by_name["need"], judged, rng=np.random.default_rng([seed, 9]))
    return scores | evaluate(by_name["use"], test, seed=seed)
