"""From the public data to a scored artefact: the steps of training in order, and who is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from models.dataset import Purchases, load_purchases, split_of
from models.evaluate import evaluate
from models.export import Provenance, export
from models.train import FULL, Plan, Report, train


@dataclass(frozen=True, slots=True)
class Split:
    """Series to fit, to choose by, and to score on; no household is in two of them."""

    fit: list[Purchases]
    val: list[Purchases]
    test: list[Purchases]


def split(series: Sequence[Purchases], *, excluded: frozenset[int]) -> Split:
    """By the public hash (60/10/30); with `excluded` households these are the test, and nobody else is."""
    parts: dict[str, list[Purchases]] = {"train": [], "val": [], "test": []}
    for one in series:
        part = split_of(one.household)
        if excluded:
            part = "test" if one.household in excluded else "val" if part == "val" else "train"
        parts[part].append(one)
    return Split(parts["train"], parts["val"], parts["test"])


def train_and_export(
    folder: Path, *, seed: int, excluded: frozenset[int], created: date, report: Report, plan: Plan = FULL
) -> Path:
    """Train, score and write the artefact; returns the manifest's path.

    Raises: FileNotFoundError without the data package; ValueError when a part of the split is empty.
    """
    parts = split(load_purchases(), excluded=excluded)
    if not (parts.fit and parts.val and parts.test):
        raise ValueError("no household is left to train on, to choose by or to score on")
    weights = train(parts.fit, parts.val, seed=seed, plan=plan, report=report)
    scores = evaluate(weights, parts.test, seed=seed)
    households = len({one.household for one in parts.fit})
    described = f"{households} households and {len(parts.fit)} series of household x category of the year 2017"
    provenance = Provenance(seed=seed, created=created, training_data=described, scores=scores)
    return export(weights, folder, provenance=provenance)
