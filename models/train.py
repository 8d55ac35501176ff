"""Fit the network by pinball loss in JAX, from one seed.

The packs of each household are spread anew for several passes, so the network cannot learn one random spread. The
weights with the best loss on the validation households are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import optax

from edge_agent.core.features import FEATURES
from models.dataset import CATEGORY_NAMES, HORIZONS_D, TRAINING, Purchases, Rows, build_rows
from models.network import (
    CATEGORY_COLUMN,
    EMBEDDING,
    HIDDEN,
    LOG_COLUMNS,
    LOG_OFFSET,
    OUTPUTS,
    QUANTILES,
    RATE_COLUMN,
    RATE_DAYS,
    Weights,
    accumulator,
)

Parameters = dict[str, Any]  # a JAX tree: embedding and layers
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard to train."""

    spreads: int = 6
    steps: int = 9_000
    batch: int = 1_024
    learning_rate: float = 2e-3
    check_every: int = 500


FULL: Final = Plan()


def train(
    fit: Sequence[Purchases],
    val: Sequence[Purchases],
    *,
    seed: int,
    plan: Plan = FULL,
    report: Report = lambda _: None,
) -> Weights:
    """The weights fitted to the households of `fit`, chosen by those of `val`."""
    rng = np.random.default_rng(seed)
    draws = [build_rows(fit, origins=TRAINING, rng=rng) for _ in range(plan.spreads)]
    inputs = np.concatenate([rows.inputs for rows in draws]).astype(np.float32)
    demand = np.concatenate([rows.demand for rows in draws]).astype(np.float32)
    amounts = np.log(inputs[:, :LOG_COLUMNS] + LOG_OFFSET)
    center, spread = amounts.mean(axis=0), amounts.std(axis=0) + np.float32(1e-3)
    loss = partial(_loss, center=jnp.asarray(center), spread=jnp.asarray(spread))
    checked = build_rows(val, origins=TRAINING, rng=rng)
    best = _descend(inputs, demand, checked, loss=loss, rng=rng, seed=seed, plan=plan, report=report)
    layers = tuple((np.asarray(matrix), np.asarray(bias)) for matrix, bias in best["layers"])
    return Weights(center, spread, np.asarray(best["embedding"]), layers)


def _descend(
    inputs: np.ndarray[Any, np.dtype[np.float32]],
    demand: np.ndarray[Any, np.dtype[np.float32]],
    checked: Rows,
    *,
    loss: Callable[..., jax.Array],
    rng: np.random.Generator,
    seed: int,
    plan: Plan,
    report: Report,
) -> Parameters:
    """Adam with a cosine schedule; returns the parameters with the least validation loss."""
    parameters = _start(jax.random.PRNGKey(seed))
    optimiser = optax.adam(optax.cosine_decay_schedule(plan.learning_rate, plan.steps))
    state = optimiser.init(parameters)

    @jax.jit
    def step(parameters: Parameters, state: Any, x: jax.Array, y: jax.Array) -> tuple[Parameters, Any]:  # noqa: ANN401
        updates, state = optimiser.update(jax.grad(loss)(parameters, x, y), state)
        moved: Parameters = optax.apply_updates(parameters, updates)  # type: ignore[assignment]
        return moved, state

    check = jax.jit(loss)
    best, least = parameters, np.inf
    for number in range(1, plan.steps + 1):
        rows = rng.integers(0, len(inputs), plan.batch)
        parameters, state = step(parameters, state, inputs[rows], demand[rows])
        if number % plan.check_every == 0 or number == plan.steps:
            now = float(check(parameters, checked.inputs.astype(np.float32), checked.demand.astype(np.float32)))
            report(f"step {number} validation loss {now:.5f}")
            if now < least:
                best, least = parameters, now
    return best


def _start(key: jax.Array) -> Parameters:
    """Small random weights; the last layer starts near a plausible spread of quantiles."""
    width = CATEGORY_COLUMN + EMBEDDING
    sizes = ((width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, OUTPUTS))
    keys = jax.random.split(key, len(sizes) + 1)
    layers = [
        (jax.random.normal(one, size) * (2.0 / sum(size)) ** 0.5, jnp.zeros(size[1]))
        for one, size in zip(keys, sizes, strict=False)
    ]
    layers[-1] = (layers[-1][0] * 0.1, jnp.full(OUTPUTS, -2.0))
    return {"embedding": jax.random.normal(keys[-1], (len(CATEGORY_NAMES), EMBEDDING)) * 0.1, "layers": layers}


def _forward(parameters: Parameters, x: jax.Array, *, center: jax.Array, spread: jax.Array) -> jax.Array:
    """`network.predict` in JAX; a test holds the two together."""
    amounts = (jnp.log(x[:, :LOG_COLUMNS] + LOG_OFFSET) - center) / spread
    category = parameters["embedding"][x[:, CATEGORY_COLUMN].astype(jnp.int32)]
    hidden = jnp.concatenate([amounts, x[:, LOG_COLUMNS:CATEGORY_COLUMN], category], axis=1)
    for matrix, bias in parameters["layers"][:-1]:
        hidden = jax.nn.silu(hidden @ matrix + bias)
    matrix, bias = parameters["layers"][-1]
    steps = jax.nn.softplus(hidden @ matrix + bias) @ accumulator()
    return (x[:, RATE_COLUMN, None] * RATE_DAYS * steps).reshape(-1, len(HORIZONS_D), len(QUANTILES))


def _loss(parameters: Parameters, x: jax.Array, y: jax.Array, *, center: jax.Array, spread: jax.Array) -> jax.Array:
    """Pinball loss over horizons and quantiles, weighed down for heavy users as their demand varies more."""
    if x.shape[1] != len(FEATURES):
        raise ValueError(f"{x.shape[1]} inputs, the features are {len(FEATURES)}")
    error = y[:, :, None] - _forward(parameters, x, center=center, spread=spread)
    levels = jnp.asarray(QUANTILES)
    pinball = jnp.maximum(levels * error, (levels - 1) * error).mean(axis=2)
    usual = jnp.sqrt(x[:, RATE_COLUMN, None] * jnp.asarray(HORIZONS_D)) + 0.3
    return (pinball / usual).mean()
