"""Fit the use head by pinball loss in JAX, from one seed: how much of an item a sensor will see used.

The packs of each household are spread anew for several passes, so the network cannot learn one random spread. Half of
the series are seen in portions, as a level sensor sees them; made-up steady homes stand beside them, since a purchase
record knows no use that is the same every day. The weights are an average over the last steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from edge_agent.core.forecast import HORIZONS_D, QUANTILES
from models.dataset import CATEGORY_NAMES, Purchases
from models.heads import INPUTS, RATE_COLUMN, RATE_DAYS, Array, Finish, Head, Scaling, folded, scaled
from models.train_needs import CONTEXT
from models.use_rows import TRAINING, Rows, build_rows, steady_rows

Parameters = dict[str, Any]  # a JAX tree: embedding and layers
Report = Callable[[str], None]

NAME: Final = "use"
SHAPE: Final = (len(HORIZONS_D), len(QUANTILES))
EMBEDDING: Final = 4
COLUMNS: Final = tuple(name for name in INPUTS if name not in CONTEXT)

_AVERAGE = 0.998
_STEPS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class UsePlan:
    """How long and how hard to train. `steady_share` of the rows are of made-up steady homes."""

    spreads: int = 5
    steps: int = 9_000
    batch: int = 1_024
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    hidden: tuple[int, ...] = (48, 48)
    steady_share: float = 0.15


def train_use(
    fit: Sequence[Purchases],
    *,
    scaling: Scaling,
    seed: int,
    plan: UsePlan,
    report: Report = lambda _: None,
) -> Head:
    """The use head, fitted to the households of `fit`."""
    rng = np.random.default_rng([seed, 1])
    draws: list[Rows] = [build_rows(fit, origins=TRAINING, rng=rng) for _ in range(plan.spreads)]
    count = int(sum(len(rows.inputs) for rows in draws) * plan.steady_share / (1 - plan.steady_share))
    draws.append(steady_rows(count, rng=rng))
    inputs = np.concatenate([rows.inputs for rows in draws]).astype(np.float32)
    demand = np.concatenate([rows.demand for rows in draws]).astype(np.float32)
    columns = np.array([INPUTS.index(name) for name in COLUMNS])
    x = scaled(inputs, scaling)[:, columns]
    center = x.mean(axis=0)
    parts = (x - center, inputs[:, -1].astype(np.int32), inputs[:, RATE_COLUMN], demand)
    best = _descend(parts, seed=seed, plan=plan, rng=rng, report=report)
    layers = [(np.asarray(matrix), np.asarray(bias)) for matrix, bias in best["layers"]]
    layers[0] = folded(*layers[0], columns=columns, center=center)
    return Head(NAME, "packs", SHAPE, Finish.QUANTILES, np.asarray(best["embedding"]), tuple(layers))


def _descend(
    parts: tuple[Array | NDArray[np.int32], ...],
    *,
    seed: int,
    plan: UsePlan,
    rng: np.random.Generator,
    report: Report,
) -> Parameters:
    """AdamW with a cosine schedule; returns the average of the parameters over the last steps."""
    parameters = _start(jax.random.PRNGKey(seed), plan.hidden)
    schedule = optax.warmup_cosine_decay_schedule(0, plan.learning_rate, min(300, plan.steps // 10), plan.steps)
    optimiser = optax.adamw(schedule, weight_decay=plan.weight_decay)

    def step(carry: Any, batch: tuple[Any, ...]) -> tuple[Any, jax.Array]:  # noqa: ANN401 - JAX trees
        parameters, state, average, count = carry
        loss, slope = jax.value_and_grad(_loss)(parameters, *batch)
        updates, state = optimiser.update(slope, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        keep = jnp.minimum(_AVERAGE, (1 + count) / (10 + count))
        average = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, average, parameters)
        return (parameters, state, average, count + 1), loss

    run = jax.jit(lambda carry, batches: jax.lax.scan(step, carry, batches))
    carry: Any = (parameters, optimiser.init(parameters), parameters, jnp.float32(0))
    for done in range(0, plan.steps, _STEPS_AT_ONCE):
        rows = rng.integers(0, len(parts[0]), (min(_STEPS_AT_ONCE, plan.steps - done), plan.batch))
        carry, loss = run(carry, tuple(part[rows] for part in parts))
        if done % (20 * _STEPS_AT_ONCE) == 0:
            report(f"use: step {done} loss {float(loss.mean()):.4f}")
    return jax.tree.map(np.asarray, carry[2])  # type: ignore[no-any-return]


def _start(key: jax.Array, widths: Sequence[int]) -> Parameters:
    """Small random weights; the last layer starts near a plausible spread of quantiles."""
    outputs = SHAPE[0] * SHAPE[1]
    sizes = [len(COLUMNS) + EMBEDDING, *widths, outputs]
    keys = jax.random.split(key, len(sizes))
    layers = [
        (jax.random.normal(one, size) * (2.0 / size[0]) ** 0.5, jnp.zeros(size[1]))
        for one, size in zip(keys, pairwise(sizes), strict=False)
    ]
    layers[-1] = (layers[-1][0] * 0.1, jnp.full(outputs, -3.0))
    return {"embedding": jax.random.normal(keys[-1], (len(CATEGORY_NAMES), EMBEDDING)) * 0.1, "layers": layers}


def _loss(parameters: Parameters, x: jax.Array, category: jax.Array, rate: jax.Array, demand: jax.Array) -> jax.Array:
    """Pinball loss over horizons and quantiles, weighed down for heavy users as their demand varies more."""
    hidden = jnp.concatenate([x, parameters["embedding"][category]], axis=1)
    for matrix, bias in parameters["layers"][:-1]:
        hidden = jax.nn.relu(hidden @ matrix + bias)
    matrix, bias = parameters["layers"][-1]
    steps = jnp.exp(jnp.clip(hidden @ matrix + bias, -12, 6)).reshape(-1, *SHAPE)
    packs = jnp.cumsum(jnp.cumsum(steps, axis=2), axis=1) * (rate * RATE_DAYS)[:, None, None]
    error = demand[:, :, None] - packs
    levels = jnp.asarray(QUANTILES)
    pinball = jnp.maximum(levels * error, (levels - 1) * error).mean(axis=2)
    usual = jnp.sqrt(rate[:, None] * jnp.asarray(HORIZONS_D)) + 0.3
    return (pinball / usual).mean()
