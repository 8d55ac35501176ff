"""Training and scoring on a small made-up world: the loss falls, seeds rule, and the scores mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.core.features import FEATURES
from models.baselines import BUILT_IN, RULES, rule_predict
from models.dataset import SCORING, Purchases, build_rows
from models.evaluate import evaluate, pinball, relative_interval
from models.network import QUANTILES, predict
from models.run import split
from models.train import Plan, train

SHORT = Plan(spreads=1, steps=200, batch=128, check_every=10)


def world(*, households: int, seed: int = 1) -> list[Purchases]:
    """Households that buy each item about as regularly as people do."""
    rng = np.random.default_rng(seed)
    series = []
    for household in range(1, households + 1):
        for category in (1, 2, 35):
            gaps = np.maximum(1, rng.gamma(4.0, rng.uniform(1.5, 6.0), 120)).astype(np.int64)
            days = np.cumsum(gaps)
            days = days[days < 365]
            series.append(Purchases(household, category, days, rng.integers(1, 4, len(days))))
    return series


WORLD = world(households=90)
PARTS = split(WORLD, excluded=frozenset())


def test_training_learns_and_is_seeded() -> None:
    """A few hundred steps lower the loss, and the same seed gives the same weights."""
    lines: list[str] = []
    weights = train(PARTS.fit, PARTS.val, seed=3, plan=SHORT, report=lines.append)
    again = train(PARTS.fit, PARTS.val, seed=3, plan=SHORT)
    losses = [float(line.split()[-1]) for line in lines]
    assert min(losses) < 0.95 * losses[0]
    assert all(np.array_equal(one[0], two[0]) for one, two in zip(weights.layers, again.layers, strict=True))
    scores = evaluate(weights, PARTS.test, seed=3)
    assert 0.5 < scores["packs.rel"] < 1.1
    assert scores["packs.rel_low"] <= scores["packs.rel"] <= scores["packs.rel_high"]


def test_jax_and_numpy_agree() -> None:
    """The network that training descends on is the one that is exported."""
    import jax.numpy as jnp  # noqa: PLC0415 - slow to import, needed here only

    from models.train import _forward  # noqa: PLC0415

    weights = train(PARTS.fit[:6], PARTS.val, seed=1, plan=Plan(spreads=1, steps=1, batch=8))
    rows = build_rows(PARTS.test, origins=SCORING, rng=np.random.default_rng(1)).inputs.astype(np.float32)
    parameters = {"embedding": weights.embedding, "layers": list(weights.layers)}
    found = _forward(
        parameters, jnp.asarray(rows), center=jnp.asarray(weights.center), spread=jnp.asarray(weights.spread)
    )
    assert float(np.max(np.abs(np.asarray(found) - predict(weights, rows)))) < 1e-4


def test_pinball_is_least_at_the_true_quantiles() -> None:
    """The loss rewards the truth and nothing else."""
    rng = np.random.default_rng(1)
    demand = rng.gamma(3.0, 1.0, (20_000, 1))
    truth = np.quantile(rng.gamma(3.0, 1.0, 200_000), QUANTILES)
    losses = [pinball(demand, np.tile(truth * factor, (len(demand), 1, 1))).mean() for factor in (0.8, 1.0, 1.25)]
    assert losses[1] < min(losses[0], losses[2])


def test_intervals_resample_households_not_rows() -> None:
    """Rows of one household are one piece of evidence: repeating them narrows nothing."""
    rng = np.random.default_rng(1)
    household, model, rule = np.arange(50.0), rng.uniform(0.8, 1.0, 50), np.ones(50)
    once = relative_interval(model, rule, household=household, rng=np.random.default_rng(2))
    repeated = relative_interval(
        np.repeat(model, 20), np.repeat(rule, 20), household=np.repeat(household, 20), rng=np.random.default_rng(2)
    )
    assert repeated == pytest.approx(once)
    assert once[1] < once[0] < once[2]


def test_the_rule_of_the_hub_is_among_the_baselines() -> None:
    """The built-in rule is scored with the constants that the hub uses."""
    rows = np.full((2, len(FEATURES)), 0.3)
    found = rule_predict(RULES[BUILT_IN], rows)
    assert found.shape == (2, 3, len(QUANTILES))
    assert found[0, 2, QUANTILES.index(0.5)] == pytest.approx(0.3 * 28, rel=0.1)


def test_the_split_keeps_households_apart() -> None:
    """No household is in two parts, and with a list of excluded ones these are exactly the test."""
    for excluded in (frozenset(), frozenset({1, 2, 3})):
        parts = split(WORLD, excluded=excluded)
        ids = [{one.household for one in part} for part in (parts.fit, parts.val, parts.test)]
        assert not ids[0] & ids[1]
        assert not (ids[0] | ids[1]) & ids[2]
        assert len(ids[0] | ids[1] | ids[2]) == 90
        assert not excluded or ids[2] == excluded
