"""Second stage: from tails of demand to chances to order by, down the slope of what the reorder rule costs.

The rule runs on shelves of the training households (`models.restocking`), at prices all over the range that is of use,
with decisions that are a little random; each close decision is tried both ways, and the network moves by what it was
worth. So it learns what a tail does not say: that a chance which is high today may be low after the shopping day, that
an item may not be used again, and how lots and lost sales play together. Only the lead time of `LEAD_D` is learned so,
the others stay tails (`models.tails`).
"""

from __future__ import annotations

import time
from math import log
from typing import Any, Final

import jax
import numpy as np
from numpy.typing import NDArray

from models.chances import (
    START,
    Descent,
    Draw,
    Draws,
    Parameters,
    Report,
    TailPlan,
    log_chances,
)
from models.heads import Array
from models.restocking import Rule, evenings, worth

LEAD_D: Final = 2
_YEAR_SHARE = 5.0  # keeps the slope near a length of one


def fit_orders(parameters: Parameters, draws: Draws, *, seed: int, plan: TailPlan, report: Report) -> Parameters:
    """By what close decisions were worth in the simulated year. Returns the average of the last steps."""
    rng = np.random.default_rng(seed)
    descent = Descent(plan.order_rate, plan.order_steps, plan=plan)
    answer = jax.jit(lambda parameters, x, category: log_chances(parameters, x, category, leads=(LEAD_D,))[:, :, 0])

    @jax.jit
    def step(carry: Any, x: jax.Array, category: jax.Array, slope: jax.Array) -> Any:  # noqa: ANN401 - JAX trees
        _, pull = jax.vjp(lambda of: log_chances(of, x, category, leads=(LEAD_D,))[:, :, 0], carry[0])
        return descent.move(carry, pull(slope)[0])

    carry, began, costs = descent.begin(parameters), time.monotonic(), list[float]()
    for number in range(1, plan.order_steps + 1):
        draw = draws.all[int(rng.integers(len(draws.all)))]
        item = np.sort(rng.choice(len(draw.x), min(plan.order_items, len(draw.x)), replace=False))
        x = draw.x[item].astype(np.float32)
        category = np.broadcast_to(draw.items.category[item][:, None], x.shape[:2])
        logs = np.asarray(answer(carry[0], x, category))
        noise = plan.noise[0] * (plan.noise[1] / plan.noise[0]) ** (number / plan.order_steps)
        slope, cost = _slope(draw, item, logs, noise=noise, rng=rng, plan=plan)
        carry = step(carry, x, category, slope)
        costs.append(cost)
        if number % plan.report_every == 0:
            report(f"orders: step {number} cost {np.mean(costs):.4f} after {time.monotonic() - began:.0f} s")
            costs = []
    return carry[2]  # type: ignore[no-any-return]


def _slope(
    draw: Draw, item: NDArray[np.int64], logs: Array, *, noise: float, rng: np.random.Generator, plan: TailPlan
) -> tuple[Array, float]:
    """Slope of the cost in the logs of the chances, shape of `logs` (items, days, positions), and the cost itself.

    A lane is an item at a price. Its cost counts by the stock that is held at this price and by the days of its record,
    as the benchmark's relative figures do.
    """
    lane_item = np.repeat(np.arange(len(item)), plan.order_prices)
    log_thrift = rng.uniform(log(plan.thrift[0]), log(plan.thrift[1]), len(lane_item))
    level = log_thrift + draw.prices[item][lane_item]
    rule = _rule(draw, item, logs, lane_item=lane_item, level=level, noise=noise, rng=rng)
    weight = np.exp(-log_thrift) / (rule.end - START)[lane_item] / _YEAR_SHARE / len(lane_item)
    moment, cost = evenings(rule)
    gain = worth(rule, moment)
    day, place = moment.day - START, moment.position - 1
    chance = rule.chance[moment.lane, day, place]
    slope = np.zeros(logs.shape)
    by = -gain * chance * (1 - chance) / noise * weight[moment.lane]
    np.add.at(slope, (lane_item[moment.lane], day, place), by)
    return slope.astype(np.float32), float((cost * weight).sum())


def _rule(
    draw: Draw,
    item: NDArray[np.int64],
    logs: Array,
    *,
    lane_item: NDArray[np.int64],
    level: NDArray[np.float64],
    noise: float,
    rng: np.random.Generator,
) -> Rule:
    """The rule at these prices, `level` the log of each lane's; each evening's price is off by logistic noise."""
    shown = logs[lane_item].astype(np.float64)
    luck = rng.random(shown.shape[:2])
    bar = level[:, None] + noise * np.log(luck / (1 - luck))
    lot = draw.items.order_packs[item]
    return Rule(
        finished=draw.items.finished[item],
        end=draw.items.end[item],
        order_packs=lot,
        item=lane_item,
        needs=1 + (shown > bar[:, :, None]).sum(axis=2),
        chance=1 / (1 + np.exp(np.clip((level[:, None, None] - shown) / noise, -50, 50))),
        pack_day_cost=np.exp(level) / lot[lane_item],
        lead_d=LEAD_D,
        start=START,
    )
