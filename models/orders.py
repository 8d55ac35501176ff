"""Second stage: from tails of demand to chances to order by, down the slope of what the reorder rule costs.

The rule runs on shelves of the training households (`models.restocking`), at prices all over the range that is of use,
with decisions that are a little random; each close decision is tried both ways, and the network moves by what it was
worth. So it learns what a tail does not say: that a chance which is high today may be low after the shopping day, that
an item may not be used again, and how lots and lost sales play together. Only the lead time of `LEAD_D` is learned so,
the others stay tails (`models.tails`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import log
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from models.chances import (
    POSITIONS,
    START,
    Descent,
    Draw,
    Draws,
    Parameters,
    Report,
    TailPlan,
    log_chances,
    some_kept,
)
from models.restocking import Lanes, Moment, Shelf, evenings, worth

LEAD_D: Final = 2
_YEAR_SHARE = 5.0  # keeps the slope near a length of one
_CLOSE: Final = 0.03  # of p(1 - p): further from a coin toss there is nothing to decide
_LAST_DAYS: Final = LEAD_D + 2  # before the end of a record an order shows no more


class Items(NamedTuple):
    """Some items and their years: what a step learns from.

    Shapes: `x` (items, days, columns); `finished` (items, days) packs; `category`, `end` (days from the first), `lot`
    (packs of an order), `price` (log of its days of supply) (items,).
    """

    x: jax.Array
    category: jax.Array
    finished: jax.Array
    end: jax.Array
    lot: jax.Array
    price: jax.Array


def fit_orders(parameters: Parameters, draws: Draws, *, seed: int, plan: TailPlan, report: Report) -> Parameters:
    """By what close decisions were worth in the simulated year. Returns the average of the last steps."""
    rng = np.random.default_rng(seed)
    descent = Descent(plan.order_rate, plan.order_steps, plan=plan)
    step = _step_of(descent, plan)
    carry, began, costs = descent.begin(parameters), time.monotonic(), list[jax.Array]()
    for number in range(1, plan.order_steps + 1):
        draw = draws.all[int(rng.integers(len(draws.all)))]
        some = rng.choice(len(draw.x), min(plan.order_items, len(draw.x)), replace=False)
        noise = plan.noise[0] * (plan.noise[1] / plan.noise[0]) ** (number / plan.order_steps)
        carry, cost = step(carry, _items(draw, some), jax.random.PRNGKey(int(rng.integers(1 << 31))), noise)
        costs.append(cost)
        if number % plan.report_every == 0:
            report(f"orders: step {number} cost {np.mean(costs):.4f} after {time.monotonic() - began:.0f} s")
            costs = []
    return carry[2]  # type: ignore[no-any-return]


def slope_of(logs: jax.Array, items: Items, *, key: jax.Array, noise: jax.Array, plan: TailPlan) -> tuple[Any, Any]:
    """Slope of the cost in the logs of the chances, shape of `logs` (items, days, positions), and the cost itself.

    A lane is an item at a price. Its cost counts by the stock that is held at this price and by the days of its record,
    as the benchmark's relative figures do.
    """
    item = jnp.repeat(jnp.arange(len(logs)), plan.order_prices)
    key, luck = jax.random.split(key)
    log_thrift = _log_thrifts(key, len(logs), plan=plan)
    level = log_thrift + items.price[item]
    bar = level[:, None] + noise * jax.random.logistic(luck, (len(item), logs.shape[1]))
    lanes = Lanes(
        finished=items.finished[item],
        needs=1.0 + (logs[item] > bar[:, :, None]).sum(axis=2),
        end=items.end[item],
        lot=items.lot[item],
        pack_day_cost=jnp.exp(level) / items.lot[item],
    )
    weight = jnp.exp(-log_thrift) / items.end[item] / _YEAR_SHARE / len(item)
    shelves, cost = evenings(lanes, lead_d=LEAD_D)
    close, place = _close(shelves, logs[item], lanes, level=level, noise=noise)
    moment, chosen = _moments(close, shelves, most=plan.order_moments)
    by = -worth(lanes, moment) * close.ravel()[chosen] / noise * weight[moment.lane] * moment.counts
    slope = jnp.zeros_like(logs).at[item[moment.lane], moment.day, place.ravel()[chosen]].add(by)
    return slope, (cost * weight).sum()


def _step_of(descent: Descent, plan: TailPlan) -> Callable[..., Any]:
    @jax.jit
    def step(carry: Any, items: Items, key: jax.Array, noise: jax.Array) -> Any:  # noqa: ANN401 - JAX trees
        category, x = items.category[:, None], items.x.astype(jnp.float32)
        masks, key = jax.random.split(key)
        kept = some_kept(masks, items=len(x), plan=plan)
        logs, pull = jax.vjp(lambda of: log_chances(of, x, category, leads=(LEAD_D,), kept=kept)[:, :, 0], carry[0])
        slope, cost = slope_of(logs, items, key=key, noise=noise, plan=plan)
        return descent.move(carry, pull(slope)[0]), cost

    return step


def _items(draw: Draw, some: np.ndarray[Any, Any]) -> Items:
    days = draw.x.shape[1]
    return Items(
        x=jnp.asarray(draw.x[some]),
        category=jnp.asarray(draw.items.category[some]),
        finished=jnp.asarray(draw.items.finished[some, START : START + days], dtype=jnp.float32),
        end=jnp.asarray(draw.items.end[some] - START, dtype=jnp.float32),
        lot=jnp.asarray(draw.items.order_packs[some], dtype=jnp.float32),
        price=jnp.asarray(draw.prices[some], dtype=jnp.float32),
    )


def _log_thrifts(key: jax.Array, items: int, *, plan: TailPlan) -> jax.Array:
    """Each item's prices, spread evenly over the range. Shape: (items x prices,)."""
    low, high = (log(thrift) for thrift in plan.thrift)
    part = jnp.tile(jnp.arange(plan.order_prices), items)
    return low + (high - low) * (part + jax.random.uniform(key, part.shape)) / plan.order_prices


def _close(
    shelves: Shelf, shown: jax.Array, lanes: Lanes, *, level: jax.Array, noise: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """p(1 - p) of ordering at each evening, 0 where that is no choice, and the place of the position.

    Shapes: (days, lanes); `shown` (lanes, days, positions) logs.
    """
    place = jnp.clip(shelves.position, 1, POSITIONS).astype(jnp.int32) - 1
    said = jnp.take_along_axis(shown.transpose(1, 0, 2), place[:, :, None], axis=2)[:, :, 0]
    chance = jax.nn.sigmoid((said - level) / noise)
    doubt = chance * (1 - chance)
    days = jnp.arange(len(doubt))[:, None]
    choice = (doubt > _CLOSE) & (shelves.position <= POSITIONS) & (days + _LAST_DAYS < lanes.end)
    return jnp.where(choice, doubt, 0.0), place


def _moments(close: jax.Array, shelves: Shelf, *, most: int) -> tuple[Moment, jax.Array]:
    """The evenings that are a choice, the first `most` of them, and where they stand among all days and lanes."""
    (chosen,) = jnp.nonzero(close.ravel(), size=most, fill_value=0)
    counts = (jnp.arange(most) < (close > 0).sum()).astype(close.dtype)
    lane, day = chosen % close.shape[1], chosen // close.shape[1]
    return Moment(lane, day, jax.tree.map(lambda part: part.ravel()[chosen], shelves), counts), chosen
