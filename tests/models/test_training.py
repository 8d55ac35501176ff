"""Training and scoring on a small made-up world: the loss falls, seeds rule, and the scores mean what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from edge_agent.core.feature_names import FEATURES
from edge_agent.core.forecast import QUANTILES
from models.baselines import RULES, built_in_predict, rule_predict
from models.evaluate import pinball, relative_interval
from models.heads import answer, scaling_of
from models.needs import Calendar, Dense, NeedRows, training_rows
from models.run import Plan, split, train_and_export
from models.train_needs import NeedPlan, prepared, train_needs
from models.train_use import UsePlan, train_use
from models.use_rows import steady_rows
from tests.models.made_up import market

WORLD = market(households=60)
CALENDAR = Calendar(WORLD)
NEEDS = NeedPlan(teachers=1, wide=(16,), small=(16,), epochs=1, small_epochs=2, batch=64)
USE = UsePlan(spreads=1, steps=150, batch=128, hidden=(16,))
DENSE = Dense(every_d=14)


def rows_of_need(*, households: int = 60) -> NeedRows:
    """Training rows of some of the households."""
    chosen = frozenset(range(1, households + 1))
    return training_rows(CALENDAR, households=chosen, dense=DENSE, rng=np.random.default_rng(1))


def test_need_training_learns_and_is_seeded() -> None:
    """Two short passes lower the loss, and the same seed gives the same weights."""
    rows, lines = rows_of_need(), list[str]()
    scaling = scaling_of(rows.inputs)
    data = prepared(rows, np.ones((51, 4)), scaling=scaling)
    alone = replace(NEEDS, teachers=0)  # the whole run below has both kinds
    one = train_needs(data, scaling=scaling, seed=3, plan=alone, report=lines.append)
    two = train_needs(data, scaling=scaling, seed=3, plan=alone)
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines if line.startswith("small")]
    assert losses[-1] < losses[0]
    assert all(np.array_equal(left[0], right[0]) for left, right in zip(one.layers, two.layers, strict=True))
    chances = answer(one, rows.inputs, scaling)
    assert np.isfinite(chances).all()


def test_jax_and_numpy_agree_on_the_need_head() -> None:
    """The network that training descends on is the one that is exported."""
    import jax.numpy as jnp  # noqa: PLC0415 - slow to import, needed here only

    from models import train_needs as training  # noqa: PLC0415

    rows = rows_of_need(households=5)
    scaling = scaling_of(rows.inputs)
    data = prepared(rows, np.ones((51, 4)), scaling=scaling)
    parameters = training._start(training.jax.random.PRNGKey(1), (16, 16))
    logs = training._logs(parameters, jnp.asarray(data.x), jnp.asarray(data.category))
    expected = np.exp(-np.cumsum(np.exp(np.asarray(logs)), axis=2))
    found = answer(training._head(parameters, center=data.center), rows.inputs, scaling)
    assert float(np.max(np.abs(found - expected))) < 1e-4


def test_use_training_learns() -> None:
    """A few hundred steps lead to less loss than the built-in rule's on the households it saw."""
    rows = rows_of_need()
    scaling, lines = scaling_of(rows.inputs), list[str]()
    plan = UsePlan(spreads=1, steps=1_050, batch=128, hidden=(16,))
    head = train_use(WORLD.series, scaling=scaling, seed=1, plan=plan, report=lines.append)
    losses = [float(line.split("loss ")[1]) for line in lines]
    assert losses[-1] < 0.9 * losses[0]
    assert head.shape == (6, len(QUANTILES))


def test_a_whole_run_writes_a_scored_artefact(tmp_path: Path) -> None:
    """From a market to a manifest with the scores of every head beside their baselines, trained on nobody excluded."""
    manifest = train_and_export(
        tmp_path, seed=1, excluded=frozenset(range(1, 31)), created=date(2026, 3, 1), report=lambda _: None,
        plan=Plan(NEEDS, USE, DENSE, tails=False), market=WORLD,
    )  # fmt: skip
    document = json.loads(manifest.read_text())
    scores = document["scores"]
    assert "30 households" in document["training_data"]
    assert scores["need.households"] == 30
    assert scores["need.to_own_low"] <= scores["need.to_own"] <= scores["need.to_own_high"]
    assert scores["own.to_own"] == 0
    assert {"series.rel", "packs.rel", "sensed.rel", "steady.rel"} < set(scores)


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


def test_the_rule_of_the_hub_is_the_baseline() -> None:
    """The rule that scores are relative to is the hub's own: with a week of days by these, before that by the guess."""
    rows = steady_rows(40, rng=np.random.default_rng(1))
    young = replace(rows, recent=np.full_like(rows.recent, np.nan))
    found, guessed = built_in_predict(rows), built_in_predict(young)
    assert found.shape == (40, 6, len(QUANTILES))
    rates = rows.inputs[:, FEATURES.index("rate")]
    median = QUANTILES.index(0.5)
    assert np.median(found[:, 5, median] / rates / 28) == pytest.approx(1, rel=0.2)
    assert np.median(guessed[:, 5, 14] / guessed[:, 5, median]) > 1.2 * np.median(found[:, 5, 14] / found[:, 5, median])


def test_a_constant_rule_follows_its_rate() -> None:
    """Between the rates that its table holds, a rule is as good as exact."""
    rows = np.full((2, len(FEATURES)), 0.3)
    found = rule_predict(RULES["poisson_ewma"], rows)
    assert found[0, 5, QUANTILES.index(0.5)] == pytest.approx(0.3 * 28, rel=0.1)


def test_the_split_keeps_households_apart() -> None:
    """No household is trained on and scored on, and with a list of excluded ones these are exactly the test."""
    everyone = range(1, 91)
    for excluded in (frozenset[int](), frozenset({1, 2, 3})):
        parts = split(everyone, excluded=excluded, with_val=True)
        assert not parts.fit & parts.test
        assert parts.fit | parts.test == set(everyone)
        assert not excluded or parts.test == excluded
    assert len(split(everyone, excluded=frozenset(), with_val=False).fit) < len(parts.fit)
