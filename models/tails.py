"""Fit the head that a reorder decision goes by, in two stages.

First tails of demand by likelihood: P(k packs or more are finished within d days), on every day of every item. Then,
for the usual lead time, the chances to order by (`models.orders`), which are those tails put right where they decide
badly. At last the other lead times are fitted anew to what the hidden layers have become.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from models.chances import (
    LEAD_DAYS,
    POSITIONS,
    Descent,
    Draws,
    Parameters,
    Report,
    TailPlan,
    draws_of,
    first_parameters,
    likelihood_loss,
)
from models.dataset import Purchases
from models.heads import Head, Scaling
from models.orders import LEAD_D, fit_orders

FULL = TailPlan()


def train_tails(
    fit: Sequence[Purchases], *, scaling: Scaling, seed: int, plan: TailPlan = FULL, report: Report = lambda _: None
) -> list[Head]:
    """The head `order_chances`, fitted to these households.

    Raises: ValueError when no item was bought often enough.
    """
    draws = draws_of(fit, scaling=scaling, plan=plan, rng=np.random.default_rng(seed))
    report(f"orders: {len(draws.all[0].x)} items, {len(draws.all)} times")
    tails = fit_tails(draws, seed=seed, plan=plan, report=report)
    orders = fit_orders(tails, draws, seed=seed + 1, plan=plan, report=report)
    return [draws.head(fit_other_leads(orders, draws, seed=seed + 2, plan=plan))]


def fit_tails(draws: Draws, *, seed: int, plan: TailPlan, report: Report) -> Parameters:
    """By likelihood of what was finished within each number of days. Returns the average of the last steps."""
    rng = np.random.default_rng(seed)
    descent = Descent(plan.tail_rate, plan.tail_steps, plan=plan)

    @jax.jit
    def step(carry: Any, *batch: Any) -> Any:  # noqa: ANN401 - JAX trees
        loss, slope = jax.value_and_grad(likelihood_loss)(carry[0], *batch)
        return descent.move(carry, slope), loss

    carry, began, losses = descent.begin(first_parameters(plan.widths, seed=seed)), time.monotonic(), list[float]()
    for number in range(1, plan.tail_steps + 1):
        draw = draws.all[int(rng.integers(len(draws.all)))]
        carry, loss = step(carry, *draw.batch(plan.tail_batch, rng=rng))
        losses.append(float(loss))
        if number % plan.report_every == 0:
            report(f"tails: step {number} loss {np.mean(losses):.4f} after {time.monotonic() - began:.0f} s")
            losses = []
    return carry[2]  # type: ignore[no-any-return]


def fit_other_leads(parameters: Parameters, draws: Draws, *, seed: int, plan: TailPlan) -> Parameters:
    """The last layer's numbers of all lead times but LEAD_D, by likelihood; nothing else moves."""
    rng = np.random.default_rng(seed)
    descent = Descent(plan.tail_rate, plan.last_steps, plan=plan)
    free = np.repeat([days != LEAD_D for days in LEAD_DAYS], POSITIONS)
    *hidden, last = parameters["layers"]

    def whole(moved: Any) -> Parameters:  # noqa: ANN401 - JAX trees
        kept = tuple(jnp.where(free, new, old) for new, old in zip(moved, last, strict=True))
        return {"embedding": parameters["embedding"], "layers": [*hidden, kept]}

    @jax.jit
    def step(carry: Any, *batch: Any) -> Any:  # noqa: ANN401 - JAX trees
        return descent.move(carry, jax.grad(lambda moved: likelihood_loss(whole(moved), *batch))(carry[0]))

    carry = descent.begin(tuple(last))
    for _ in range(plan.last_steps):
        draw = draws.all[int(rng.integers(len(draws.all)))]
        carry = step(carry, *draw.batch(plan.tail_batch, rng=rng))
    return whole(carry[2])
